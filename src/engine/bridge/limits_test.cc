// What a statement may not do or see: files, settings, other people's tables, more time, more memory; and what it is
// told about itself.
#include <thread>

#include "engine/bridge/bridge_fixture.h"

namespace kalamdb::engine {
namespace {

using row::Type;
using row::TypeKind;

class LimitsTest : public BridgeFixture {
 protected:
  catalog::TablePtr MakeShared(const std::string& name, catalog::AccessLevel level) {
    const auto table =
        MakeTable(name, catalog::TableKind::kShared,
                  {Column("id", Type::Of(TypeKind::kBigInt), true), Column("v", Type::Of(TypeKind::kText))});
    catalog::AlterAction set;
    set.kind = catalog::AlterAction::Kind::kSetOptions;
    set.options = {{"ACCESS_LEVEL", std::string(catalog::AccessLevelName(level))}};
    Alter(name, {set});
    return table;
  }
  Result<StatementResult> RunUntil(const std::string& sql, int64_t deadline_ns, const std::atomic<bool>* cancelled) {
    ExecuteContext context = ContextOf(alice_);
    context.deadline_ns = deadline_ns;
    context.cancelled = cancelled;
    LineSink sink;
    return RunIn(context, sql, &sink);
  }
};

constexpr const char* kEndless = "SELECT count(*) FROM range(1000000) a(i), range(1000000) b(j) WHERE a.i * b.j = -1";

TEST_F(LimitsTest, TimeAndCancellation) {
  auto timed = RunUntil(kEndless, clock_.MonotonicMicros() * 1000 + 100'000'000, nullptr);
  ASSERT_FALSE(timed.ok());
  EXPECT_EQ(timed.error().code, ErrorCode::kTimeout);
  std::atomic<bool> cancelled{false};
  std::thread canceller([&] {
    while (metrics_.Serialize().find("kalamdb_engine_connections 1") == std::string::npos) std::this_thread::yield();
    cancelled = true;
  });
  auto ended = RunUntil(kEndless, 0, &cancelled);
  canceller.join();
  ASSERT_FALSE(ended.ok());
  EXPECT_EQ(ended.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(Sql("SELECT 1"), "[1]");
}

TEST_F(LimitsTest, OneNeedsTheRight) {
  MakeShared("open", catalog::AccessLevel::kPublicWrite);
  MakeShared("read", catalog::AccessLevel::kPublic);
  MakeShared("hidden", catalog::AccessLevel::kPrivate);
  EXPECT_EQ(Sql("INSERT INTO open VALUES (1, 'a')"), "1");
  EXPECT_EQ(Sql("INSERT INTO read VALUES (1, 'a')").substr(0, 17), "PERMISSION_DENIED");
  EXPECT_EQ(SqlAs(root_, "INSERT INTO read VALUES (1, 'a')"), "1");
  EXPECT_EQ(Sql("SELECT * FROM read"), "[\"1\",\"a\"]");
  EXPECT_EQ(Sql("SELECT * FROM hidden"), "TABLE_NOT_FOUND: table hidden does not exist");
  EXPECT_EQ(Sql("SELECT * FROM hiden").find("hidden"), std::string::npos);
  EXPECT_EQ(Sql("INSERT INTO hidden VALUES (1, 'a')").substr(0, 15), "TABLE_NOT_FOUND");
  EXPECT_EQ(Sql("SELECT table_name FROM information_schema.tables ORDER BY 1"), "[\"open\"]\n[\"read\"]");
  EXPECT_EQ(Sql("SELECT column_name, data_type, is_nullable FROM information_schema.columns WHERE table_name = 'open' "
                "ORDER BY ordinal_position"),
            "[\"id\",\"BIGINT\",\"NO\"]\n[\"v\",\"TEXT\",\"YES\"]");
  EXPECT_EQ(Sql("SELECT * FROM system.users"), "UNSUPPORTED: system.users is not offered yet");
}

TEST_F(LimitsTest, NothingOfTheHost) {
  for (const char* sql :
       {"SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM '/etc/passwd'", "SELECT * FROM duckdb_settings()",
        "SELECT * FROM duckdb_tables", "COPY (SELECT 1) TO '/tmp/x.csv'", "SET memory_limit = '10GB'",
        "ATTACH ':memory:' AS m", "CREATE TABLE memory.main.x AS SELECT 1", "SELECT current_setting('threads')",
        "PRAGMA database_list", "INSTALL httpfs", "SELECT * FROM pragma_database_list()", "CHECKPOINT",
        "SELECT * FROM glob('/*')", "SELECT * FROM query('SELECT * FROM duckdb_secrets()')",
        "EXPORT DATABASE '/tmp/x'"}) {
    const std::string answer = Sql(sql);
    EXPECT_NE(answer.find(": "), std::string::npos) << sql << " -> " << answer;
  }
  EXPECT_EQ(Sql("SELECT 1"), "[1]");
}

TEST_F(LimitsTest, MemoryIsBounded) {
  const std::string answer =
      Sql("SELECT list(i || 'some text that is long enough to need room') FROM range(4000000) t(i)");
  EXPECT_EQ(answer.substr(0, 9), "TOO_LARGE") << answer.substr(0, 200);
  EXPECT_EQ(Sql("SELECT 1"), "[1]");
}

TEST_F(LimitsTest, ExplainSaysWhatWasRead) {
  MakeShared("open", catalog::AccessLevel::kPublicWrite);
  EXPECT_EQ(Sql("INSERT INTO open SELECT i, 'v' FROM range(0, 30000) t(i)"), "30000");
  EXPECT_NE(Sql("EXPLAIN SELECT * FROM open").find("open"), std::string::npos);
  duckdb::Parser parser;
  parser.ParseQuery("EXPLAIN ANALYZE SELECT * FROM open WHERE id = 5");
  QueryInput input;
  input.statement = parser.statements[0].get();
  input.explain_analyze = true;
  ExecuteContext context;
  context.identity = alice_;
  LineSink sink;
  ASSERT_TRUE(bridge_->runner().Run(input, context, &sink).ok());
  EXPECT_NE(sink.rows.find("[\"segments\",\"read 1, pruned 0\"]"), std::string::npos) << sink.rows;
  EXPECT_NE(sink.rows.find("[\"row_groups\",\"read 1, pruned 2\"]"), std::string::npos) << sink.rows;
}

TEST_F(LimitsTest, BindTellsTypes) {
  MakeShared("open", catalog::AccessLevel::kPublicWrite);
  duckdb::Parser parser;
  parser.ParseQuery("SELECT id, v FROM open WHERE id = $2 AND v = $1");
  ExecuteContext context;
  context.identity = alice_;
  auto bound = bridge_->runner().Bind(*parser.statements[0], context, nullptr);
  ASSERT_TRUE(bound.ok()) << bound.error().message;
  ASSERT_EQ(bound->parameter_types.size(), 2U);
  EXPECT_EQ(bound->parameter_types[0], duckdb::LogicalType::VARCHAR);
  EXPECT_EQ(bound->parameter_types[1], duckdb::LogicalType::BIGINT);
  EXPECT_EQ(bound->column_names, (duckdb::vector<duckdb::string>{"id", "v"}));
}

TEST_F(LimitsTest, SchemaFlagsFollowColumns) {
  MakeShared("open", catalog::AccessLevel::kPublicWrite);
  LineSink sink;
  ASSERT_TRUE(Run(alice_, "SELECT v AS a, id AS b, id + 1 AS c FROM open ORDER BY 1", &sink).ok());
  ASSERT_EQ(sink.schema.columns.size(), 3U);
  EXPECT_FALSE(sink.schema.columns[0].primary_key);
  EXPECT_TRUE(sink.schema.columns[1].primary_key && sink.schema.columns[1].not_null);
  EXPECT_FALSE(sink.schema.columns[2].primary_key);
  EXPECT_EQ(sink.schema.columns[1].data_type_json, "\"BigInt\"");
}

TEST_F(LimitsTest, DefaultsChecksAndHiddenKeys) {
  auto made = Column("made", Type::Of(TypeKind::kText));
  made.write_default = "current_user()";
  auto ulid = Column("u", Type::Of(TypeKind::kText));
  ulid.write_default = "ulid()";
  auto at = Column("made_at", Type::Of(TypeKind::kTimestamp));
  at.write_default = "now()";
  MakeTable("log", catalog::TableKind::kShared, {Column("n", Type::Of(TypeKind::kInt)), made, ulid, at},
            {{"small", "\"#1\" < 10"}}, {{"n"}});
  const auto table = Find("log");
  const std::string check = table->checks.empty() ? "" : table->checks[0].expression.text;
  EXPECT_EQ(Sql("INSERT INTO log(n) VALUES (1), (NULL)"), "2") << check;
  EXPECT_EQ(Sql("INSERT INTO log(n) SELECT i FROM range(5, 20) t(i)").substr(0, 22), "CHECK_VIOLATION: row 6") << check;
  EXPECT_EQ(SqlAs(bob_, "INSERT INTO log VALUES (3, 'x', 'y', NULL) RETURNING n, made"), "[3,\"x\"]");
  EXPECT_EQ(Sql("SELECT n, made, length(u)::INT, made_at > '2024-01-01' FROM log ORDER BY _id"),
            "[1,\"alice\",26,true]\n[null,\"alice\",26,true]\n[3,\"x\",1,null]");
  EXPECT_EQ(Sql("UPDATE log SET n = 20 WHERE n = 3").substr(0, 15), "CHECK_VIOLATION");
  EXPECT_EQ(Sql("UPDATE log SET made = DEFAULT WHERE n = 3 RETURNING made"), "[\"alice\"]");
  EXPECT_EQ(Sql("SELECT count(DISTINCT _id), typeof(any_value(_id)) FROM log"), "[\"3\",\"BIGINT\"]");
}

TEST_F(LimitsTest, StreamsEndByTime) {
  MakeTable("events", catalog::TableKind::kStream, {Column("id", Type::Of(TypeKind::kBigInt), true)});
  EXPECT_EQ(Sql("INSERT INTO events VALUES (1), (2)"), "2");
  EXPECT_EQ(Sql("SELECT count(*) FROM events"), "[\"2\"]");
  EXPECT_EQ(Sql("DELETE FROM events").substr(0, 11), "UNSUPPORTED");
  EXPECT_EQ(SqlAs(bob_, "SELECT count(*) FROM events"), "[\"0\"]");
  duckdb::Parser parser;
  parser.ParseQuery("SELECT count(*) FROM events");
  QueryInput input;
  input.statement = parser.statements[0].get();
  ExecuteContext later;
  later.identity = alice_;
  later.now = clock_.NowMicros() + 61 * kMicrosPerSecond;
  LineSink sink;
  ASSERT_TRUE(bridge_->runner().Run(input, later, &sink).ok());
  EXPECT_EQ(sink.rows, "[\"0\"]");
}

TEST_F(LimitsTest, EmbeddingDistances) {
  MakeTable("items", catalog::TableKind::kShared,
            {Column("id", Type::Of(TypeKind::kInt), true), Column("e", Type::Embedding(2))});
  EXPECT_EQ(Sql("INSERT INTO items VALUES (1, [1, 0]), (2, [0, 2]), (3, NULL)"), "3");
  EXPECT_EQ(
      Sql("SELECT id, L2_DISTANCE(e, [0, 0]), DOT(e, [1, 1]), COSINE_DISTANCE(e, [1.0, 0]) FROM items ORDER BY id"),
      "[1,1,1,0]\n[2,2,2,1]\n[3,null,null,null]");
  EXPECT_EQ(Sql("SELECT id FROM items WHERE e IS NOT NULL ORDER BY l2_distance(e, [0, 3]) LIMIT 1"), "[2]");
}

TEST_F(LimitsTest, DamagedFilesAreNamed) {
  MakeShared("open", catalog::AccessLevel::kPublicWrite);
  EXPECT_EQ(Sql("INSERT INTO open SELECT i, 'v' FROM range(0, 20000) t(i)"), "20000");
  const auto record = *database_->View()->ColdOf(Find("open")->id).segments[0].record;
  const std::string path = storage::SegmentPath(dir_.path(), record);
  auto bytes = ReadFile(path);
  ASSERT_TRUE(bytes.ok());
  std::string damaged = *bytes;
  damaged[damaged.size() - 20] = static_cast<char>(damaged[damaged.size() - 20] ^ 1);
  ASSERT_TRUE(WriteFileAtomically(path, damaged).ok());
  const std::string answer = Sql("SELECT count(*) FROM open");
  EXPECT_EQ(answer.substr(0, 19), "STORAGE_UNAVAILABLE") << answer;
  EXPECT_NE(answer.find("segment " + std::to_string(record.id.value)), std::string::npos);
  ASSERT_TRUE(RemoveFile(path).ok());
  EXPECT_EQ(Sql("SELECT count(*) FROM open").substr(0, 19), "STORAGE_UNAVAILABLE");
  ASSERT_TRUE(WriteFileAtomically(path, *bytes).ok());
  EXPECT_EQ(Sql("SELECT count(*) FROM open"), "[\"20000\"]");
}

}  // namespace
}  // namespace kalamdb::engine
