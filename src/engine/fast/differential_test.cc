// Random statements both ways: on one table by the fast path, on its twin by the query runner (an idle CTE in front
// keeps the fast path away). Answers, errors with their texts, and in the end all rows must be equal. KALAM_SEED
// repeats a run.
#include <cstdlib>
#include <iostream>

#include "base/random.h"
#include "engine/engine_fixture.h"

namespace kalamdb::engine {
namespace {

class FastDifferential : public EngineFixture {
 protected:
  std::string Replace(std::string text, const std::string& from, const std::string& to) {
    for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
      text.replace(at, from.size(), to);
    return text;
  }
  const char* Pick(std::initializer_list<const char*> list) { return *(list.begin() + random_.Below(list.size())); }
  bool Chance(uint64_t percent) { return random_.Below(100) < percent; }

  std::string Key() { return std::to_string(random_.Below(12)); }
  std::string Room() { return Pick({"'a'", "'b'", "'ä'", "''", "'a''b'"}); }
  // A value for column i of a row (room, id, v, n, d, b, at), sometimes one that does not fit.
  std::string Value(int column) {
    if (Chance(8)) return "NULL";
    if (column >= 2 && Chance(6)) return "DEFAULT";
    switch (column) {
      case 0: return Room();
      case 1: return Chance(3) ? "'x'" : Key();
      case 2: return Pick({"'x'", "'äöü'", "'long text'", "'abcde'", "5", "''", "true"});
      case 3: return Pick({"1", "-7", "2147483647", "2147483648", "1.5", "2.5", "'12'", "'zz'", "1e3"});
      case 4: return Pick({"1.25", "-0.005", "99999999.99", "123456789012", "'7.5'", "3", "'nan'"});
      case 5: return Pick({"true", "false", "'true'", "'no'", "1", "'maybe'"});
      default:
        return Pick(
            {"'2024-01-31 12:00:00'", "'2024-02-30'", "DATE '2024-01-01'", "TIMESTAMP '2020-01-01 00:00:01.5'", "'x'"});
    }
  }
  std::string Row() {
    std::string row = "(";
    for (int i = 0; i < 7; ++i) row += (i == 0 ? "" : ", ") + Value(i);
    return row + ")";
  }
  // A row that violates nothing. The two ways differ in one thing: whether an upsert whose own row violates NOT NULL or
  // a length, but meets a row that is there, fails (the fast path, as PostgreSQL) or not.
  std::string SoundRow() {
    return "(" + Room() + ", " + Key() + ", " + Pick({"'x'", "'äöü'", "NULL", "5"}) + ", " +
           Pick({"1", "-7", "2.5", "DEFAULT"}) + ", " + Pick({"1.25", "NULL", "3"}) + ", " + Pick({"true", "NULL"}) +
           ", " + Pick({"DEFAULT", "'2024-01-31 12:00:00'"}) + ")";
  }
  std::string Where() { return " WHERE room = " + Room() + " AND id = " + Key(); }
  std::string Set() {
    std::string set = std::string(Pick({"v", "n", "d", "b", "at"}));
    const int column = set == "v" ? 2 : set == "n" ? 3 : set == "d" ? 4 : set == "b" ? 5 : 6;
    return set + " = " + Value(column);
  }
  std::string Select() {
    const std::string columns = Pick({"*", "id, v", "v AS x, n, d", "b, at, room", "t.id, t.*"});
    std::string sql = "SELECT " + columns + " FROM @ AS t";
    switch (random_.Below(4)) {
      case 0: return sql + " WHERE t.room = " + Room() + " AND t.id = " + Key();
      case 1: sql += " WHERE room = " + Room(); break;
      case 2: sql += " WHERE room = " + Room() + " AND id " + Pick({"<", "<=", ">", ">="}) + " " + Key(); break;
      default: sql += " WHERE room = " + Room() + " AND id BETWEEN " + Key() + " AND " + Key(); break;
    }
    if (columns.find("AS x") == std::string::npos) {
      sql += Pick({" ORDER BY id", " ORDER BY id DESC", " ORDER BY room, id"});
      if (Chance(50)) sql += " LIMIT " + std::to_string(random_.Below(5));
      if (Chance(20)) sql += " OFFSET " + std::to_string(random_.Below(3));
      return sql;
    }
    return "SELECT count(*) FROM @";
  }
  std::string Statement() {
    const std::string returning =
        Chance(40) ? Pick({" RETURNING *", " RETURNING id, v", " RETURNING n AS m, room"}) : "";
    switch (random_.Below(8)) {
      case 0:
      case 1: {
        std::string rows = Row();
        while (Chance(30)) rows += ", " + Row();
        return "INSERT INTO @ VALUES " + rows + returning;
      }
      case 2: return "INSERT INTO @ (id, room) VALUES (" + Key() + ", " + Room() + ")" + returning;
      case 3:
        return "INSERT INTO @ VALUES " + SoundRow() + " ON CONFLICT (room, id) DO " +
               (Chance(50)
                    ? std::string("NOTHING")
                    : "UPDATE SET v = EXCLUDED.v, " + std::string(Pick({"n = EXCLUDED.n", "n = 4", "d = NULL"}))) +
               returning;
      case 4: return "UPDATE @ SET " + Set() + Where() + returning;
      case 5: return "DELETE FROM @" + Where() + returning;
      default: return Select();
    }
  }

  SeededRandom random_{0};
};

TEST_F(FastDifferential, BothWaysAreOne) {
  const char* given = std::getenv("KALAM_SEED");
  const uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : static_cast<uint64_t>(clock_.NowMicros());
  std::cout << "KALAM_SEED=" << seed << "\n";
  random_ = SeededRandom(seed);
  const std::string columns =
      " (room TEXT, id INT, v VARCHAR(5) DEFAULT 'none', n INT NOT NULL DEFAULT 3, d DECIMAL(10,2), b BOOLEAN, at "
      "TIMESTAMP DEFAULT TIMESTAMP '2021-01-01 00:00:00', PRIMARY KEY (room, id))";
  ASSERT_EQ(Sql("CREATE TABLE fast_t" + columns), "ok 0");
  ASSERT_EQ(Sql("CREATE TABLE slow_t" + columns), "ok 0");
  int fast_count = 0;
  for (int i = 0; i < 600 && !HasFailure(); ++i) {
    const std::string statement = Statement();
    std::string fast = Fast(root_, Replace(statement, "@", "fast_t"));
    if (fast == "worker") {
      fast = Sql(Replace(statement, "@", "fast_t"));
    } else {
      ++fast_count;
    }
    const std::string slow = Sql("WITH idle AS (SELECT 1) " + Replace(statement, "@", "slow_t"));
    EXPECT_EQ(Replace(fast, "fast_t", "slow_t"), slow) << "statement " << i << ": " << statement;
  }
  EXPECT_EQ(Sql("SELECT * FROM fast_t ORDER BY room, id"), Sql("SELECT * FROM slow_t ORDER BY room, id"));
  EXPECT_GT(fast_count, 150);
}

// Texts of few shapes, so that most of them are not parsed; answered as they are when they are parsed.
TEST_F(FastDifferential, TextsOfOneShapeAreAnsweredAsIfParsed) {
  const char* given = std::getenv("KALAM_SEED");
  const uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : static_cast<uint64_t>(clock_.NowMicros());
  std::cout << "KALAM_SEED=" << seed << "\n";
  random_ = SeededRandom(seed);
  ASSERT_EQ(Sql("CREATE TABLE t (room TEXT, id INT, v TEXT, PRIMARY KEY (room, id))"), "ok 0");
  ASSERT_EQ(Sql("CREATE TABLE dated (day DATE PRIMARY KEY, v TEXT)"), "ok 0");
  ASSERT_EQ(Sql("CREATE TABLE big (id BIGINT PRIMARY KEY, v TEXT)"), "ok 0");
  for (const char* room : {"a", "b", "it''s", ""}) {
    for (int id = -3; id < 9; ++id)
      ASSERT_EQ(Sql("INSERT INTO t VALUES ('" + std::string(room) + "', " + std::to_string(id) + ", 'v" +
                    std::to_string(id) + "')"),
                "ok 1");
  }
  ASSERT_EQ(Sql("INSERT INTO dated VALUES ('2024-01-01', 'new year'), ('2024-02-29', 'leap')"), "ok 2");
  ASSERT_EQ(Sql("INSERT INTO big VALUES (1, 'one'), (3000000000, 'three'), (9223372036854775807, 'last')"), "ok 3");
  const auto statement = [&] {
    const std::string number =
        Pick({"0", "1", "2", "3", "7", "8", "007", "2147483647", "2147483648", "9223372036854775808", "'5'", "'x'"});
    const std::string room = Pick({"'a'", "'b'", "'it''s'", "''", "'none'", "1"});
    const std::string day = Pick({"'2024-01-01'", "'2024-02-29'", "'2024-02-30'", "'x'", "''", "DATE '2024-01-01'"});
    const std::string big =
        Pick({"1", "3000000000", "9223372036854775807", "9223372036854775808", "'1'", "'3000000000'"});
    switch (random_.Below(9)) {
      case 0: return "SELECT v FROM t WHERE room = " + room + " AND id = " + number;
      case 1: return "SELECT v FROM t WHERE id = -" + number + " AND room = " + room;
      case 2: return "SELECT id FROM t WHERE room = " + room + " ORDER BY id LIMIT " + number;
      case 3: return "SELECT id FROM t WHERE room = " + room + " ORDER BY id LIMIT " + number + " OFFSET " + number;
      case 4: return "SELECT id FROM t WHERE room = " + room + " AND id >= " + number + " AND id < " + number;
      case 5: return "SELECT id FROM t WHERE room = " + room + " AND id BETWEEN " + number + " AND " + number;
      case 6: return "SELECT v FROM dated WHERE day = " + day;
      case 7: return "SELECT v FROM big WHERE id = " + big;
      default: return "SELECT id, v AS \"the ''v'\" FROM app.t WHERE room = " + room + " AND " + number + " = id";
    }
  };
  int fast_count = 0;
  for (int i = 0; i < 2'000 && !HasFailure(); ++i) {
    if (i % 500 == 250) {
      ASSERT_EQ(Sql("ALTER TABLE t ADD COLUMN c" + std::to_string(i) + " INT DEFAULT 5"), "ok 0");
    }
    const std::string text = statement();
    std::string fast = Fast(root_, text);
    if (fast == "worker") {
      fast = Sql(text);
    } else {
      ++fast_count;
    }
    EXPECT_EQ(fast, Sql("WITH idle AS (SELECT 1) " + text)) << "statement " << i << ": " << text;
  }
  EXPECT_GT(fast_count, 1'000);
}

TEST_F(FastDifferential, ShapesKeepRightsAndNamespaces) {
  ASSERT_EQ(Sql("CREATE NAMESPACE other"), "ok 0");
  ASSERT_EQ(Sql("CREATE USER TABLE mine (id INT PRIMARY KEY, v TEXT)"), "ok 0");
  ASSERT_EQ(Sql("CREATE SHARED TABLE secret (id INT PRIMARY KEY, v TEXT) WITH (ACCESS_LEVEL = 'DBA')"), "ok 0");
  ASSERT_EQ(SqlAs(alice_, "INSERT INTO mine VALUES (1, 'alice 1'), (2, 'alice 2')"), "ok 2");
  ASSERT_EQ(SqlAs(bob_, "INSERT INTO mine VALUES (1, 'bob 1')"), "ok 1");
  ASSERT_EQ(Sql("INSERT INTO secret VALUES (1, 'x'), (2, 'y')"), "ok 2");
  EXPECT_EQ(Fast(alice_, "SELECT v FROM mine WHERE id = 1"), "[\"alice 1\"]");
  EXPECT_EQ(Fast(alice_, "SELECT v FROM mine WHERE id = 2"), "[\"alice 2\"]");
  EXPECT_EQ(Fast(bob_, "SELECT v FROM mine WHERE id = 1"), "[\"bob 1\"]");
  EXPECT_EQ(Fast(bob_, "SELECT v FROM mine WHERE id = 2"), "");
  EXPECT_EQ(Fast(root_, "SELECT v FROM secret WHERE id = 1"), "[\"x\"]");
  EXPECT_EQ(Fast(root_, "SELECT v FROM secret WHERE id = 2"), "[\"y\"]");
  EXPECT_EQ(Fast(alice_, "SELECT v FROM secret WHERE id = 2"), "worker");
  EXPECT_EQ(SqlAs(alice_, "SELECT v FROM secret WHERE id = 3").substr(0, 15), "TABLE_NOT_FOUND");
  ASSERT_EQ(Sql("DROP TABLE secret"), "ok 0");
  EXPECT_EQ(Sql("SELECT v FROM secret WHERE id = 4").substr(0, 15), "TABLE_NOT_FOUND");
}

TEST_F(FastDifferential, TimeAndUserAreThoseOfTheStatement) {
  ASSERT_EQ(Sql("CREATE USER TABLE t (id INT PRIMARY KEY, at TIMESTAMP DEFAULT NOW(), tz TIMESTAMPTZ DEFAULT "
                "CURRENT_TIMESTAMP, who TEXT DEFAULT CURRENT_USER())"),
            "ok 0");
  now_ = 1'700'000'000'123'456;
  const std::string returning = " RETURNING at, tz, who";
  const std::string fast =
      Fast(alice_, "INSERT INTO t VALUES (1, NOW(), CURRENT_TIMESTAMP, CURRENT_USER())" + returning);
  EXPECT_EQ(fast, "[1700000000123456,1700000000123456,\"alice\"]");
  EXPECT_EQ(Fast(alice_, "INSERT INTO t (id) VALUES (2)" + returning), fast);
  EXPECT_EQ(SqlAs(alice_, "INSERT INTO t SELECT 3, NOW(), CURRENT_TIMESTAMP, CURRENT_USER" + returning), fast);
  EXPECT_EQ(SqlAs(alice_, "INSERT INTO t (id) SELECT 4" + returning), fast);
  EXPECT_EQ(SqlAs(alice_, "UPDATE t SET at = now(), tz = get_current_timestamp(), who = user WHERE id > 3" + returning),
            fast);
  EXPECT_EQ(SqlAs(alice_, "SELECT count(*) FROM t WHERE at = now() AND tz = now() AND who = current_user"), "[\"4\"]");
}

}  // namespace
}  // namespace kalamdb::engine
