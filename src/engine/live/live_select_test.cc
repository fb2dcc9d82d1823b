// Live selects: what is refused, what rows look like, and that judging a row and asking for it by SELECT never
// disagree.
#include <chrono>
#include <cstdlib>

#include "base/random.h"
#include "engine/access.h"
#include "engine/bridge/bridge_fixture.h"
#include "engine/live/live_compiler.h"
#include "storage/rows.h"

namespace kalamdb::engine {
namespace {

using catalog::AlterAction;
using row::Type;
using row::TypeKind;

class ObjectSink final : public RowSink {
 public:
  RowForm form() const override { return RowForm::kObject; }
  char separator() const override { return '\n'; }
  Status OnSchema(const ResultSchema& schema) override {
    columns = schema.columns;
    rows.clear();
    return {};
  }
  Status OnRows(std::string_view json, size_t) override {
    if (!rows.empty()) rows.push_back('\n');
    rows.append(json);
    return {};
  }
  std::vector<ResultColumn> columns;
  std::string rows;
};

class LiveSelectTest : public BridgeFixture {
 protected:
  void SetUp() override {
    BridgeFixture::SetUp();
    parts_ = std::make_shared<LiveParts>(
        LiveParts::Services{[this] { return bridge_->instance(); }, &bridge_->runner(), database_.get(), &clock_});
  }
  void TearDown() override {
    parts_.reset();
    BridgeFixture::TearDown();
  }

  void MakeNotes(catalog::TableKind kind = catalog::TableKind::kUser) {
    MakeTable("notes", kind,
              {Column("id", Type::Of(TypeKind::kBigInt), true), Column("room", Type::Varchar(10)),
               Column("n", Type::Of(TypeKind::kInt)), Column("doc", Type::Of(TypeKind::kJson))});
  }

  Result<LiveSelectPtr> Compile(const std::string& sql, std::vector<row::JsonParam> params = {}) {
    return CompileAs(alice_, sql, std::move(params));
  }
  Result<LiveSelectPtr> CompileAs(const auth::Identity& who, const std::string& sql,
                                  std::vector<row::JsonParam> params = {}) {
    ExecuteContext context;
    context.identity = who;
    context.params = &params;
    return CompileLiveSelect(sql, context, parts_);
  }
  LiveSelectPtr Must(const std::string& sql, std::vector<row::JsonParam> params = {}) {
    auto compiled = Compile(sql, std::move(params));
    EXPECT_TRUE(compiled.ok()) << sql << ": " << (compiled.ok() ? "" : compiled.error().message);
    return compiled.ok() ? *compiled : nullptr;
  }
  // "CODE message", or "" where it compiles.
  std::string Refusal(const std::string& sql, std::vector<row::JsonParam> params = {}) {
    const auto compiled = Compile(sql, std::move(params));
    return compiled.ok() ? "" : std::string(ErrorCodeName(compiled.error().code)) + " " + compiled.error().message;
  }
  Result<LiveSelectPtr> Rebound(const LiveSelectPtr& select) { return select->Rebind(Find(select->table()->name)); }

  // The caller's encoded rows, in key order.
  std::vector<std::string> RawRows(const std::string& name) {
    const auto table = Find(name);
    std::vector<std::string> rows;
    auto cursor = storage::NewRangeCursor(database_->View(), &database_->store(), database_->format(),
                                          {.table = table->id, .user = PartitionOf(alice_, *table)});
    for (auto more = cursor->Next(); more.ok() && *more; more = cursor->Next()) rows.emplace_back(cursor->row());
    return rows;
  }
  // What the evaluator says to all rows, as a snapshot would show them.
  std::string Live(const LiveSelect& select) {
    const auto rows = RawRows(select.table()->name);
    const std::vector<std::string_view> views(rows.begin(), rows.end());
    const auto evaluator = select.NewEvaluator();
    std::vector<bool> matched;
    if (const Status judged = evaluator->Match(views, &matched); !judged.ok()) return "ERROR " + judged.error().message;
    std::string json;
    for (size_t i = 0; i < rows.size(); ++i) {
      if (!matched[i]) continue;
      if (!json.empty()) json.push_back('\n');
      if (const Status written = evaluator->AppendRow(rows[i], &json); !written.ok())
        return "ERROR " + written.error().message;
    }
    return json;
  }
  std::string Snapshot(const LiveSelect& select, uint64_t last_rows = 0) {
    ObjectSink sink;
    const Status read = select.ReadSnapshot(database_->View(), alice_, {.last_rows = last_rows}, &sink);
    return read.ok() ? sink.rows : "ERROR " + read.error().message;
  }
  // The snapshot, after having seen that the evaluator says the same.
  std::string Both(const std::string& sql, std::vector<row::JsonParam> params = {}) {
    const auto select = Must(sql, std::move(params));
    if (select == nullptr) return "";
    const std::string snapshot = Snapshot(*select);
    EXPECT_EQ(Live(*select), snapshot) << sql;
    return snapshot;
  }

  LivePartsPtr parts_;
};

std::string Names(const LiveSelect& select) {
  std::string names;
  for (const LiveColumn& column : select.columns())
    names += (names.empty() ? "" : " ") + column.name + ":" + column.data_type_json + (column.primary_key ? "*" : "");
  return names;
}

std::string Strip(std::string json) {  // sequences differ from run to run
  for (size_t at = json.find(",\"_seq\":\""); at != std::string::npos; at = json.find(",\"_seq\":\""))
    json.erase(at, json.find('"', at + 9) + 1 - at);
  return json;
}

row::JsonParam Text(std::string text) { return {row::JsonParam::Kind::kString, std::move(text)}; }
row::JsonParam Number(std::string text) { return {row::JsonParam::Kind::kInteger, std::move(text)}; }

TEST_F(LiveSelectTest, RowsAreTheSnapshotsRows) {
  MakeNotes();
  ASSERT_EQ(Sql("INSERT INTO notes VALUES (2, 'b', 20, '{\"k\":[1,2]}'), (1, 'a', NULL, NULL), (3, 'a', -5, '7')"),
            "3");
  EXPECT_EQ(
      Strip(Both("SELECT * FROM notes WHERE room = 'a'")),
      "{\"id\":\"1\",\"room\":\"a\",\"n\":null,\"doc\":null}\n{\"id\":\"3\",\"room\":\"a\",\"n\":-5,\"doc\":\"7\"}");
  EXPECT_EQ(Strip(Both("SELECT upper(x.room) AS up, n * 2, 'c' AS c FROM notes AS x WHERE x.n > 0")),
            "{\"up\":\"B\",\"(n * 2)\":40,\"c\":\"c\",\"id\":\"2\"}");
  EXPECT_EQ(Strip(Both("SELECT n + 1 AS m, m * 2 AS k, \"default\".notes.id FROM \"default\".notes WHERE k > 10")),
            "{\"m\":21,\"k\":42,\"id\":\"2\"}");
  EXPECT_EQ(
      Strip(Both("SELECT id, doc->>'$.k[1]' AS second, doc->'$.k' AS k FROM notes WHERE (doc->'$.k') IS NOT NULL")),
      "{\"id\":\"2\",\"second\":\"2\",\"k\":\"[1,2]\"}");
  EXPECT_EQ(Strip(Both("SELECT id, list_transform([n, 1], lambda v: v + id) AS l FROM notes WHERE n = 20")),
            "{\"id\":\"2\",\"l\":[\"22\",\"3\"]}");
  EXPECT_EQ(
      Strip(Both("SELECT _user_id, _version, n FROM notes WHERE _user_id = 'alice' AND n IN (20, 21, 22, 23, 24, 25)")),
      "{\"_user_id\":\"alice\",\"_version\":1,\"n\":20,\"id\":\"2\"}");
  EXPECT_NE(Both("SELECT _seq, _updated, id FROM notes WHERE _seq > 0 AND id = 1").find("\"_updated\":"),
            std::string::npos);
  EXPECT_EQ(Strip(Both("SELECT id FROM notes WHERE NULL")), "");
  EXPECT_EQ(Strip(Both("SELECT id FROM notes WHERE n = NULL OR n IS NULL")), "{\"id\":\"1\"}");
  EXPECT_EQ(Strip(Snapshot(*Must("SELECT id FROM notes"), 2)), "{\"id\":\"2\"}\n{\"id\":\"3\"}")
      << "one commit: ties by key";
  ASSERT_EQ(Sql("UPDATE notes SET n = 0 WHERE id = 1"), "1");
  EXPECT_EQ(Strip(Snapshot(*Must("SELECT n AS id2, id AS k FROM notes"), 2)),
            "{\"id2\":-5,\"k\":\"3\"}\n{\"id2\":0,\"k\":\"1\"}");
}

TEST_F(LiveSelectTest, SchemaOfTheAck) {
  MakeNotes();
  EXPECT_EQ(Names(*Must("SELECT * FROM notes")), "id:\"BigInt\"* room:\"Text\" n:\"Int\" doc:\"Json\"");
  EXPECT_EQ(Names(*Must("SELECT ROOM AS r, n / 2 AS half, _seq FROM notes")),
            "r:\"Text\" half:\"Double\" _seq:\"BigInt\" id:\"BigInt\"*");
  const auto select = Must("SELECT n AS x FROM notes WHERE room = 'a' AND n > 3 AND id = '5'");
  EXPECT_EQ(select->named_columns(), (std::vector<ColumnId>{ColumnId(3), ColumnId(2), ColumnId(1)}));
  ASSERT_EQ(select->equalities().size(), 2u);
  EXPECT_EQ(select->equalities()[0].value, row::Value::String("a"));
  EXPECT_EQ(select->equalities()[1].value, row::Value::Int(5));
  EXPECT_TRUE(select->has_residual());
  EXPECT_FALSE(Must("SELECT * FROM notes WHERE room = 'a' AND true")->has_residual());
  EXPECT_TRUE(Must("SELECT * FROM notes")->named_columns().empty());
}

TEST_F(LiveSelectTest, GroupsAreTheSameQuestion) {
  MakeNotes();
  const auto key = [&](const std::string& sql, std::vector<row::JsonParam> params = {}) {
    return Must(sql, std::move(params))->group_key();
  };
  EXPECT_EQ(key("SELECT * FROM notes WHERE n > 5"), key("select  * from notes N where N.n > $1", {Number("5")}));
  EXPECT_EQ(key("SELECT * FROM notes WHERE room = 'a'"), key("SELECT * FROM notes WHERE 'a' = room"));
  EXPECT_NE(key("SELECT * FROM notes WHERE n > 5"), key("SELECT * FROM notes WHERE n > 6"));
  EXPECT_NE(key("SELECT id FROM notes"), key("SELECT * FROM notes"));
  EXPECT_NE(key("SELECT id, room, n, doc FROM notes"), key("SELECT * FROM notes")) << "an ALTER parts them";
  EXPECT_NE(key("SELECT room, id FROM notes"), key("SELECT room FROM notes"));
  const LiveSelectPtr first = Must("SELECT room FROM notes WHERE n > $1", {Number("5")});
  EXPECT_EQ(Must("SELECT room FROM notes  WHERE n > $1", {Number("5")}), first) << "equal ones are one object";
  EXPECT_NE(Must("SELECT room FROM notes WHERE n > $1", {Number("6")}), first);
  EXPECT_NE(key("SELECT id, n AS a FROM notes"), key("SELECT id, n AS b FROM notes"));
  EXPECT_NE(key("SELECT 1 AS a FROM notes"), key("SELECT 1::BIGINT AS a FROM notes"));
}

TEST_F(LiveSelectTest, Parameters) {
  MakeNotes();
  ASSERT_EQ(Sql("INSERT INTO notes VALUES (1, 'a', 1, NULL), (2, 'b', 2, NULL)"), "2");
  EXPECT_EQ(Strip(Both("SELECT id FROM notes WHERE room = $1 AND n < $2", {Text("a"), Number("5")})), "{\"id\":\"1\"}");
  EXPECT_EQ(Strip(Both("SELECT id FROM notes WHERE id = $1", {Text("2")})), "{\"id\":\"2\"}");
  EXPECT_EQ(Strip(Both("SELECT id, $1 AS p FROM notes WHERE id = 1", {Number("7")})), "{\"id\":\"1\",\"p\":\"7\"}");
  EXPECT_EQ(Refusal("SELECT id FROM notes WHERE n = $2", {Number("7")}), "INVALID_PARAMETER parameter $2 is missing");
  EXPECT_NE(Refusal("SELECT id FROM notes WHERE n = $1", {Text("seven")}).find("INVALID_PARAMETER parameter $1:"),
            std::string::npos);
}

TEST_F(LiveSelectTest, Refusals) {
  MakeNotes();
  MakeTable("hidden", catalog::TableKind::kShared, {Column("id", Type::Of(TypeKind::kBigInt), true)});
  Alter("hidden", {{.kind = AlterAction::Kind::kSetOptions, .options = {{"ACCESS_LEVEL", "DBA"}}}});
  const std::pair<const char*, const char*> cases[] = {
      {"SELECT count(*) FROM notes", "UNSUPPORTED an aggregate"},
      {"SELECT max(n) AS m FROM notes", "UNSUPPORTED an aggregate"},
      {"SELECT DISTINCT n FROM notes", "UNSUPPORTED DISTINCT"},
      {"SELECT n FROM notes ORDER BY n", "UNSUPPORTED ORDER BY"},
      {"SELECT n FROM notes LIMIT 3", "UNSUPPORTED LIMIT"},
      {"SELECT n FROM notes GROUP BY n", "UNSUPPORTED GROUP BY"},
      {"SELECT n FROM notes GROUP BY ALL", "UNSUPPORTED GROUP BY"},
      {"SELECT n FROM notes WHERE true HAVING n > 1", "UNSUPPORTED HAVING"},
      {"SELECT n FROM notes QUALIFY row_number() OVER () = 1", "UNSUPPORTED QUALIFY"},
      {"SELECT row_number() OVER () FROM notes", "UNSUPPORTED a window function"},
      {"SELECT n FROM notes USING SAMPLE 3", "UNSUPPORTED a sample"},
      {"SELECT n FROM notes WHERE id IN (SELECT 1)", "UNSUPPORTED a subquery"},
      {"SELECT (SELECT 1) AS x FROM notes", "UNSUPPORTED a subquery"},
      {"WITH x AS (SELECT 1) SELECT n FROM notes", "UNSUPPORTED WITH"},
      {"SELECT n FROM notes UNION SELECT n FROM notes", "UNSUPPORTED UNION"},
      {"SELECT a.n FROM notes a JOIN notes b ON a.id = b.id", "UNSUPPORTED a join"},
      {"SELECT n FROM notes, notes b", "UNSUPPORTED a join"},
      {"SELECT n FROM (SELECT * FROM notes)", "UNSUPPORTED a subquery in FROM"},
      {"SELECT 1", "UNSUPPORTED a SELECT without a table"},
      {"SELECT * FROM range(3)", "UNSUPPORTED a table function"},
      {"VALUES (1)", "UNSUPPORTED VALUES"},
      {"INSERT INTO notes(id) VALUES (1)", "UNSUPPORTED a statement that is no SELECT"},
      {"DROP TABLE notes", "UNSUPPORTED only SELECT"},
      {"SELECT n FROM notes; SELECT n FROM notes", "UNSUPPORTED a live query is one statement"},
      {"SELECT * EXCLUDE (n) FROM notes", "UNSUPPORTED * with EXCLUDE"},
      {"SELECT COLUMNS('n') FROM notes", "UNSUPPORTED COLUMNS"},
      {"SELECT id FROM notes WHERE _deleted", "UNSUPPORTED _deleted"},
      {"SELECT id FROM notes WHERE n > random()", "UNSUPPORTED random"},
      {"SELECT now() AS t FROM notes", "UNSUPPORTED now"},
      {"SELECT id FROM notes WHERE room = CURRENT_USER", "UNSUPPORTED current_user"},
      {"SELECT id FROM notes WHERE room = current_user()", "UNSUPPORTED current_user"},
      {"SELECT current_date AS d FROM notes", "UNSUPPORTED current_date"},
      {"SELECT uuid_v7() AS u FROM notes", "UNSUPPORTED uuid_v7"},
      {"SELECT SNOWFLAKE_ID() AS u FROM notes", "UNSUPPORTED snowflake_id"},
      {"SELECT age(TIMESTAMP '2020-01-01') AS u FROM notes", "UNSUPPORTED age"},
      {"SELECT id, n AS ID FROM notes", "INVALID_SQL two columns of the live query are called id"},
      {"SELECT n AS id FROM notes", "INVALID_SQL two columns of the live query are called id"},
      {"SELECT n AS _seq FROM notes", "INVALID_SQL two columns of the live query are called _seq"},
      {"SELECT gone FROM notes", "COLUMN_NOT_FOUND column gone of \"default\".notes does not exist"},
      {"SELECT x.n FROM notes", "INVALID_SQL table x is not in the FROM clause"},
      {"SELECT id FROM notes WHERE lower(n, 3)", "INVALID_SQL no function matches"},
      {"SELECT id FROM notes WHERE getenv('HOME') = 'x'", "INVALID_SQL function getenv does not exist"},
      {"SELECT id FROM nothing", "TABLE_NOT_FOUND table \"default\".nothing does not exist"},
      {"SELECT id FROM hidden", "TABLE_NOT_FOUND table \"default\".hidden does not exist"},
      {"SELECT * FROM system.tables", "UNSUPPORTED tables of system"},
      {"SELECT id FROM notes WHER n = 1", "INVALID_SQL"},
  };
  for (const auto& [sql, wanted] : cases) EXPECT_EQ(Refusal(sql).rfind(wanted, 0), 0u) << sql << ": " << Refusal(sql);
  const auto misspelt = Compile("SELECT id,\n gone FROM notes");
  ASSERT_FALSE(misspelt.ok());
  EXPECT_EQ(misspelt.error().position, 13);
}

TEST_F(LiveSelectTest, FirstFailingRowEndsIt) {
  MakeNotes();
  ASSERT_EQ(Sql("INSERT INTO notes VALUES (1, '5', 1, NULL), (2, 'two', 1, NULL), (3, 'three', 1, NULL), (4, 'four', "
                "2, NULL)"),
            "4");
  EXPECT_EQ(Live(*Must("SELECT id FROM notes WHERE room::INT > 3")), "ERROR value 'two' does not fit type INT");
  EXPECT_EQ(Strip(Live(*Must("SELECT id FROM notes WHERE n = 1 AND id < 2 AND room::INT > 3"))), "{\"id\":\"1\"}");
  EXPECT_EQ(Live(*Must("SELECT id, room::INT AS r FROM notes WHERE id = 4")),
            "ERROR value 'four' does not fit type INT");
  const auto rows = RawRows("notes");
  const std::string_view bad = rows[1];
  std::vector<bool> matched;
  const Status judged = Must("SELECT id FROM notes WHERE room::INT > 3")->NewEvaluator()->Match({&bad, 1}, &matched);
  ASSERT_FALSE(judged.ok());
  EXPECT_EQ(judged.error().code, ErrorCode::kTypeMismatch);
}

TEST_F(LiveSelectTest, ManyEvaluatorsShareTheMemoryOfExecutors) {
  MakeNotes();
  ASSERT_EQ(Sql("INSERT INTO notes VALUES (1, 'a', 1, NULL), (2, 'B', 2, NULL)"), "2");
  const auto rows = RawRows("notes");
  const std::vector<std::string_view> views(rows.begin(), rows.end());
  const auto select =
      Must("SELECT upper(room) AS u, n * 2 + 1 AS m FROM notes WHERE lower(trim(room)) || 'x' = 'bx' AND n % 5 = 2");
  std::vector<std::unique_ptr<LiveEvaluator>> evaluators;  // more than kKeptExecutorBytes holds
  for (size_t i = 0; i < kKeptExecutorBytes / (4u * STANDARD_VECTOR_SIZE * 16); ++i) {
    evaluators.push_back(select->NewEvaluator());
    for (int again = 0; again < 2; ++again) {
      std::vector<bool> matched;
      ASSERT_TRUE(evaluators.back()->Match(views, &matched).ok());
      ASSERT_EQ(matched, (std::vector<bool>{false, true}));
      std::string json;
      ASSERT_TRUE(evaluators.back()->AppendRow(rows[1], &json).ok());
      ASSERT_EQ(Strip(json), "{\"u\":\"B\",\"m\":5,\"id\":\"2\"}");
    }
  }
}

TEST_F(LiveSelectTest, OldValues) {
  MakeNotes();
  ASSERT_EQ(Sql("INSERT INTO notes VALUES (1, 'a', 1, NULL)"), "1");
  const std::string before = RawRows("notes")[0];
  ASSERT_EQ(Sql("UPDATE notes SET n = 2, doc = '{}' WHERE id = 1"), "1");
  const std::string after = RawRows("notes")[0];
  const std::string seq = "\"_seq\":\"" + std::to_string(row::RowSeq(before).value) + "\"";
  const auto old_values = [&](const std::string& sql) {
    std::string json;
    EXPECT_TRUE(Must(sql)->NewEvaluator()->AppendOldValues(before, after, &json).ok());
    return json;
  };
  EXPECT_EQ(old_values("SELECT * FROM notes"), "{\"id\":\"1\",\"n\":1,\"doc\":null," + seq + "}");
  EXPECT_EQ(old_values("SELECT room, n + 1 AS m, upper(room) AS u FROM notes"), "{\"m\":2,\"id\":\"1\"," + seq + "}");
  EXPECT_EQ(old_values("SELECT room FROM notes"), "{\"id\":\"1\"," + seq + "}");
}

TEST_F(LiveSelectTest, AnotherVersionOfTheTable) {
  MakeNotes();
  ASSERT_EQ(Sql("INSERT INTO notes VALUES (1, 'a', 5, NULL), (2, 'b', 6, NULL)"), "2");
  const auto star = Must("SELECT * FROM notes WHERE n = 5");
  const auto named = Must("SELECT n, n * 2 AS m FROM notes WHERE room = 'a'");
  AlterAction add{.kind = AlterAction::Kind::kAddColumn, .column = "extra", .type = Type::Of(TypeKind::kText)};
  add.default_sql = "'x'";
  add.default_value = row::Value::String("x");
  Alter("notes", {add,
                  {.kind = AlterAction::Kind::kRenameColumn, .column = "n", .new_name = "amount"},
                  {.kind = AlterAction::Kind::kSetType, .column = "amount", .type = Type::Of(TypeKind::kBigInt)}});
  ASSERT_EQ(Sql("INSERT INTO notes VALUES (3, 'a', 5, NULL, 'y')"), "1");
  EXPECT_EQ(star->RebindSame(Find("notes")), nullptr) << "the type of n is another";
  const auto star2 = *Rebound(star);
  EXPECT_EQ(Names(*star2), "id:\"BigInt\"* room:\"Text\" amount:\"BigInt\" doc:\"Json\" extra:\"Text\"");
  EXPECT_EQ(star2->columns()[4].initial_default_json, "\"x\"");
  EXPECT_EQ(star2->columns()[1].initial_default_json, "null");
  EXPECT_NE(star2->group_key(), star->group_key());
  ASSERT_EQ(star2->equalities().size(), 1u) << "the constant has become a BIGINT";
  EXPECT_EQ(Strip(Live(*star2)),
            "{\"id\":\"1\",\"room\":\"a\",\"amount\":\"5\",\"doc\":null,\"extra\":\"x\"}\n"
            "{\"id\":\"3\",\"room\":\"a\",\"amount\":\"5\",\"doc\":null,\"extra\":\"y\"}");
  EXPECT_EQ(Snapshot(*star2), Live(*star2));
  const auto named2 = *Rebound(named);
  EXPECT_EQ(Names(*named2), "n:\"BigInt\" m:\"BigInt\" id:\"BigInt\"*") << "a named column keeps its name";
  EXPECT_EQ(Strip(Live(*named2)), "{\"n\":\"5\",\"m\":\"10\",\"id\":\"1\"}\n{\"n\":\"5\",\"m\":\"10\",\"id\":\"3\"}");
  EXPECT_EQ(Snapshot(*named2), Live(*named2));
  EXPECT_EQ(Snapshot(*named).rfind("ERROR", 0), 0u) << "the old version does not read the new table";

  const auto on_room = Must("SELECT id FROM notes WHERE room LIKE 'a%'");
  Alter("notes", {{.kind = AlterAction::Kind::kDropColumn, .column = "room"}});
  const auto gone = Rebound(on_room);
  ASSERT_FALSE(gone.ok());
  EXPECT_EQ(gone.error().code, ErrorCode::kColumnNotFound);
  EXPECT_EQ(gone.error().message, "column room was dropped");
  EXPECT_EQ(on_room->RebindSame(Find("notes")), nullptr);
  EXPECT_TRUE(Rebound(star2).ok()) << "`*` names no column";
  ASSERT_NE(star2->RebindSame(Find("notes")), nullptr) << "what it names is as it was";
  EXPECT_EQ(Names(*star2->RebindSame(Find("notes"))), "id:\"BigInt\"* amount:\"BigInt\" doc:\"Json\" extra:\"Text\"");
  Alter("notes", {{.kind = AlterAction::Kind::kAddColumn, .column = "room", .type = Type::Of(TypeKind::kText)}});
  EXPECT_FALSE(Rebound(on_room).ok()) << "the same name is not the same column";
  Alter("notes", {{.kind = AlterAction::Kind::kRenameColumn, .column = "id", .new_name = "pk"}});
  EXPECT_EQ(Names(*Must("SELECT room FROM notes")), "room:\"Text\" pk:\"BigInt\"*");
}

TEST_F(LiveSelectTest, SwappedNamesKeepTheirMeaning) {
  MakeTable("t", catalog::TableKind::kShared,
            {Column("id", Type::Of(TypeKind::kInt), true), Column("a", Type::Of(TypeKind::kInt)),
             Column("b", Type::Of(TypeKind::kInt))});
  ASSERT_EQ(Sql("INSERT INTO t VALUES (1, 10, 20)"), "1");
  const auto select = Must("SELECT a FROM t WHERE a = 10 AND b > 15");
  const auto rename = [](std::string from, std::string to) {
    return AlterAction{.kind = AlterAction::Kind::kRenameColumn, .column = std::move(from), .new_name = std::move(to)};
  };
  Alter("t", {rename("a", "c"), rename("b", "a"), rename("c", "b")});
  const auto swapped = *Rebound(select);
  EXPECT_EQ(Strip(Live(*swapped)), "{\"a\":10,\"id\":1}");
  EXPECT_EQ(Snapshot(*swapped), Live(*swapped));
}

// Predicates over random rows of three schema versions, against a native table of the engine with the same rows.
class LivePredicates : public LiveSelectTest {
 protected:
  std::string Maybe(const std::string& text) { return random_.Below(6) == 0 ? "NULL" : text; }
  std::string Below(uint64_t bound) { return std::to_string(random_.Below(bound)); }
  std::string RandomRow(int id, bool with_extra) {
    std::string sql = "(" + std::to_string(id) + ", " + Maybe(Below(30)) + ", " + Maybe("'v" + Below(12) + "'") + ", " +
                      Maybe(Below(100) + ".5") + ", " + Maybe(Below(20)) + ", " +
                      Maybe("DATE '2024-01-01' + " + Below(60)) + ", " +
                      Maybe("TIMESTAMP '2024-01-01' + INTERVAL (" + Below(9'000) + ") MINUTE") + ", " +
                      Maybe(Below(2) == "0" ? "true" : "false") + ", " + Maybe(Below(50) + ".25") + ", " +
                      Maybe("'{\"k\":" + Below(5) + "}'");
    if (with_extra) sql += ", " + Maybe("'e" + Below(3) + "'");
    return sql + ")";
  }
  void InsertBoth(int first, int count, bool with_extra) {
    std::string rows;
    for (int i = 0; i < count; ++i) rows += (i == 0 ? "" : ", ") + RandomRow(first + i, with_extra);
    ASSERT_EQ(Sql("INSERT INTO t VALUES " + rows), std::to_string(count));
    Native("INSERT INTO t VALUES " + rows);
  }
  std::string Native(const std::string& sql) {
    auto result = native_.Query(sql);
    if (result->HasError()) return "ERROR " + result->GetError();
    std::string text;
    while (auto chunk = result->Fetch()) {
      if (chunk->size() == 0) break;
      for (size_t i = 0; i < chunk->size(); ++i) text += chunk->GetValue(0, i).ToString() + " ";
    }
    return text;
  }
  std::string Matches(const LiveSelect& select) {
    const auto rows = RawRows("t");
    const std::vector<std::string_view> views(rows.begin(), rows.end());
    std::vector<bool> matched;
    const Status judged = select.NewEvaluator()->Match(views, &matched);
    if (!judged.ok()) return "ERROR " + judged.error().message;
    std::string text;
    for (size_t i = 0; i < rows.size(); ++i) {
      if (!matched[i]) continue;
      auto projection = select.table()->ProjectionFrom(row::RowVersion(rows[i]));
      text += std::to_string((*projection)->Read(rows[i], 0)->as_int()) + " ";
    }
    return text;
  }

  static uint64_t Seed() {
    const char* given = std::getenv("KALAMDB_TEST_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 10) : 20'260'101;
  }
  SeededRandom random_{Seed()};
  duckdb::DuckDB native_database_{nullptr};
  duckdb::Connection native_{native_database_};
};

constexpr const char* kPredicates[] = {"a = 5",
                                       "5 = a",
                                       "a <> 5",
                                       "a > 10 AND a <= 20",
                                       "a BETWEEN 3 AND 7",
                                       "a NOT BETWEEN 3 AND 7",
                                       "a IN (1, 2, 3)",
                                       "a NOT IN (1, 2, NULL)",
                                       "a IN (1, 2, 3, 4, 5, 6, 7)",
                                       "a IS NULL",
                                       "a IS NOT NULL",
                                       "a = NULL",
                                       "a IS DISTINCT FROM 5",
                                       "NOT (a > 10)",
                                       "a = '7'",
                                       "a = 7.0",
                                       "a > 7.5",
                                       "a % 3 = 1",
                                       "a + s > 20",
                                       "abs(a - 15) < 4",
                                       "a::VARCHAR LIKE '1%'",
                                       "a = 5 OR b = 'v3'",
                                       "a = 5 AND b = 'v3'",
                                       "b = 'v3'",
                                       "b LIKE 'v1%'",
                                       "b ILIKE 'V1_'",
                                       "b SIMILAR TO 'v[0-4]'",
                                       "lower(b) = 'v7'",
                                       "length(b) = 3",
                                       "b || 'x' = 'v2x'",
                                       "b > 'v5'",
                                       "substr(b, 2)::INT > 6",
                                       "regexp_matches(b, '^v1?$')",
                                       "b IN ('v1', 'v2')",
                                       "starts_with(b, 'v1')",
                                       "d = 10.5",
                                       "d > 50 AND d < 60",
                                       "round(d) % 2 = 0",
                                       "d::INT = a",
                                       "s = 3",
                                       "s = 100000",
                                       "s < a",
                                       "coalesce(a, s, 0) > 12",
                                       "greatest(a, s) = a",
                                       "dt = DATE '2024-01-15'",
                                       "dt > '2024-02-01'",
                                       "dt = TIMESTAMP '2024-01-15 00:00:00'",
                                       "month(dt) = 2",
                                       "dt + INTERVAL 3 DAY > DATE '2024-02-10'",
                                       "ts >= TIMESTAMP '2024-01-03' AND ts < '2024-01-05'",
                                       "date_trunc('day', ts) = DATE '2024-01-02'",
                                       "extract(hour FROM ts) < 6",
                                       "flag",
                                       "NOT flag",
                                       "flag IS NOT TRUE",
                                       "flag = (a > 10)",
                                       "m = 3.25",
                                       "m > 10 AND m * 2 < 60.5",
                                       "doc->>'$.k' = '3'",
                                       "(doc->'$.k')::INT > 2",
                                       "json_extract(doc, '$.k') IS NULL",
                                       "CASE WHEN a > 10 THEN b = 'v1' ELSE s > 5 END",
                                       "a > 3 AND (b = 'v1' OR (s < 9 AND d > 20))",
                                       "nullif(a, 5) IS NULL",
                                       "true",
                                       "1 = 0",
                                       "id % 2 = 0 AND id > 20",
                                       "list_contains([a, s], 5)",
                                       "a = 5 AND a = 6",
                                       "(a, s) = (5, 3)"};

TEST_F(LivePredicates, AgreeWithTheEngineOnRowsOfAllVersions) {
  SCOPED_TRACE("seed " + std::to_string(Seed()));
  MakeTable("t", catalog::TableKind::kUser,
            {Column("id", Type::Of(TypeKind::kInt), true), Column("a", Type::Of(TypeKind::kInt)),
             Column("b", Type::Of(TypeKind::kText)), Column("d", Type::Of(TypeKind::kDouble)),
             Column("s", Type::Of(TypeKind::kSmallInt)), Column("dt", Type::Of(TypeKind::kDate)),
             Column("ts", Type::Of(TypeKind::kTimestamp)), Column("flag", Type::Of(TypeKind::kBoolean)),
             Column("m", Type::Decimal(8, 2)), Column("doc", Type::Of(TypeKind::kJson))});
  Native("SET TimeZone = 'UTC'");
  Native(
      "CREATE TABLE t (id INT PRIMARY KEY, a INT, b VARCHAR, d DOUBLE, s SMALLINT, dt DATE, ts TIMESTAMP, flag "
      "BOOLEAN, m DECIMAL(8,2), doc JSON)");
  InsertBoth(1, 150, false);
  std::vector<LiveSelectPtr> first;
  const auto compare = [&](std::initializer_list<const char*> more) {
    size_t found = 0;
    first.clear();
    std::vector<const char*> all(std::begin(kPredicates), std::end(kPredicates));
    all.insert(all.end(), more);
    for (const char* predicate : all) {
      const auto select = Must(std::string("SELECT id FROM t WHERE ") + predicate);
      first.push_back(select);
      if (select == nullptr) continue;
      const std::string expected = Native(std::string("SELECT id FROM t WHERE ") + predicate + " ORDER BY id");
      EXPECT_EQ(Matches(*select), expected) << predicate;
      EXPECT_EQ(Snapshot(*select), Live(*select)) << predicate;
      found += expected.size();
    }
    EXPECT_GT(found, 1'000u) << "the predicates find rows";
  };
  compare({});
  const std::vector<LiveSelectPtr> older = first;
  AlterAction add{.kind = AlterAction::Kind::kAddColumn, .column = "extra", .type = Type::Of(TypeKind::kText)};
  add.default_sql = "'e1'";
  add.default_value = row::Value::String("e1");
  Alter("t", {add,
              {.kind = AlterAction::Kind::kSetType, .column = "a", .type = Type::Of(TypeKind::kBigInt)},
              {.kind = AlterAction::Kind::kSetType, .column = "s", .type = Type::Of(TypeKind::kInt)}});
  Native("ALTER TABLE t ADD COLUMN extra VARCHAR DEFAULT 'e1'");
  InsertBoth(151, 100, true);
  Alter("t", {{.kind = AlterAction::Kind::kSetType, .column = "dt", .type = Type::Of(TypeKind::kTimestamp)},
              {.kind = AlterAction::Kind::kSetType, .column = "m", .type = Type::Decimal(20, 4)}});
  InsertBoth(251, 50, true);
  compare({"extra = 'e1'", "extra <> 'e1'", "extra IS NULL", "extra > 'e0' AND a = 4"});
  // Bound at version 1: what names no retyped column goes on without being bound again, and is the same question.
  size_t same = 0;
  for (size_t i = 0; i < older.size(); ++i) {
    const LiveSelectPtr moved = older[i]->RebindSame(Find("t"));
    if (moved == nullptr) continue;
    ++same;
    EXPECT_EQ(moved->group_key(), first[i]->group_key()) << kPredicates[i];
    EXPECT_EQ(Matches(*moved), Matches(*first[i])) << kPredicates[i];
    EXPECT_EQ(Live(*moved), Snapshot(*moved)) << kPredicates[i];
    EXPECT_EQ(Names(*moved), Names(*first[i])) << kPredicates[i];
  }
  EXPECT_GT(same, 25u);
}

TEST_F(LiveSelectTest, EqualityAndPlainColumnsStayOffTheEngine) {
  MakeNotes();
  ASSERT_EQ(Sql("INSERT INTO notes SELECT i, 'room' || (i % 10), i, NULL FROM range(1000) t(i)"), "1000");
  const auto rows = RawRows("notes");
  const auto select = Must("SELECT id, room, n FROM notes WHERE room = 'room3'");
  const auto evaluator = select->NewEvaluator();
  ASSERT_FALSE(select->has_residual());
  std::vector<bool> matched;
  std::string json;
  const auto begin = std::chrono::steady_clock::now();
  constexpr int kRounds = 20;
  for (int round = 0; round < kRounds; ++round) {
    for (const std::string& row : rows) {
      const std::string_view one = row;
      ASSERT_TRUE(evaluator->Match({&one, 1}, &matched).ok());
      json.clear();
      if (matched[0]) ASSERT_TRUE(evaluator->AppendRow(row, &json).ok());
    }
  }
  const double nanoseconds = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count();
  RecordProperty("nanoseconds_a_row", std::to_string(nanoseconds / (kRounds * 1'000.0)));
  EXPECT_LT(nanoseconds / (kRounds * 1'000.0), 20'000.0)
      << "a row costs tens of microseconds: something went through the engine";
}

}  // namespace
}  // namespace kalamdb::engine
