// Records of the catalog: golden bytes, the way back, and damage.
#include <gtest/gtest.h>

#include "catalog/record_bytes.h"
#include "catalog/test_tables.h"

namespace kalamdb::catalog {
namespace {

std::string Hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (char c : bytes) {
    hex += kDigits[static_cast<unsigned char>(c) >> 4];
    hex += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return hex;
}

// A table with something in every field.
TablePtr FullTable() {
  CreateTableSpec spec = MakeSpec(TableKind::kUser);
  spec.options.flush_rows = 300;
  spec.options.deleted_retention_s.reset();
  spec.options.compression = Compression::kSnappy;
  spec.comment = "c";
  AlterAction add = NotNull(AddWithDefault("d", "DECIMAL(10,2)", "1.5", row::Value::Wide(150)));
  add.comment = "new";
  return ApplyAlter(**MakeTable(std::move(spec)), {add}, {"bob", -5}).value().table;
}

View FullView() {
  View view;
  view.id = 300;
  view.namespace_name = "app";
  view.name = "v";
  view.owner = UserId(3);
  view.owner_name = "alice";
  view.select_sql = "SELECT 1";
  view.depends_on_tables = {{TableId(7), {ColumnId(1), ColumnId(2)}}};
  view.depends_on_views = {9};
  view.column_names = {"a"};
  view.created_at = 1'000'000;
  return view;
}

// Behind the format byte; the same in formats 01 and 02.
constexpr std::string_view kTableHex =
    "07"
    "03617070"
    "0174"
    "01"  // id, namespace, name, kind
    "ac02"
    "ac02"
    "00"
    "00"
    "00"  // flush rows, interval, retention off, ttl
    "01"
    "03"
    "02"
    "056c6f63616c"  // scope, access level, compression, storage
    "03"
    "05616c696365"  // owner
    "80897a"
    "09"
    "0163"  // created, updated, comment
    "0c"
    "02"  // next column id, write version
    "01"
    "07745f636865636b"
    "0a28222332"
    "22203e2030"
    "29"
    "0104"  // checks
    "02";   // versions

// Behind the format byte, and before the schema with its length: version 1.
constexpr std::string_view kVersionHex =
    "80897a"
    "05616c696365"
    "0c435245415445205441424c45";  // created, by whom, changes

TEST(RecordsTest, GoldenBytesOfATable) {
  const TablePtr table = FullTable();
  EXPECT_EQ(Hex(EncodeTable(*table)), "02" + std::string(kTableHex));
  // The schema's own bytes are of row (docs/formats/schema.md).
  RecordWriter schema(0);
  schema.String(row::EncodeSchema(*table->schemas[0]));
  EXPECT_EQ(Hex(EncodeVersion(*table, SchemaVersion(1))),
            "01" + std::string(kVersionHex) + Hex(schema.Take().substr(1)));
}

TEST(RecordsTest, ATableOfFormat01HoldsItsVersions) {
  const TablePtr table = FullTable();
  std::string old = EncodeTable(*table);
  old[0] = 1;
  old += EncodeVersion(*table, SchemaVersion(1)).substr(1);
  old += EncodeVersion(*table, SchemaVersion(2)).substr(1);
  const TableRecord record = *DecodeTable(old);
  EXPECT_TRUE(record.table->versions_in_record);
  EXPECT_EQ(record.versions, 2u);
  EXPECT_EQ(record.table->versions[1].changes, table->versions[1].changes);
  EXPECT_EQ(PrintCreateTable(*record.table), PrintCreateTable(*table));
  for (size_t length = 0; length < old.size(); ++length) {
    EXPECT_FALSE(DecodeTable(std::string_view(old).substr(0, length)).ok()) << length;
  }
  EXPECT_FALSE(DecodeTable(old + '\0').ok());
}

TEST(RecordsTest, GoldenBytesOfAView) {
  EXPECT_EQ(Hex(EncodeView(FullView())),
            "01"
            "ac02"
            "03617070"
            "0176"
            "03"
            "05616c696365"
            "0853454c4543542031"
            "01"
            "07"
            "02"
            "02"
            "04"  // tables with columns
            "01"
            "09"  // views
            "01"
            "0161"
            "80897a");
}

TEST(RecordsTest, GoldenBytesOfANamespace) {
  EXPECT_EQ(Hex(EncodeNamespace({"App", {{"k", "v"}}, 1'000'000})),
            "01"
            "03417070"
            "01"
            "016b"
            "0176"
            "80897a");
}

TEST(RecordsTest, TablesComeBack) {
  const TablePtr table = FullTable();
  const TableRecord record = *DecodeTable(EncodeTable(*table));
  ASSERT_EQ(record.versions, 2u);
  const std::shared_ptr<Table> back = record.table;
  EXPECT_FALSE(back->versions_in_record);
  for (uint32_t v = 1; v <= 2; ++v) {
    VersionRecord version = *DecodeVersion(EncodeVersion(*table, SchemaVersion(v)));
    back->versions.push_back(std::move(version.info));
    back->schemas.push_back(std::move(version.schema));
  }
  EXPECT_EQ(back->options, table->options);
  EXPECT_EQ(back->name, "t");
  EXPECT_EQ(back->owner_name, "alice");
  EXPECT_EQ(back->comment, "c");
  EXPECT_EQ(back->updated_at, -5);
  EXPECT_EQ(back->write_version, SchemaVersion(2));
  EXPECT_EQ(back->next_column_id, ColumnId(6));
  EXPECT_EQ(back->versions[1].changes, table->versions[1].changes);
  EXPECT_EQ(back->versions[1].version, SchemaVersion(2));
  EXPECT_EQ(back->checks[0].expression.columns, table->checks[0].expression.columns);
  EXPECT_EQ(back->schema()->column(4).initial_default, row::Value::Wide(150));
  EXPECT_EQ(PrintCreateTable(*back), PrintCreateTable(*table));
  const row::ProjectionPtr projection = *back->ProjectionFrom(SchemaVersion(1));
  EXPECT_EQ(projection->source(4).constant, row::Value::Wide(150));
  EXPECT_FALSE(back->ProjectionFrom(SchemaVersion(3)).ok());
  EXPECT_FALSE(back->ProjectionFrom(SchemaVersion(0)).ok());
}

TEST(RecordsTest, DamageIsSeenAndNeverCrashes) {
  const std::string table = EncodeTable(*FullTable());
  const std::string version = EncodeVersion(*FullTable(), SchemaVersion(2));
  const std::string view = EncodeView(FullView());
  for (size_t length = 0; length < version.size(); ++length) {
    EXPECT_FALSE(DecodeVersion(std::string_view(version).substr(0, length)).ok()) << length;
  }
  for (size_t length = 0; length < table.size(); ++length) {
    EXPECT_FALSE(DecodeTable(std::string_view(table).substr(0, length)).ok()) << length;
  }
  for (size_t length = 0; length < view.size(); ++length) {
    EXPECT_FALSE(DecodeView(std::string_view(view).substr(0, length)).ok()) << length;
  }
  EXPECT_FALSE(DecodeTable(table + '\0').ok());
  // Any byte may be anything: an answer or an error, and a newer format is an error that says so.
  for (size_t at = 0; at < table.size(); ++at) {
    for (int value : {0x00, 0x01, 0x7F, 0x80, 0xFF}) {
      std::string damaged = table;
      damaged[at] = static_cast<char>(value);
      (void)DecodeTable(damaged);
    }
  }
  std::string newer = table;
  newer[0] = 3;
  EXPECT_NE(DecodeTable(newer).error().message.find("format 3"), std::string::npos);
}

TEST(RecordBytesTest, VarintsAndSigns) {
  RecordWriter out(9);
  const std::vector<int64_t> values = {0, 1, -1, 63, -64, 64, INT64_MAX, INT64_MIN};
  for (int64_t value : values) out.Signed(value);
  out.Varint(UINT64_MAX);
  const std::string bytes = out.Take();
  RecordReader in(bytes);
  EXPECT_EQ(in.format(), 9);
  for (int64_t value : values) EXPECT_EQ(in.Signed(), value);
  EXPECT_EQ(in.Varint(), UINT64_MAX);
  EXPECT_TRUE(in.Done());
  EXPECT_EQ(in.Varint(), 0u);
  EXPECT_FALSE(in.ok());

  RecordReader too_long(std::string_view("\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11));
  EXPECT_EQ(too_long.Varint(), 0u);
  EXPECT_FALSE(too_long.ok());
}

}  // namespace
}  // namespace kalamdb::catalog
