// Names, quotes, options and stored expressions.
#include "catalog/table.h"

#include <gtest/gtest.h>

#include "catalog/names.h"
#include "catalog/sql_text.h"
#include "catalog/test_tables.h"

namespace kalamdb::catalog {
namespace {

TEST(NamesTest, WhatANameMayBe) {
  std::string long_name;
  for (int i = 0; i < 64; ++i) long_name += "é";
  for (const std::string& name : std::vector<std::string>{"a", "A b", "it's", "a.b/..", "日本", "a\"b", long_name}) {
    EXPECT_TRUE(CheckColumnName(name).ok()) << name;
    EXPECT_TRUE(CheckObjectName(name).ok()) << name;
    EXPECT_TRUE(CheckNamespaceName(name).ok()) << name;
  }
  for (const std::string& name : std::vector<std::string>{"", "_a", "a\n", std::string("a\0", 2), "\x7f", "a\xc2\x85",
                                                          "\xff", "\xed\xa0\x80", "\xc0\x80", long_name + "x"}) {
    EXPECT_EQ(CheckColumnName(name).error().code, ErrorCode::kInvalidSql) << name;
    EXPECT_EQ(CheckObjectName(name).error().code, ErrorCode::kInvalidSql) << name;
    EXPECT_EQ(CheckNamespaceName(name).error().code, ErrorCode::kInvalidSql) << name;
  }
  for (const char* name : {"system", "SYSTEM", "information_schema", "pg_catalog", "main", "Temp"}) {
    EXPECT_FALSE(CheckNamespaceName(name).ok()) << name;
    EXPECT_TRUE(CheckObjectName(name).ok()) << name;
  }
}

TEST(NamesTest, QuotesWhereTheyAreNeeded) {
  EXPECT_EQ(QuoteIdentifier("abc_1"), "abc_1");
  EXPECT_EQ(QuoteIdentifier("Abc"), "\"Abc\"");
  EXPECT_EQ(QuoteIdentifier("1a"), "\"1a\"");
  EXPECT_EQ(QuoteIdentifier("default"), "\"default\"");
  EXPECT_EQ(QuoteIdentifier("order"), "\"order\"");
  EXPECT_EQ(QuoteIdentifier("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(QuoteIdentifier(""), "\"\"");
  EXPECT_EQ(QuoteLiteral("it's"), "'it''s'");
  EXPECT_EQ(ListNames(std::vector<std::string>(12, "x")), "x, x, x, x, x, x, x, x, x, x and 2 more");
}

TEST(StoredExpressionTest, TakesNamesFromTheSchemaAndLeavesLiteralsAlone) {
  const TablePtr table = MakeTestTable();
  const StoredExpression expression{"((\"#2\" > 1) AND (\"#3\" <> '\"#2\" it''s') AND (f(\"#99\") = \"#2\"))", {}};
  EXPECT_EQ(expression.ToText(*table->schema()), "((n > 1) AND (s <> '\"#2\" it''s') AND (f(\"#99\") = n))");
}

TEST(SqlTextTest, FindsGeneratorsButNotInTexts) {
  EXPECT_EQ(FindVolatileCall("SNOWFLAKE_ID()"), "snowflake_id");
  EXPECT_EQ(FindVolatileCall("main.\"ulid\" ()"), "ulid");
  EXPECT_EQ(FindVolatileCall("concat('a', CURRENT_USER())"), "current_user");
  EXPECT_EQ(FindVolatileCall("'random()'"), "");
  EXPECT_EQ(FindVolatileCall("now()"), "");
  EXPECT_EQ(FindVolatileCall("'it''s uuid()'"), "");
  EXPECT_EQ(FindVolatileCall(""), "");
}

TEST(SqlTextTest, KnowsWhatNeedsBrackets) {
  for (const char* sql : {"5", "-5", "1.5e3", "'a b'", "now()", "(1 + 2)", "CAST('2024-01-01' AS DATE)", "NULL"}) {
    EXPECT_TRUE(IsSimpleExpression(sql)) << sql;
  }
  for (const char* sql : {"1 + 2", "(1) + (2)", "f(1)(2)", "a IS NULL", "DATE '2024-01-01'", ""}) {
    EXPECT_FALSE(IsSimpleExpression(sql)) << sql;
  }
}

TEST(TableOptionsTest, WhatIsAccepted) {
  TableOptions options;
  const auto set = [&](std::string_view name, std::string_view value) {
    const Status status = SetTableOption(TableKind::kShared, name, value, &options);
    EXPECT_TRUE(status.ok()) << name << " = " << value << ": " << status.error().message;
  };
  set("flush_policy", "rows:10000,interval:300");
  EXPECT_EQ(options.flush_rows, 10'000u);
  set("Flush_Policy", " INTERVAL: 60 ");
  EXPECT_EQ(options.flush_rows, 0u);
  EXPECT_EQ(options.flush_interval_s, 60u);
  for (const auto& [text, seconds] :
       std::map<std::string, uint64_t>{{"90s", 90}, {"5m", 300}, {"2h", 7'200}, {"7D", 604'800}}) {
    set("DELETED_RETENTION", text);
    EXPECT_EQ(options.deleted_retention_s, seconds);
  }
  set("DELETED_RETENTION", "OFF");
  EXPECT_EQ(options.deleted_retention_s, std::nullopt);
  set("ACCESS_LEVEL", "public_write");
  EXPECT_EQ(options.access_level, AccessLevel::kPublicWrite);
  set("COMPRESSION", "SNAPPY");
  set("STORAGE_ID", "local");
  set("type", "Shared");
  // What is printed can be read again, and reads the same.
  TableOptions again;
  for (auto [name, literal] : PrintTableOptions(TableKind::kShared, options)) {
    if (literal.starts_with('\'')) literal = literal.substr(1, literal.size() - 2);
    ASSERT_TRUE(SetTableOption(TableKind::kShared, name, literal, &again).ok()) << name;
  }
  EXPECT_EQ(again, options);
}

TEST(TableOptionsTest, WhatComesLaterIsRefused) {
  for (const std::string_view name : {"RESULT_CACHE", "max_rows", "Ephemeral", "HISTORY_RETENTION", "BLOOM_COLUMNS"}) {
    TableOptions options;
    const Status status = SetTableOption(TableKind::kShared, name, "1", &options);
    ASSERT_FALSE(status.ok()) << name;
    EXPECT_EQ(status.error().code, ErrorCode::kInvalidParameter) << name;
    EXPECT_EQ(options, TableOptions());
  }
}

TEST(TableOptionsTest, WhatIsRefused) {
  struct Case {
    TableKind kind;
    std::string_view name, value;
  };
  for (const Case& c : std::vector<Case>{{TableKind::kShared, "FLUSH_POLICY", ""},
                                         {TableKind::kShared, "FLUSH_POLICY", "rows:"},
                                         {TableKind::kShared, "FLUSH_POLICY", "rows:-1"},
                                         {TableKind::kShared, "FLUSH_POLICY", "rows:1,rows:2"},
                                         {TableKind::kShared, "FLUSH_POLICY", "rows:1,"},
                                         {TableKind::kShared, "FLUSH_POLICY", "rows:99999999999999999999"},
                                         {TableKind::kShared, "FLUSH_POLICY", "size:5"},
                                         {TableKind::kShared, "DELETED_RETENTION", "7"},
                                         {TableKind::kShared, "DELETED_RETENTION", "d"},
                                         {TableKind::kShared, "DELETED_RETENTION", "0d"},
                                         {TableKind::kShared, "DELETED_RETENTION", "18446744073709551615d"},
                                         {TableKind::kShared, "ACCESS_LEVEL", "everyone"},
                                         {TableKind::kUser, "ACCESS_LEVEL", "PUBLIC"},
                                         {TableKind::kUser, "SCOPE", "USER"},
                                         {TableKind::kShared, "TTL_SECONDS", "5"},
                                         {TableKind::kStream, "TTL_SECONDS", "0"},
                                         {TableKind::kStream, "TTL_SECONDS", "ten"},
                                         {TableKind::kStream, "FLUSH_POLICY", "rows:5"},
                                         {TableKind::kShared, "STORAGE_ID", "s3"},
                                         {TableKind::kShared, "COMPRESSION", "gzip"},
                                         {TableKind::kShared, "nope", "1"},
                                         {TableKind::kShared, "TYPE", "USER"}}) {
    TableOptions options;
    const Status status = SetTableOption(c.kind, c.name, c.value, &options);
    ASSERT_FALSE(status.ok()) << c.name << " = " << c.value;
    EXPECT_EQ(status.error().code, ErrorCode::kInvalidParameter);
    EXPECT_NE(status.error().message.find(c.name), std::string::npos) << status.error().message;
    EXPECT_EQ(options, TableOptions()) << "a refused option changes nothing";
  }
}

}  // namespace
}  // namespace kalamdb::catalog
