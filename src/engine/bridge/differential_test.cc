// Random statements on a table that is flushed and altered meanwhile, for two users, compared row for row with native
// DuckDB tables.
#include <cstdlib>

#include "base/random.h"
#include "engine/bridge/bridge_fixture.h"
#include "engine/bridge/json_writer.h"

namespace kalamdb::engine {
namespace {

using row::Type;
using row::TypeKind;

// A plain table of the engine that is told the same statements.
class Native {
 public:
  Native() : connection_(database_) {
    Query("SET TimeZone = 'UTC'");
    Query("CREATE TABLE t (id BIGINT, a INTEGER, b VARCHAR, d DOUBLE, s SMALLINT, dt DATE)");
  }
  std::string Query(const std::string& sql) {
    auto result = connection_.Query(sql);
    if (result->HasError()) return "ERROR " + result->GetError();
    JsonWriter writer(result->names, RowForm::kArray, '\n', row::BytesForm::kBase64);
    std::string text;
    while (auto chunk = result->Fetch()) {
      if (chunk->size() == 0) break;
      if (!text.empty()) text.push_back('\n');
      writer.AppendRows(*chunk, 0, SIZE_MAX, &text);
    }
    return text;
  }

 private:
  duckdb::DuckDB database_{nullptr};
  duckdb::Connection connection_;
};

class DifferentialTest : public BridgeFixture {
 protected:
  static uint64_t Seed() {
    const char* given = std::getenv("KALAMDB_TEST_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 10) : 20'260'101;
  }
  std::string Number(uint64_t bound) { return std::to_string(random_.Below(bound)); }
  bool OneIn(uint64_t n) { return random_.Below(n) == 0; }

  std::string RandomRow() {
    const std::string id = std::to_string(next_id_ += 1 + static_cast<int64_t>(random_.Below(3)));
    const auto or_null = [&](const std::string& text) { return OneIn(6) ? std::string("NULL") : text; };
    return "(" + id + ", " + or_null(Number(40)) + ", " + or_null("'v" + Number(12) + "'") + ", " +
           or_null(Number(100) + ".25") + ", " + or_null(Number(20)) + ", " +
           or_null("DATE '2024-01-01' + " + Number(30)) + ")";
  }
  std::string Insert() {
    std::string sql = "INSERT INTO t(id, a, b, d, s, dt) VALUES ";
    const uint64_t rows = 1 + random_.Below(40);
    for (uint64_t i = 0; i < rows; ++i) sql += (i == 0 ? "" : ", ") + RandomRow();
    return sql;
  }
  std::string Predicate() {
    const std::vector<std::string> all = {
        "a = " + Number(40),
        "a > " + Number(40) + ".5",
        "a = " + Number(40) + ".5",
        "a BETWEEN 5 AND " + Number(40),
        "a IS NULL",
        "a IN (1, 5, " + Number(40) + ")",
        "s <> " + Number(20),
        "s >= 3 AND s < " + Number(20),
        "b = 'v" + Number(12) + "'",
        "b LIKE 'v1%'",
        "b IS NOT NULL AND b > 'v" + Number(12) + "'",
        "dt >= DATE '2024-01-01' + " + Number(30),
        "dt < TIMESTAMP '2024-01-" + std::to_string(10 + random_.Below(15)) + " 12:00:00'",
        "dt = TIMESTAMP '2024-01-10 12:00:00'",
        "dt = TIMESTAMP '2024-01-10 00:00:00'",
        "d > " + Number(100),
        "d IS NULL OR a = 3",
        "id = " + std::to_string(random_.Below(static_cast<uint64_t>(next_id_) + 1)),
        "id > " + Number(400) + " AND id <= " + Number(900),
        "id IN (3, 30, 300, " + Number(500) + ")",
        "NOT (a > 20)",
        "coalesce(a, 0) % 3 = 1",
        "a = s",
        "id < " + Number(900) + " AND b = 'v3'",
        has_extra_ ? "e = 'dd'" : "true",
        has_extra_ ? "e IS NULL" : "false",
        has_extra_ ? "e <> 'dd' AND e LIKE 'e%'" : "a = 1"};
    return all[random_.Below(all.size())];
  }
  std::string Query() {
    const std::string where = OneIn(8)   ? Predicate() + " OR " + Predicate()
                              : OneIn(3) ? Predicate() + " AND " + Predicate()
                                         : Predicate();
    switch (random_.Below(6)) {
      case 0: return "SELECT count(*), sum(a), min(s), max(b), count(dt), sum(d) FROM t WHERE " + where;
      case 1: return "SELECT b, count(*) FROM t WHERE " + where + " GROUP BY b ORDER BY b";
      case 2: return "SELECT id, b FROM t WHERE " + where + " ORDER BY id DESC LIMIT 3 OFFSET 1";
      case 3: return "SELECT x.id, y.a FROM t x JOIN t y ON x.id = y.id + 1 WHERE x.a = y.a OR x.b = y.b ORDER BY 1, 2";
      case 4: return "SELECT id FROM t WHERE (" + where + ") AND a > (SELECT avg(a) FROM t) ORDER BY id";
      default: return "SELECT * FROM t WHERE " + where + " ORDER BY id";
    }
  }
  void AlterBoth(std::vector<catalog::AlterAction> actions, const std::vector<std::string>& native) {
    Alter("t", actions);
    for (const auto& sql : native) {
      EXPECT_EQ(of_alice_.Query(sql).find("ERROR"), std::string::npos);
      EXPECT_EQ(of_bob_.Query(sql).find("ERROR"), std::string::npos);
    }
  }
  void NextAlter() {
    catalog::AlterAction action;
    switch (altered_++) {
      case 0:
        action.kind = catalog::AlterAction::Kind::kAddColumn;
        action.column = "e";
        action.type = Type::Of(TypeKind::kText);
        action.default_sql = "'dd'";
        action.default_value = row::Value::String("dd");
        AlterBoth({action}, {"ALTER TABLE t ADD COLUMN e VARCHAR DEFAULT 'dd'"});
        has_extra_ = true;
        return;
      case 1:
        action.kind = catalog::AlterAction::Kind::kSetType;
        action.column = "a";
        action.type = Type::Of(TypeKind::kDouble);
        AlterBoth({action}, {"ALTER TABLE t ALTER a TYPE DOUBLE"});
        return;
      case 2:
        action.kind = catalog::AlterAction::Kind::kSetType;
        action.column = "dt";
        action.type = Type::Of(TypeKind::kTimestamp);
        AlterBoth({action}, {"ALTER TABLE t ALTER dt TYPE TIMESTAMP"});
        return;
      case 3:
        action.kind = catalog::AlterAction::Kind::kSetType;
        action.column = "s";
        action.type = Type::Decimal(12, 2);
        AlterBoth({action}, {"ALTER TABLE t ALTER s TYPE DECIMAL(12,2)"});
        return;
      default: return;
    }
  }

  SeededRandom random_{Seed()};
  Native of_alice_, of_bob_;
  int64_t next_id_ = 0;
  int altered_ = 0;
  bool has_extra_ = false;
};

TEST_F(DifferentialTest, RandomStatements) {
  MakeTable("t", catalog::TableKind::kUser,
            {Column("id", Type::Of(TypeKind::kBigInt), true), Column("a", Type::Of(TypeKind::kInt)),
             Column("b", Type::Of(TypeKind::kText)), Column("d", Type::Of(TypeKind::kDouble)),
             Column("s", Type::Of(TypeKind::kSmallInt)), Column("dt", Type::Of(TypeKind::kDate))});
  for (int step = 0; step < 700 && !HasFailure(); ++step) {
    const bool alice = OneIn(2);
    const auth::Identity& who = alice ? alice_ : bob_;
    Native& native = alice ? of_alice_ : of_bob_;
    const uint64_t what = random_.Below(100);
    std::string sql;
    if (what < 12) {
      sql = Insert();
    } else if (what < 20) {
      sql = "UPDATE t SET a = a + 1, b = 'u" + Number(5) + "' WHERE " + Predicate();
    } else if (what < 24) {
      sql = "DELETE FROM t WHERE " + Predicate() + " AND " + Predicate();
    } else if (what < 26) {
      sql = "UPDATE t SET id = id + 100000 WHERE id < 100000 AND " + Predicate() + " AND id % 7 = 1";
    } else if (what < 31) {
      Flush("t");
      continue;
    } else if (what < 32) {
      NextAlter();
      continue;
    } else {
      sql = Query();
    }
    SCOPED_TRACE("seed " + std::to_string(Seed()) + ", step " + std::to_string(step) + ", " + who.name + ": " + sql);
    const std::string expected = native.Query(sql);
    const std::string got = SqlAs(who, sql);
    if (what < 26) {
      EXPECT_EQ("[\"" + got + "\"]", expected);
    } else {
      EXPECT_EQ(got, expected);
    }
  }
  EXPECT_EQ(Sql("SELECT * FROM t ORDER BY id"), of_alice_.Query("SELECT * FROM t ORDER BY id"));
  EXPECT_EQ(SqlAs(bob_, "SELECT * FROM t ORDER BY id"), of_bob_.Query("SELECT * FROM t ORDER BY id"));
  EXPECT_GT(database_->View()->ColdOf(Find("t")->id).segments.size(), 0U);
}

}  // namespace
}  // namespace kalamdb::engine
