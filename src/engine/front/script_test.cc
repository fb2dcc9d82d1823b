// Tests of the front: what is cut where, what each command parses to, positions of errors, and what nobody may say.
#include <gtest/gtest.h>

#include "base/random.h"
#include "engine/front/statement.h"

namespace kalamdb::engine {
namespace {

// The only statement of a text, which must parse.
StatementPtr One(std::string_view sql) {
  auto script = ParseScript(sql);
  if (!script.ok()) {
    ADD_FAILURE() << sql << ": " << script.error().message;
    return nullptr;
  }
  EXPECT_EQ((*script)->size(), 1u) << sql;
  return (**script)[0];
}

template <typename T>
T CommandOf(std::string_view sql) {
  const StatementPtr statement = One(sql);
  if (statement == nullptr || statement->command() == nullptr || !std::holds_alternative<T>(*statement->command())) {
    ADD_FAILURE() << sql << " is another command";
    if (statement != nullptr && statement->command() != nullptr) {
      if (const auto* u = std::get_if<Unsupported>(statement->command())) ADD_FAILURE() << u->what;
    }
    return T{};
  }
  return std::get<T>(*statement->command());
}

Error ErrorOf(std::string_view sql) {
  auto script = ParseScript(sql);
  if (script.ok()) {
    ADD_FAILURE() << sql << " parses";
    return Error{};
  }
  return script.error();
}

std::optional<Error> RefusalOf(std::string_view sql) {
  auto script = ParseScript(sql);
  if (!script.ok()) return script.error();
  return static_cast<const Statement&>(*(**script)[0]).refusal();
}

TEST(Script, CutsAtSemicolonsOnly) {
  auto script = ParseScript("SELECT 'a;b' -- c; d\n; /* ; */ SELECT $$;$$ AS \"x;y\";;\nDROP NAMESPACE a");
  ASSERT_TRUE(script.ok()) << script.error().message;
  ASSERT_EQ((*script)->size(), 3u);
  EXPECT_EQ((**script)[0]->text(), "SELECT 'a;b'");
  EXPECT_EQ((**script)[1]->text(), "SELECT $$;$$ AS \"x;y\"");
  EXPECT_EQ((**script)[1]->offset(), 31);
  EXPECT_EQ((**script)[2]->text(), "DROP NAMESPACE a");
}

TEST(Script, EmptyTexts) {
  for (const char* sql : {"", " ", ";", " ; ; ", "-- only", "/* a /* nested */ b */", "\n\t"})
    EXPECT_EQ(ErrorOf(sql).code, ErrorCode::kEmptySql) << sql;
}

TEST(Script, ErrorsHavePositionsInCharactersOfTheWholeText) {
  EXPECT_EQ(ErrorOf("SELEC 1").position, 1);
  EXPECT_EQ(ErrorOf("SELECT 'ü'; SELECT 'ä' FROM FROM").position, 29);
  EXPECT_EQ(ErrorOf("SELECT 1; SELECT 'abc").position, 18);
  EXPECT_EQ(ErrorOf("DROP NAMESPACE a b").position, 18);
  EXPECT_EQ(ErrorOf("DROP NAMESPACE a /* b").position, 18);
  EXPECT_EQ(ErrorOf("SELECT 1; CREATE TABLE t (a INT, b)").position, 35);
  EXPECT_EQ(ErrorOf("SELECT 1 FROM default.t WHERE FROM").position, 31);
  EXPECT_EQ(ErrorOf("SELECT \xff").code, ErrorCode::kInvalidSql);
  EXPECT_EQ(ErrorOf("SELECT $name").code, ErrorCode::kInvalidSql);
  EXPECT_EQ(ErrorOf("SELECT $0").code, ErrorCode::kInvalidSql);
}

TEST(Script, DescribesStatements) {
  EXPECT_TRUE(One("select 1")->returns_rows());
  EXPECT_EQ(One("insert into t values (1)")->query_type(), QueryType::kInsert);
  EXPECT_FALSE(One("insert into t values (1)")->returns_rows());
  EXPECT_TRUE(One("insert into t values (1) returning *")->returns_rows());
  EXPECT_TRUE(One("BEGIN")->is_transaction_control());
  EXPECT_EQ(One("select * from t where a = $3 or b = $1")->parameters(), (std::vector<uint32_t>{1, 3}));
  EXPECT_EQ(One("select ?, ?")->parameters(), (std::vector<uint32_t>{1, 2}));
}

TEST(Script, WordsOfTheEngineThatAreNamesHere) {
  EXPECT_EQ(One("SELECT id, at FROM default.t WHERE at > 5 ORDER BY at")->query_type(), QueryType::kSelect);
  EXPECT_EQ(One("SELECT now() AT TIME ZONE 'UTC'")->query_type(), QueryType::kSelect);
  EXPECT_EQ(ErrorOf("SELECT at, at FROM FROM").position, 20);
}

TEST(Script, TablesAStatementNames) {
  const StatementPtr select =
      One("with a as (select * from x), x as (select 1) select * from a, ns.y where id in (select id from z limit "
          "(select 1 from x))");
  ASSERT_NE(select, nullptr);
  const auto* s = static_cast<const Statement*>(select.get());
  std::vector<std::string> names;
  for (const auto& table : s->reads()) names.push_back(table.namespace_name + "." + table.name);
  // The first x stands in front of the CTE of that name: the table. The last is the CTE.
  EXPECT_EQ(names, (std::vector<std::string>{".x", "ns.y", ".z"}));
  const StatementPtr kept = One("UPDATE default.T SET a = 1");
  const auto* update = static_cast<const Statement*>(kept.get());
  ASSERT_TRUE(update->target().has_value());
  EXPECT_EQ(update->target()->namespace_name, "default");
  EXPECT_EQ(update->target()->name, "t");
}

TEST(Commands, Namespaces) {
  const auto create = CommandOf<CreateNamespace>("create namespace if not exists App with (a = 'b', n = 3)");
  EXPECT_EQ(create.name, "app");
  EXPECT_TRUE(create.if_not_exists);
  EXPECT_EQ(create.options, (OptionList{{"a", "b"}, {"n", "3"}}));
  EXPECT_EQ(CommandOf<CreateNamespace>("CREATE SCHEMA \"Big\"").name, "Big");
  EXPECT_TRUE(CommandOf<DropNamespace>("DROP NAMESPACE IF EXISTS a CASCADE").cascade);
  EXPECT_EQ(CommandOf<AlterNamespace>("ALTER NAMESPACE a SET OPTIONS (x = true)").options.size(), 1u);
  EXPECT_EQ(CommandOf<UseNamespace>("USE default").name, "default");
}

TEST(Commands, CreateTable) {
  const auto t = CommandOf<CreateTable>(
      "CREATE USER TABLE IF NOT EXISTS app.messages (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), room TEXT NOT NULL, "
      "body VARCHAR(20) DEFAULT 'x''y' NOT NULL COMMENT 'text',"
      " at TIMESTAMP DEFAULT NOW(), n DECIMAL(10,2) DEFAULT -1.5, v EMBEDDING(3), ok BOOLEAN DEFAULT true, CHECK "
      "(length(body) < 10), CONSTRAINT c CHECK (n > 0))"
      " WITH (FLUSH_POLICY='rows:10,interval:3', DELETED_RETENTION = off) COMMENT 'chat'");
  EXPECT_EQ(t.name.namespace_name, "app");
  EXPECT_EQ(t.kind, catalog::TableKind::kUser);
  EXPECT_TRUE(t.if_not_exists);
  ASSERT_EQ(t.columns.size(), 7u);
  EXPECT_EQ(t.columns[0].column.key_position, 1);
  EXPECT_FALSE(t.columns[0].column.nullable);
  EXPECT_EQ(t.columns[0].column.write_default, "SNOWFLAKE_ID()");
  EXPECT_EQ(t.columns[2].column.write_default, "'x''y'");
  EXPECT_EQ(t.columns[2].column.comment, "text");
  EXPECT_FALSE(t.columns[2].column.nullable);
  EXPECT_EQ(t.columns[3].column.write_default, "NOW()");
  EXPECT_EQ(t.columns[4].column.write_default, "-1.5");
  EXPECT_EQ(t.columns[5].column.type, row::Type::Embedding(3));
  EXPECT_EQ(t.columns[6].column.write_default, "true");
  ASSERT_EQ(t.checks.size(), 2u);
  EXPECT_EQ(t.checks[0].second, "(length(body) < 10)");
  EXPECT_EQ(t.checks[1].first, "c");
  EXPECT_EQ(t.options.size(), 2u);
  EXPECT_EQ(t.comment, "chat");
}

TEST(Commands, CreateTableForms) {
  EXPECT_EQ(CommandOf<CreateTable>("CREATE TABLE t (a INT, b INT, PRIMARY KEY (b, a), UNIQUE (a, b))")
                .columns[0]
                .column.key_position,
            2);
  EXPECT_EQ(CommandOf<CreateTable>("CREATE TABLE t (id SERIAL PRIMARY KEY)").columns[0].column.write_default,
            "SNOWFLAKE_ID()");
  EXPECT_EQ(
      CommandOf<CreateTable>("CREATE TABLE t (id BIGINT AUTO_INCREMENT PRIMARY KEY)").columns[0].column.write_default,
      "SNOWFLAKE_ID()");
  EXPECT_EQ(CommandOf<CreateTable>("CREATE TABLE t (id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY)")
                .columns[0]
                .column.write_default,
            "SNOWFLAKE_ID()");
  EXPECT_EQ(CommandOf<CreateTable>("CREATE STREAM TABLE t (a DOUBLE PRECISION) TTL 10").options,
            (OptionList{{"TTL_SECONDS", "10"}}));
  EXPECT_EQ(CommandOf<CreateTable>("CREATE TABLE t (a INT) FLUSH POLICY ROWS 5 INTERVAL '5 minutes' USING TYPE 'USER'")
                .options,
            (OptionList{{"FLUSH_POLICY", "rows:5,interval:300"}, {"TYPE", "USER"}}));
  EXPECT_EQ(CommandOf<CreateTable>("CREATE TABLE t WITH (TYPE='USER') AS SELECT 1 AS a").as_select, "SELECT 1 AS a");
  EXPECT_EQ(CommandOf<CreateTable>("CREATE TABLE t (a TIMESTAMP WITH TIME ZONE, e FLOAT[3])").columns[1].column.type,
            row::Type::Embedding(3));
}

TEST(Commands, CreateTableRefusals) {
  const auto code = [](const char* sql) { return RefusalOf(sql).value_or(Error{}).code; };
  EXPECT_EQ(code("CREATE TABLE t (a INT UNIQUE, b INT PRIMARY KEY)"), ErrorCode::kUnsupported);
  EXPECT_EQ(code("CREATE TABLE t (a INT REFERENCES u(a))"), ErrorCode::kUnsupported);
  EXPECT_EQ(code("CREATE TABLE t (a INT, FOREIGN KEY (a) REFERENCES u(a))"), ErrorCode::kUnsupported);
  EXPECT_EQ(code("CREATE TABLE t (a INT GENERATED ALWAYS AS (1))"), ErrorCode::kUnsupported);
  EXPECT_EQ(code("CREATE TABLE t (a INT AUTO_INCREMENT)"), ErrorCode::kTypeMismatch);
  EXPECT_EQ(code("CREATE TABLE t (a HUGEINT)"), ErrorCode::kUnsupported);
  EXPECT_EQ(code("CREATE TABLE t (a INT DEFAULT (SELECT 1))"), ErrorCode::kUnsupported);
  EXPECT_EQ(code("CREATE TABLE t (a INT DEFAULT b)"), ErrorCode::kInvalidSql);
  EXPECT_EQ(code("CREATE TABLE t (a INT, PRIMARY KEY (z))"), ErrorCode::kColumnNotFound);
  EXPECT_EQ(code("CREATE TEMP TABLE t (a INT)"), ErrorCode::kUnsupported);
  EXPECT_EQ(code("CREATE INDEX i ON t (a)"), ErrorCode::kUnsupported);
  EXPECT_EQ(code("CREATE TABLE t (a INT"), ErrorCode::kInvalidSql);
  EXPECT_EQ(code("CREATE TABLE t"), ErrorCode::kInvalidSql);
}

TEST(Commands, AlterTable) {
  using Kind = catalog::AlterAction::Kind;
  const auto alter = CommandOf<AlterTable>(
      "ALTER SHARED TABLE IF EXISTS ns.t ADD COLUMN IF NOT EXISTS a INT NOT NULL DEFAULT 5 COMMENT 'x', ADD b TEXT, "
      "DROP COLUMN IF EXISTS c CASCADE, MODIFY d BIGINT NULL,"
      " ALTER COLUMN e TYPE DECIMAL(12,2), ALTER f SET DATA TYPE TEXT, ALTER g SET DEFAULT NOW(), ALTER h DROP "
      "DEFAULT, ALTER i SET NOT NULL, ALTER j DROP NOT NULL,"
      " RENAME COLUMN k TO l, RENAME TO m, SET (TTL_SECONDS = 10, ACCESS_LEVEL='PUBLIC'), DROP CONSTRAINT IF EXISTS n");
  ASSERT_EQ(alter.actions.size(), 14u);
  EXPECT_TRUE(alter.if_exists);
  EXPECT_EQ(alter.kind, catalog::TableKind::kShared);
  const std::vector<Kind> kinds = {Kind::kAddColumn,  Kind::kAddColumn,     Kind::kDropColumn,   Kind::kModifyColumn,
                                   Kind::kSetType,    Kind::kSetType,       Kind::kSetDefault,   Kind::kDropDefault,
                                   Kind::kSetNotNull, Kind::kDropNotNull,   Kind::kRenameColumn, Kind::kRenameTable,
                                   Kind::kSetOptions, Kind::kDropConstraint};
  for (size_t i = 0; i < kinds.size(); ++i) EXPECT_EQ(alter.actions[i].kind, kinds[i]) << i;
  EXPECT_EQ(alter.actions[0].default_sql, "5");
  EXPECT_EQ(alter.actions[0].nullable, false);
  EXPECT_TRUE(alter.actions[2].cascade);
  EXPECT_EQ(alter.actions[3].nullable, true);
  EXPECT_EQ(alter.actions[6].default_sql, "NOW()");
  EXPECT_EQ(alter.actions[12].options.size(), 2u);
  EXPECT_EQ(CommandOf<AlterTable>("COMMENT ON COLUMN a.t.c IS 'x'").actions[0].column, "c");
  EXPECT_FALSE(CommandOf<AlterTable>("COMMENT ON TABLE t IS NULL").actions[0].comment.has_value());
  EXPECT_EQ(RefusalOf("ALTER TABLE t ADD c INT CHECK (c > 1)")->code, ErrorCode::kUnsupported);
}

TEST(Commands, ShowDescribeJobsUsers) {
  EXPECT_TRUE(CommandOf<Describe>("DESC TABLE a.t HISTORY").history);
  EXPECT_EQ(CommandOf<Describe>("describe t at version 3").version, 3u);
  EXPECT_EQ(CommandOf<Show>("SHOW TABLES IN default").name.namespace_name, "default");
  EXPECT_EQ(CommandOf<Show>("SHOW CREATE TABLE a.t").what, Show::What::kCreateTable);
  EXPECT_EQ(CommandOf<Show>("SHOW STATS FOR TABLE t").what, Show::What::kStats);
  EXPECT_EQ(CommandOf<Show>("SHOW SEGMENTS FOR TABLE t").what, Show::What::kSegments);
  EXPECT_TRUE(CommandOf<StorageJob>("STORAGE FLUSH TABLE a.t WAIT").wait);
  EXPECT_TRUE(CommandOf<StorageJob>("STORAGE COMPACT ALL IN a").all);
  const auto user = CommandOf<CreateUser>("CREATE USER 'Ann o''x' WITH PASSWORD 'secret123' ROLE service EMAIL 'a@b'");
  EXPECT_EQ(user.name, "Ann o'x");
  EXPECT_EQ(user.role, auth::Role::kService);
  EXPECT_EQ(CommandOf<AlterUser>("ALTER USER bob SET ROLE dba").role, auth::Role::kDba);
  EXPECT_TRUE(CommandOf<DropUser>("DROP USER IF EXISTS bob").if_exists);
  const auto as = CommandOf<ExecuteAs>("EXECUTE AS USER 'bob' (SELECT * FROM t WHERE a = $1)");
  EXPECT_EQ(as.user, "bob");
  EXPECT_TRUE(as.statement->returns_rows());
  const auto copy = CommandOf<CopyTable>("COPY a.t FROM '/x/y.PARQUET' (FORMAT parquet)");
  EXPECT_EQ(copy.format, "parquet");
  EXPECT_TRUE(copy.from);
  EXPECT_EQ(CommandOf<CreateView>("CREATE OR REPLACE VIEW v AS SELECT 1").select, "SELECT 1");
  EXPECT_EQ(CommandOf<TruncateTable>("TRUNCATE TABLE t").name.name, "t");
}

// Whatever comes in, parsing gives statements or an error with a position within the text; it never throws.
// A query of WITH, `levels` of them within each other.
std::string NestedWith(int levels) {
  std::string text = "SELECT 1";
  for (int i = 0; i < levels; ++i)
    text = "WITH b" + std::to_string(i) + " AS (" + text + ") SELECT * FROM b" + std::to_string(i);
  return text;
}

std::string ListOfWith(int queries) {
  std::string text = "WITH ";
  for (int i = 0; i < queries; ++i)
    text += (i == 0 ? "a" : ", a") + std::to_string(i) + " AS NOT MATERIALIZED (SELECT 1 x)";
  return text + " SELECT 1";
}

TEST(Script, WithThatTheParserWouldCopyForMinutes) {
  EXPECT_TRUE(ParseScript(NestedWith(6)).ok());
  EXPECT_TRUE(ParseScript(ListOfWith(150)).ok());
  for (const std::string& text :
       {NestedWith(12), NestedWith(200), ListOfWith(5'000), "EXPLAIN " + NestedWith(50),
        "INSERT INTO t " + NestedWith(50), "CREATE VIEW v AS " + NestedWith(50),
        "SELECT * FROM (WITH a AS (SELECT * FROM (" + NestedWith(20) + ") q) SELECT * FROM a) r"}) {
    const auto script = ParseScript(text);
    ASSERT_FALSE(script.ok()) << text.substr(0, 100);
    EXPECT_EQ(script.error().code, ErrorCode::kTooLarge) << text.substr(0, 100);
  }
  // Subqueries of FROM that each have a WITH are not copied.
  std::string beside = "SELECT 1 x";
  for (int i = 0; i < 100; ++i) beside = "SELECT * FROM (WITH a AS (SELECT 1) " + beside + ") q";
  EXPECT_TRUE(ParseScript(beside).ok());
}

TEST(Script, MutatedTextsNeverThrow) {
  const std::string_view seeds[] = {
      "CREATE USER TABLE IF NOT EXISTS app.t (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), b VARCHAR(20) NOT NULL "
      "COMMENT 'x', CHECK (length(b) < 3)) WITH (FLUSH_POLICY='rows:1', TYPE = 'USER')",
      "ALTER TABLE t ADD COLUMN a INT NOT NULL DEFAULT 5, RENAME COLUMN b TO c, ALTER d TYPE DECIMAL(10,2), SET "
      "(TTL_SECONDS = 3)",
      "SELECT a, 'x;y', \"q\"\"r\" FROM default.t /* c */ WHERE at > $1 AND b IN (SELECT $2) -- e\n; EXECUTE AS USER "
      "'u' (DELETE FROM t)",
      "INSERT INTO t VALUES (1, E'a\\'b', $$z$$, x'00', 1e3, -5) ON CONFLICT (id) DO UPDATE SET a = EXCLUDED.a "
      "RETURNING *",
      "COPY (SELECT 1) TO '/x' (FORMAT csv); DESCRIBE t AT VERSION 3; SHOW STATS FOR TABLE t; STORAGE FLUSH ALL IN a "
      "WAIT; CREATE USER u WITH PASSWORD 'p' ROLE dba",
  };
  const std::string_view pieces[] = {"'",  "\"",   ";",        "(",  ")", "$",   "/*",     "*/",      "--", "\n",
                                     "ä",  "\xff", "\xc2\xa0", ",",  ".", "NOT", " NULL ", "DEFAULT", "$$", "E'",
                                     "\\", "[",    "]",        "::", "?", "{",   "0x",     "1e"};
  const uint64_t seed = 20260101;
  SeededRandom random(seed);
  for (int i = 0; i < 20'000; ++i) {
    std::string text(seeds[random.Below(std::size(seeds))]);
    for (uint64_t n = 1 + random.Below(4); n > 0; --n) {
      const size_t at = random.Below(text.size() + 1);
      switch (random.Below(4)) {
        case 0: text.erase(at, 1 + random.Below(12)); break;
        case 1: text.resize(at); break;
        case 2: text.insert(at, text.substr(random.Below(text.size() + 1), random.Below(20))); break;
        default: text.insert(at, pieces[random.Below(std::size(pieces))]); break;
      }
    }
    Result<ScriptPtr> script = Error{};
    ASSERT_NO_THROW(script = ParseScript(text)) << "seed " << seed << ", text " << i << ": " << text;
    if (script.ok()) continue;
    EXPECT_GE(script.error().position, 0) << text;
    EXPECT_LE(script.error().position, static_cast<int64_t>(text.size()) + 2) << text << ": " << script.error().message;
  }
}

}  // namespace
}  // namespace kalamdb::engine
