// CREATE TABLE: ids, keys, checks, refusals; and its text again.
#include <gtest/gtest.h>

#include "catalog/alter.h"
#include "catalog/test_tables.h"

namespace kalamdb::catalog {
namespace {

TEST(CreateTableTest, VersionOne) {
  const TablePtr table = MakeTestTable();
  EXPECT_EQ(table->version(), SchemaVersion(1));
  EXPECT_EQ(table->next_column_id, ColumnId(5));
  EXPECT_EQ(table->versions[0].changes, "CREATE TABLE");
  EXPECT_EQ(table->versions[0].changed_by, "alice");
  EXPECT_FALSE(table->schema()->column(0).nullable) << "a key is never NULL";
  EXPECT_EQ(table->checks[0].name, "t_check");
  EXPECT_EQ(table->checks[0].expression.columns, std::vector<ColumnId>{ColumnId(2)});
}

TEST(CreateTableTest, WithoutKeyThereIsAHiddenId) {
  CreateTableSpec spec = MakeSpec(TableKind::kUser);
  spec.columns = {MakeColumn("a", "INT"), MakeColumn("b", "TEXT")};
  spec.checks.clear();
  const TablePtr table = *MakeTable(std::move(spec));
  const row::Column& id = table->schema()->column(0);
  EXPECT_EQ(id.name, "_id");
  EXPECT_TRUE(id.hidden);
  EXPECT_EQ(id.type, row::Type::Of(row::TypeKind::kBigInt));
  EXPECT_EQ(id.write_default, "SNOWFLAKE_ID()");
  EXPECT_EQ(id.id, ColumnId(3));
  EXPECT_EQ(table->schema()->column(1).id, ColumnId(1));
  EXPECT_EQ(table->schema()->key_ordinals(), std::vector<uint16_t>{0});
  EXPECT_EQ(PrintCreateTable(*table).find("_id"), std::string::npos);
}

TEST(CreateTableTest, ChecksByNameFindColumnsAndNothingElse) {
  CreateTableSpec spec = MakeSpec();
  spec.columns = {MakeKey("id", "BIGINT"), MakeColumn("length", "INT"), MakeColumn("date", "DATE"),
                  MakeColumn("Odd \"x\"", "TEXT")};
  spec.checks = {{"", "((length(\"Odd \"\"x\"\"\") < length) AND (date > CAST('date length' AS DATE)))"},
                 {"t_CHECK", "(length <> 1e5)"}};
  spec.check_columns = {{"length", "date", "odd \"X\""}, {"length", "e5"}};
  const TablePtr table = *MakeTable(std::move(spec));
  EXPECT_EQ(table->checks[0].name, "t_check1") << "the other check has taken the first name";
  EXPECT_EQ(table->checks[0].expression.text, "((length(\"#4\") < \"#2\") AND (\"#3\" > CAST('date length' AS DATE)))");
  EXPECT_EQ(table->checks[0].expression.columns, (std::vector<ColumnId>{ColumnId(4), ColumnId(2), ColumnId(3)}));
  EXPECT_EQ(table->checks[0].expression.ToText(*table->schema()),
            "((length(\"Odd \"\"x\"\"\") < length) AND (date > CAST('date length' AS DATE)))");
  EXPECT_EQ(table->checks[1].expression.text, "(\"#2\" <> 1e5)");
}

TEST(CreateTableTest, Refusals) {
  struct Case {
    std::function<void(CreateTableSpec*)> change;
    ErrorCode code;
  };
  const std::vector<Case> cases = {
      {[](auto* s) { s->name = "_t"; }, ErrorCode::kInvalidSql},
      {[](auto* s) { s->columns.push_back(MakeColumn("N", "INT")); }, ErrorCode::kInvalidSql},
      {[](auto* s) { s->columns.push_back(MakeColumn("_seq", "INT")); }, ErrorCode::kInvalidSql},
      {[](auto* s) { s->columns.clear(); }, ErrorCode::kInvalidSql},
      {[](auto* s) { s->columns[0] = MakeKey("id", "JSON"); }, ErrorCode::kUnsupported},
      {[](auto* s) { s->columns[0] = MakeKey("id", "EMBEDDING(3)"); }, ErrorCode::kUnsupported},
      {[](auto* s) { s->checks = {{"c", "(\"#2\" > 0)"}, {"C", "(\"#2\" > 1)"}}; }, ErrorCode::kAlreadyExists},
      {[](auto* s) { s->kind = TableKind::kStream; }, ErrorCode::kInvalidParameter},
      {[](auto* s) {
         s->kind = TableKind::kStream;
         s->options.ttl_seconds = 1;
         s->options.access_level = AccessLevel::kPublic;
       },
       ErrorCode::kInvalidParameter},
      {[](auto* s) {
         for (size_t i = 0; i < row::kMaxColumns; ++i) s->columns.push_back(MakeColumn("c" + std::to_string(i), "INT"));
       },
       ErrorCode::kTooLarge},
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    CreateTableSpec spec = MakeSpec();
    cases[i].change(&spec);
    const Result<TablePtr> made = MakeTable(std::move(spec));
    ASSERT_FALSE(made.ok()) << i;
    EXPECT_EQ(made.error().code, cases[i].code) << i << ": " << made.error().message;
  }
}

TEST(PrintCreateTableTest, EveryPart) {
  CreateTableSpec spec = MakeSpec(TableKind::kUser);
  spec.namespace_name = "default";
  spec.name = "Order";
  spec.columns[1].comment = "it's";
  spec.columns[2].write_default = "(1 + 2)";
  spec.comment = "orders";
  EXPECT_EQ(PrintCreateTable(**MakeTable(std::move(spec))),
            "CREATE TABLE \"default\".\"Order\" (\n"
            "  id BIGINT PRIMARY KEY,\n"
            "  n INT DEFAULT 1 COMMENT 'it''s',\n"
            "  s VARCHAR(10) DEFAULT (1 + 2),\n"
            "  r TEXT NOT NULL DEFAULT 'x',\n"
            "  CONSTRAINT \"Order_check\" CHECK (n > 0)\n"
            ") COMMENT 'orders' WITH (TYPE = 'USER', STORAGE_ID = 'local', FLUSH_POLICY = 'rows:100000,interval:300', "
            "DELETED_RETENTION = '7d', COMPRESSION = 'zstd')");
}

TEST(PrintCreateTableTest, AKeyOfSeveralColumnsInItsOwnOrder) {
  CreateTableSpec spec = MakeSpec(TableKind::kStream);
  spec.columns = {MakeKey("b", "TEXT", 2), MakeKey("a", "INT", 1), MakeColumn("at", "TIMESTAMP", "now() + 1")};
  spec.checks.clear();
  spec.options.scope = Scope::kShared;
  EXPECT_EQ(
      PrintCreateTable(**MakeTable(std::move(spec))),
      "CREATE TABLE app.t (\n"
      "  b TEXT NOT NULL,\n"
      "  a INT NOT NULL,\n"
      "  \"at\" TIMESTAMP DEFAULT (now() + 1),\n"
      "  PRIMARY KEY (a, b)\n"
      ") WITH (TYPE = 'STREAM', STORAGE_ID = 'local', TTL_SECONDS = 10, SCOPE = 'SHARED', ACCESS_LEVEL = 'PRIVATE')");
}

}  // namespace
}  // namespace kalamdb::catalog
