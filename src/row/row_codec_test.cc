// Rows: golden bytes, round trips of random schemas, and that damage is an error, never a read beyond the row.
#include "row/row_codec.h"

#include <gtest/gtest.h>

#include <memory>

#include "row/test_random.h"
#include "row/text_form.h"

namespace kalamdb::row {
namespace {

using namespace std::string_literals;

std::string Hex(std::string_view bytes) {
  std::string out;
  AppendHex(bytes, &out);
  return out;
}

Schema SchemaOf(std::initializer_list<const char*> types) {
  std::vector<Column> columns;
  for (const char* sql : types) {
    Column column;
    column.id = ColumnId(static_cast<int32_t>(columns.size() + 1));
    column.name = "c" + std::to_string(columns.size());
    column.type = *ParseType(sql);
    column.nullable = !columns.empty();
    column.key_position = columns.empty() ? 1 : 0;
    columns.push_back(std::move(column));
  }
  return Schema(SchemaVersion(0x0102), std::move(columns));
}

std::string EncodedHex(const Schema& schema, const std::vector<Value>& values) {
  return Hex(EncodeRow(schema, RowLayout(schema), values));
}

// Frozen: a change breaks every database there is (docs/formats/row.md).
TEST(RowCodec, GoldenHeader) {
  const Schema schema = SchemaOf({"BOOLEAN"});
  std::string row = EncodeRow(schema, RowLayout(schema), {Value::Bool(true)});
  EXPECT_EQ(Hex(row),
            "01"
            "00"
            "0000"
            "02010000"
            "0000000000000000"
            "0000000000000000"
            "00"
            "01");
  StampRow(row.data(), Seq(0x0A0B), 0x0C0D);
  SetRowDeleted(&row, true);
  EXPECT_EQ(Hex(row),
            "01"
            "01"
            "0000"
            "02010000"
            "0b0a000000000000"
            "0d0c000000000000"
            "00"
            "01");
  EXPECT_EQ(RowVersion(row), SchemaVersion(0x0102));
  EXPECT_EQ(RowSeq(row), Seq(0x0A0B));
  EXPECT_EQ(RowUpdated(row), 0x0C0D);
  EXPECT_TRUE(RowIsDeleted(row));
  SetRowDeleted(&row, false);
  EXPECT_FALSE(RowIsDeleted(row));
}

constexpr size_t kHeaderHex = kRowHeaderBytes * 2;

TEST(RowCodec, GoldenBodyOfFixedColumns) {
  const Schema schema =
      SchemaOf({"SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "DATE", "TIME", "TIMESTAMP", "TIMESTAMPTZ"});
  EXPECT_EQ(EncodedHex(schema, {Value::Int(-2), Value::Int(1), Value::Int(2), Value::Float(1), Value::Double(1),
                                Value::Int(-1), Value::Int(3), Value::Null(), Value::Int(4)})
                .substr(kHeaderHex),
            "8000"
            "feff"
            "01000000"
            "0200000000000000"
            "0000803f"
            "000000000000f03f"
            "ffffffff"
            "0300000000000000"
            "0000000000000000"
            "0400000000000000");
  const Schema wide = SchemaOf({"DECIMAL(20,2)", "UUID"});
  EXPECT_EQ(EncodedHex(wide, {Value::Wide(-2), Value::Wide(*ParseUuid("f0e1d2c3-b4a5-9687-1122-334455667788"))})
                .substr(kHeaderHex),
            "00"
            "feffffffffffffffffffffffffffffff"
            "f0e1d2c3b4a596871122334455667788");
}

TEST(RowCodec, GoldenBodyOfVariableColumns) {
  const Schema schema = SchemaOf({"TEXT", "INT", "BYTES", "JSON", "EMBEDDING(1)"});
  const std::vector<Value> values = {Value::String("ab"), Value::Int(7), Value::Null(), Value::String("{}"),
                                     Value::String("\x00\x00\x80\x3F"s)};
  EXPECT_EQ(EncodedHex(schema, values).substr(kHeaderHex),
            "04"
            "02000000"
            "07000000"
            "02000000"
            "04000000"
            "08000000"
            "6162"
            "7b7d"
            "0000803f");
}

// Hot and cold must agree, and a Parquet dictionary holds one zero.
TEST(RowCodec, MinusZeroIsWrittenAsZero) {
  const Schema schema = SchemaOf({"FLOAT", "DOUBLE"});
  EXPECT_EQ(EncodedHex(schema, {Value::Float(-0.0F), Value::Double(-0.0)}),
            EncodedHex(schema, {Value::Float(0.0F), Value::Double(0.0)}));
  EXPECT_NE(EncodedHex(schema, {Value::Float(-1.5F), Value::Double(-5e-324)}),
            EncodedHex(schema, {Value::Float(1.5F), Value::Double(5e-324)}));
}

TEST(RowCodec, EveryRowComesBack) {
  const uint64_t seed = Random::FreshSeed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  for (int round = 0; round < 5'000; ++round) {
    const Schema schema = random.AnySchema(30);
    const RowLayout layout(schema);
    const auto values = random.RowOf(schema);
    std::string row = EncodeRow(schema, layout, values);
    StampRow(row.data(), Seq(random.Bits()), static_cast<Micros>(random.Bits()));
    ASSERT_TRUE(CheckRow(layout, row).ok());
    for (size_t i = 0; i < values.size(); ++i) {
      ASSERT_EQ(RowIsNull(row, i), values[i].is_null());
      const Value back = RowValue(schema, layout, row, i);
      ASSERT_EQ(back, values[i]) << schema.column(i).type.ToSql();
    }
  }
}

// Of damaged bytes CheckRow says no, or every column can be read within the row. The copies are exactly as long as the
// row, so that the sanitizer sees a read behind it.
void CheckThenRead(const Schema& schema, const RowLayout& layout, std::string_view bytes) {
  const auto copy = std::make_unique<char[]>(bytes.size());
  std::memcpy(copy.get(), bytes.data(), bytes.size());
  const std::string_view row(copy.get(), bytes.size());
  const auto status = CheckRow(layout, row);
  if (!status.ok()) {
    ASSERT_EQ(status.error().code, ErrorCode::kStorageUnavailable);
    return;
  }
  for (size_t i = 0; i < schema.size(); ++i) {
    const Value value = RowValue(schema, layout, row, i);
    if (value.is_null() || schema.column(i).type.kind() != TypeKind::kEmbedding) continue;
    ASSERT_EQ(value.as_string().size(), schema.column(i).type.length() * sizeof(float));
  }
}

TEST(RowCodec, DamageIsAnErrorOrHarmless) {
  const uint64_t seed = Random::FreshSeed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  for (int round = 0; round < 2'000; ++round) {
    const Schema schema = random.AnySchema(10);
    const RowLayout layout(schema);
    const std::string row = EncodeRow(schema, layout, random.RowOf(schema));
    for (int change = 0; change < 20; ++change) {
      std::string damaged = row;
      damaged[random.Below(row.size())] ^= static_cast<char>(1u << random.Below(8));
      CheckThenRead(schema, layout, damaged);
      const std::string shorter = row.substr(0, random.Below(row.size()));
      ASSERT_FALSE(CheckRow(layout, shorter).ok());
      CheckThenRead(schema, layout, shorter);
      ASSERT_FALSE(CheckRow(layout, row + std::string(1 + random.Below(9), '\0')).ok());
    }
    CheckThenRead(schema, layout, random.Bytes(100));
  }
}

TEST(RowCodec, RefusesOtherVersionsFormatsAndFlags) {
  const Schema schema = SchemaOf({"INT"});
  const RowLayout layout(schema);
  const std::string row = EncodeRow(schema, layout, {Value::Int(1)});
  for (const size_t at : {0, 1, 3, 4, 7}) {
    std::string other = row;
    other[at] ^= 0x20;
    EXPECT_FALSE(CheckRow(layout, other).ok()) << at;
  }
  std::string other = row;
  StoreLittle(other.data() + 2, static_cast<uint16_t>(schema.version().value));
  EXPECT_FALSE(CheckRow(layout, other).ok()) << "written under version 0";
}

TEST(RowCodec, ARowRemembersTheVersionItWasWrittenUnder) {
  std::vector<Column> columns(1);
  columns[0] = {.id = ColumnId(1), .name = "c0", .type = *ParseType("INT"), .nullable = false, .key_position = 1};
  const Schema schema(SchemaVersion(70'000), std::move(columns));
  const RowLayout layout(schema);
  std::string row = EncodeRow(schema, layout, {Value::Int(1)});
  EXPECT_EQ(RowWrittenVersion(row), SchemaVersion(70'000));
  for (const uint32_t written : {70'000u, 69'999u, 60'000u, 4'465u}) {
    SetRowWrittenVersion(&row, SchemaVersion(written));
    EXPECT_EQ(RowWrittenVersion(row), SchemaVersion(written));
    EXPECT_TRUE(CheckRow(layout, row).ok());
  }
  SetRowWrittenVersion(&row, SchemaVersion(1));
  EXPECT_EQ(RowWrittenVersion(row), SchemaVersion(70'000 - 65'535)) << "as far as it counts";
  EXPECT_EQ(RowVersion(row), SchemaVersion(70'000));
}

TEST(RowCodec, LayoutsKnowTheVariableColumns) {
  const Schema schema = SchemaOf({"INT", "TEXT", "BOOLEAN", "BYTES"});
  const RowLayout layout(schema);
  EXPECT_FALSE(layout.is_variable(0));
  EXPECT_EQ(layout.previous_variable(1), RowLayout::kNone);
  EXPECT_EQ(layout.previous_variable(3), 1);
  EXPECT_EQ(layout.offset(0), kRowHeaderBytes + 1);
  EXPECT_EQ(layout.offset(3), kRowHeaderBytes + 1 + 4 + 4 + 1);
  EXPECT_EQ(layout.variable_start(), kRowHeaderBytes + 1 + 4 + 4 + 1 + 4);
}

}  // namespace
}  // namespace kalamdb::row
