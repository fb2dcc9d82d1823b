// The rules of ALTER TABLE: what each action makes, what it is called in the history, and which rule refuses it.
#include "catalog/alter.h"

#include <gtest/gtest.h>

#include "catalog/test_tables.h"

namespace kalamdb::catalog {
namespace {

const AlterContext kBob{"bob", 2'000'000};

Result<AlterResult> Alter(const TablePtr& table, const std::vector<AlterAction>& actions) {
  return ApplyAlter(*table, actions, kBob);
}

TablePtr Altered(const TablePtr& table, const std::vector<AlterAction>& actions) {
  Result<AlterResult> result = Alter(table, actions);
  EXPECT_TRUE(result.ok()) << result.error().message;
  return result->table;
}

const row::Column& ColumnOf(const TablePtr& table, std::string_view name) {
  return table->schema()->column(*table->schema()->FindByName(name));
}

std::string NamesOf(const TablePtr& table) {
  std::string names;
  for (const row::Column& column : table->schema()->columns()) names += column.name + " ";
  return names;
}

struct Accepted {
  std::vector<AlterAction> actions;
  std::string changes;  // empty: nothing changes, no version
  bool touches_writes = true;
};

TEST(AlterTest, WhatIsAccepted) {
  const std::vector<Accepted> cases = {
      {{Add("c", "INT")}, "ADD COLUMN c INT"},
      {{AddWithDefault("c", "INT", "5", row::Value::Int(5))}, "ADD COLUMN c INT DEFAULT 5"},
      {{NotNull(AddWithDefault("c", "int", "5", row::Value::Int(5)))}, "ADD COLUMN c INT NOT NULL DEFAULT 5"},
      {{AddWithDefault("c", "INT", "NULL", row::Value::Null())}, "ADD COLUMN c INT"},
      {{AddWithDefault("c", "TIMESTAMP", "now()", row::Value::Int(77))}, "ADD COLUMN c TIMESTAMP DEFAULT now()"},
      {{AddWithDefault("c", "INT", "1 + 2", row::Value::Int(3))}, "ADD COLUMN c INT DEFAULT (1 + 2)"},
      {{Tolerant(Add("N", "TEXT"))}, ""},
      {{Add("Select Me", "JSON")}, "ADD COLUMN \"Select Me\" JSON"},
      {{Drop("s")}, "DROP COLUMN s"},
      {{Drop("S")}, "DROP COLUMN s"},
      {{Tolerant(Drop("nope"))}, ""},
      {{Drop("n", true)}, "DROP COLUMN n CASCADE"},
      {{Rename("id", "key")}, "RENAME COLUMN id TO key", false},
      {{Rename("n", "n")}, ""},
      {{Rename("n", "N")}, "RENAME COLUMN n TO \"N\"", false},
      {{SetType("n", "BIGINT")}, "ALTER COLUMN n TYPE BIGINT"},
      {{SetType("n", "DOUBLE")}, "ALTER COLUMN n TYPE DOUBLE"},
      {{SetType("n", "DECIMAL(12,2)")}, "ALTER COLUMN n TYPE DECIMAL(12,2)"},
      {{SetType("n", "INTEGER")}, ""},
      {{SetType("id", "BIGINT")}, ""},
      {{SetType("s", "VARCHAR(20)")}, "ALTER COLUMN s TYPE VARCHAR(20)"},
      {{Modify("s", "TEXT", false)}, "ALTER COLUMN s TYPE TEXT, ALTER COLUMN s SET NOT NULL"},
      {{Modify("r", "TEXT", true)}, "ALTER COLUMN r DROP NOT NULL"},
      {{Modify("r", "TEXT")}, ""},
      {{On(Kind::kSetNotNull, "n")}, "ALTER COLUMN n SET NOT NULL"},
      {{On(Kind::kSetNotNull, "r")}, ""},
      {{On(Kind::kSetNotNull, "id")}, ""},
      {{On(Kind::kDropNotNull, "r")}, "ALTER COLUMN r DROP NOT NULL"},
      {{SetDefault("n", "7")}, "ALTER COLUMN n SET DEFAULT 7"},
      {{SetDefault("n", "1")}, ""},
      {{SetDefault("n", "null")}, "ALTER COLUMN n DROP DEFAULT"},
      {{SetDefault("id", "SNOWFLAKE_ID()")}, "ALTER COLUMN id SET DEFAULT SNOWFLAKE_ID()"},
      {{On(Kind::kDropDefault, "s")}, ""},
      {{SetOption("flush_policy", "rows:5")}, "SET (FLUSH_POLICY = 'rows:5')", false},
      {{SetOption("ACCESS_LEVEL", "restricted")}, ""},
      {{SetOption("TYPE", "shared")}, ""},
      {{On(Kind::kDropConstraint, "T_CHECK")}, "DROP CONSTRAINT t_check"},
      {{Tolerant(On(Kind::kDropConstraint, "nope"))}, ""},
      {{Comment(Kind::kCommentTable, "", "it's")}, "COMMENT ON TABLE t IS 'it''s'", false},
      {{Comment(Kind::kCommentTable, "", std::nullopt)}, ""},
      {{Comment(Kind::kCommentColumn, "n", "count")}, "COMMENT ON COLUMN t.n IS 'count'", false},
      {{{.kind = Kind::kRenameTable, .new_name = "u"}}, "RENAME TO u", false},
      {{Rename("n", "tmp"), Rename("s", "n"), Rename("tmp", "s")},
       "RENAME COLUMN n TO tmp, RENAME COLUMN s TO n, RENAME COLUMN tmp TO s",
       false},
      {{Rename("n", "tmp"), Rename("tmp", "n")}, ""},
      {{Add("c", "INT"), Drop("c")}, ""},
      {{Add("c", "SMALLINT"), SetType("c", "BIGINT"), Rename("c", "d")},
       "ADD COLUMN c SMALLINT, ALTER COLUMN c TYPE BIGINT, RENAME COLUMN c TO d"},
  };
  for (const Accepted& c : cases) {
    const TablePtr before = MakeTestTable();
    Result<AlterResult> result = Alter(before, c.actions);
    ASSERT_TRUE(result.ok()) << c.changes << ": " << result.error().message;
    if (c.changes.empty()) {
      EXPECT_EQ(result->table, nullptr) << result->table->versions.back().changes;
      continue;
    }
    ASSERT_NE(result->table, nullptr) << c.changes;
    const Table& after = *result->table;
    EXPECT_EQ(after.versions.back().changes, c.changes);
    EXPECT_EQ(after.versions.back().changed_by, "bob");
    EXPECT_EQ(after.versions.back().created_at, kBob.now);
    EXPECT_EQ(after.version(), SchemaVersion(2));
    EXPECT_EQ(after.write_version, SchemaVersion(c.touches_writes ? 2 : 1)) << c.changes;
    EXPECT_EQ(after.schemas.size(), 2u);
    EXPECT_EQ(after.schemas[0], before->schemas[0]) << "an old version is never touched";
  }
}

struct Refused {
  std::vector<AlterAction> actions;
  ErrorCode code;
  std::string names;  // must be in the message
};

TEST(AlterTest, WhatIsRefused) {
  const std::vector<Refused> cases = {
      // Rule 3 comes before whether the column is there.
      {{Add("_x", "INT")}, ErrorCode::kInvalidSql, "_x"},
      {{Tolerant(Drop("_seq"))}, ErrorCode::kInvalidSql, "_seq"},
      {{Rename("n", "_n")}, ErrorCode::kInvalidSql, "_n"},
      {{Rename("_id", "n")}, ErrorCode::kInvalidSql, "_id"},
      {{SetType("_updated", "TEXT")}, ErrorCode::kInvalidSql, "_updated"},
      {{On(Kind::kSetNotNull, "_user_id")}, ErrorCode::kInvalidSql, "_user_id"},
      {{SetDefault("_version", "1")}, ErrorCode::kInvalidSql, "_version"},
      // Rule 4.
      {{Add("N", "INT")}, ErrorCode::kAlreadyExists, "n"},
      {{NotNull(Add("n", "INT"))}, ErrorCode::kAlreadyExists, "n"},
      {{NotNull(Add("c", "INT"))}, ErrorCode::kNotNullViolation, "c"},
      {{NotNull(AddWithDefault("c", "INT", "NULL", row::Value::Null()))}, ErrorCode::kNotNullViolation, "c"},
      {{AddWithDefault("c", "BIGINT", "SNOWFLAKE_ID()", row::Value::Null())}, ErrorCode::kUnsupported, "snowflake_id"},
      {{NotNull(AddWithDefault("c", "TEXT", "ULID()", row::Value::Null()))}, ErrorCode::kUnsupported, "ulid"},
      {{AddWithDefault("c", "UUID", "uuid_v7()", row::Value::Null())}, ErrorCode::kUnsupported, "uuid_v7"},
      {{AddWithDefault("c", "DOUBLE", "(random() * 2)", row::Value::Null())}, ErrorCode::kUnsupported, "random"},
      {{AddWithDefault("c", "TEXT", "current_user", row::Value::Null())}, ErrorCode::kUnsupported, "current_user"},
      {{Add(std::string(65, 'c'), "INT")}, ErrorCode::kInvalidSql, "65"},
      {{Add("a\nb", "INT")}, ErrorCode::kInvalidSql, "control"},
      {{Add("", "INT")}, ErrorCode::kInvalidSql, "1 to 64"},
      // Rule 5.
      {{Drop("nope")}, ErrorCode::kColumnNotFound, "nope"},
      {{Rename("nope", "x")}, ErrorCode::kColumnNotFound, "nope"},
      {{Modify("nope", "INT")}, ErrorCode::kColumnNotFound, "nope"},
      {{On(Kind::kDropDefault, "nope")}, ErrorCode::kColumnNotFound, "nope"},
      {{Comment(Kind::kCommentColumn, "nope", "x")}, ErrorCode::kColumnNotFound, "nope"},
      {{Drop("id")}, ErrorCode::kUnsupported, "id"},
      {{Drop("id", true)}, ErrorCode::kUnsupported, "id"},
      {{SetType("id", "DECIMAL(19,0)")}, ErrorCode::kUnsupported, "primary key"},
      {{On(Kind::kDropNotNull, "id")}, ErrorCode::kUnsupported, "never NULL"},
      {{Modify("id", "BIGINT", true)}, ErrorCode::kUnsupported, "id"},
      {{Rename("n", "S")}, ErrorCode::kAlreadyExists, "s"},
      {{Drop("s"), Drop("s")}, ErrorCode::kColumnNotFound, "s"},
      {{Drop("n", true), Drop("s"), Drop("r"), Rename("n", "m")}, ErrorCode::kColumnNotFound, "n"},
      // Rule 6: the message says what would work.
      {{SetType("n", "SMALLINT")}, ErrorCode::kUnsupported, "BIGINT, DOUBLE or DECIMAL(p,s) with p - s >= 10"},
      {{SetType("n", "DECIMAL(11,2)")}, ErrorCode::kUnsupported, "p - s >= 10"},
      {{SetType("n", "FLOAT")}, ErrorCode::kUnsupported, "FLOAT"},
      {{SetType("n", "TEXT")}, ErrorCode::kUnsupported, "TEXT"},
      {{SetType("s", "VARCHAR(9)")}, ErrorCode::kUnsupported, "VARCHAR(n) with n >= 10 or TEXT"},
      {{SetType("r", "VARCHAR(99)")}, ErrorCode::kUnsupported, "keeps its type"},
      {{SetType("r", "INT")}, ErrorCode::kUnsupported, "keeps its type"},
      {{Modify("r", "JSON", true)}, ErrorCode::kUnsupported, "JSON"},
      // Rule 7, for what needs no data.
      {{Add("c", "INT"), On(Kind::kSetNotNull, "c")}, ErrorCode::kNotNullViolation, "c"},
      // Rule 8, for what the table itself knows.
      {{Drop("n")}, ErrorCode::kDependentObjects, "t_check"},
      {{Rename("n", "m"), Drop("m")}, ErrorCode::kDependentObjects, "t_check"},
      // Options and constraints.
      {{SetOption("NOPE", "1")}, ErrorCode::kInvalidParameter, "NOPE"},
      {{SetOption("FLUSH_POLICY", "rows:0")}, ErrorCode::kInvalidParameter, "FLUSH_POLICY"},
      {{SetOption("TTL_SECONDS", "5")}, ErrorCode::kInvalidParameter, "SHARED"},
      {{SetOption("TYPE", "USER")}, ErrorCode::kInvalidParameter, "TYPE"},
      {{On(Kind::kDropConstraint, "nope")}, ErrorCode::kNotFound, "nope"},
      {{{.kind = Kind::kRenameTable, .new_name = "_u"}}, ErrorCode::kInvalidSql, "_u"},
  };
  for (const Refused& c : cases) {
    const Result<AlterResult> result = Alter(MakeTestTable(), c.actions);
    ASSERT_FALSE(result.ok()) << c.names;
    EXPECT_EQ(result.error().code, c.code) << result.error().message;
    EXPECT_NE(result.error().message.find(c.names), std::string::npos) << result.error().message << " / " << c.names;
  }
}

TEST(AlterTest, ColumnsOfAStreamNeverChange) {
  const TablePtr stream = MakeTestTable(TableKind::kStream);
  for (const AlterAction& action :
       {Add("_c", "INT"), Drop("s"), Rename("n", "m"), SetType("n", "BIGINT"), Modify("n", "BIGINT"),
        On(Kind::kSetNotNull, "n"), On(Kind::kDropNotNull, "r"), SetDefault("n", "3"), On(Kind::kDropDefault, "n")}) {
    const Result<AlterResult> result = Alter(stream, {action});
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, ErrorCode::kUnsupported) << result.error().message;
  }
  const TablePtr changed = Altered(stream, {SetOption("TTL_SECONDS", "60")});
  EXPECT_EQ(changed->options.ttl_seconds, 60u);
  EXPECT_EQ(changed->versions.back().changes, "SET (TTL_SECONDS = 60)");
  const Result<AlterResult> scope = Alter(stream, {SetOption("SCOPE", "SHARED")});
  EXPECT_EQ(scope.error().code, ErrorCode::kInvalidParameter);
}

TEST(AlterTest, AnAddedColumnStandsLastAndKeepsItsInitialDefault) {
  TablePtr table = Altered(MakeTestTable(), {NotNull(AddWithDefault("c", "SMALLINT", "5", row::Value::Int(5)))});
  EXPECT_EQ(NamesOf(table), "id n s r c ");
  EXPECT_EQ(ColumnOf(table, "c").id, ColumnId(5));
  EXPECT_EQ(ColumnOf(table, "c").added_in, SchemaVersion(2));
  table = Altered(table, {SetDefault("c", "6"), SetType("c", "DECIMAL(8,2)"), Rename("c", "d")});
  EXPECT_EQ(NamesOf(table), "id n s r d ");
  EXPECT_EQ(ColumnOf(table, "d").initial_default, row::Value::Wide(500));
  EXPECT_EQ(ColumnOf(table, "d").write_default, "6");
  EXPECT_EQ(ColumnOf(table, "d").added_in, SchemaVersion(2));
  table = Altered(table, {On(Kind::kDropDefault, "d")});
  EXPECT_EQ(ColumnOf(table, "d").initial_default, row::Value::Wide(500));
  EXPECT_EQ(ColumnOf(table, "d").write_default, "");
}

TEST(AlterTest, AColumnIsItsId) {
  // Dropping and adding the same name, in one statement or in two, never brings old values back.
  const TablePtr dropped = Altered(MakeTestTable(), {Drop("s"), Add("s", "TEXT")});
  EXPECT_EQ(ColumnOf(dropped, "s").id, ColumnId(5));
  // An id that was given to a column that is gone within its own statement is not given again either.
  const TablePtr again = Altered(MakeTestTable(), {Add("a", "INT"), Drop("a"), Add("b", "INT")});
  EXPECT_EQ(ColumnOf(again, "b").id, ColumnId(6));
  const TablePtr swapped = Altered(MakeTestTable(), {Rename("n", "tmp"), Rename("s", "n"), Rename("tmp", "s")});
  EXPECT_EQ(ColumnOf(swapped, "n").id, ColumnId(3));
  EXPECT_EQ(ColumnOf(swapped, "s").id, ColumnId(2));
  EXPECT_EQ(swapped->checks[0].expression.ToText(*swapped->schema()), "(s > 0)") << "a CHECK follows its column";
}

TEST(AlterTest, ConvertedDefaultsKeepTheirValue) {
  struct Case {
    std::string_view from, to;
    std::string before, after;
  };
  const std::vector<Case> cases = {
      {"SMALLINT", "DOUBLE", "-3", "-3"},
      {"SMALLINT", "DOUBLE", "1.4", "CAST(1.4 AS SMALLINT)"},
      {"FLOAT", "DOUBLE", "0.1", "CAST(0.1 AS FLOAT)"},
      {"DECIMAL(10,2)", "DECIMAL(12,3)", "1.25", "1.25"},
      {"DECIMAL(10,2)", "DECIMAL(12,3)", "1.255", "CAST(1.255 AS DECIMAL(10,2))"},
      {"DATE", "TIMESTAMP", "CAST('2024-01-01' AS DATE)", "CAST('2024-01-01' AS DATE)"},
      {"DATE", "TIMESTAMP", "now()", "CAST(now() AS DATE)"},
      {"VARCHAR(5)", "TEXT", "'abc'", "'abc'"},
      {"BIGINT", "DECIMAL(19,0)", "SNOWFLAKE_ID()", "SNOWFLAKE_ID()"},
      {"BIGINT", "DECIMAL(19,0)", "", ""},
  };
  for (const Case& c : cases) {
    CreateTableSpec spec = MakeSpec();
    spec.columns.push_back(MakeColumn("c", c.from, c.before));
    const TablePtr table = Altered(*MakeTable(std::move(spec)), {SetType("c", c.to)});
    EXPECT_EQ(ColumnOf(table, "c").write_default, c.after);
  }
}

TEST(AlterTest, ADateBeyondTimestampsIsNoDefaultOfOne) {
  const TablePtr table =
      Altered(MakeTestTable(), {AddWithDefault("d", "DATE", "'5000000-01-01'", row::Value::Int(1'800'000'000))});
  const Result<AlterResult> result = Alter(table, {SetType("d", "TIMESTAMP")});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kTypeMismatch);
}

TEST(AlterTest, SaysWhatTheCallerMustProve) {
  const TablePtr table = MakeTestTable();
  Result<AlterResult> result = Alter(table, {On(Kind::kSetNotNull, "n"), On(Kind::kSetNotNull, "s"),
                                             SetType("n", "BIGINT"), On(Kind::kDropNotNull, "s")});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->set_not_null, std::vector<ColumnId>{ColumnId(2)}) << "s may be NULL again in the end";
  EXPECT_EQ(result->retyped, std::vector<ColumnId>{ColumnId(2)});
  EXPECT_TRUE(result->dropped.empty());

  result = Alter(table, {Drop("n", true), Drop("s")});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->dropped, (std::vector<ColumnId>{ColumnId(2), ColumnId(3)}));
  EXPECT_EQ(result->cascaded, std::vector<ColumnId>{ColumnId(2)});
  EXPECT_EQ(result->dropped_checks, std::vector<std::string>{"t_check"});
  EXPECT_TRUE(result->table->checks.empty());
}

TEST(AlterTest, ATableKeepsAColumnBesideItsHiddenKey) {
  CreateTableSpec spec = MakeSpec();
  spec.columns = {MakeColumn("a", "INT")};
  spec.checks.clear();
  const Result<AlterResult> result = Alter(*MakeTable(std::move(spec)), {Drop("a")});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace kalamdb::catalog
