// Tests of class Engine over a real database: DDL, rights, both ways of a statement, COPY.
#include <gmock/gmock.h>

#include "engine/engine_fixture.h"

namespace kalamdb::engine {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class EngineTest : public EngineFixture {};

TEST_F(EngineTest, TableFromCreateToDrop) {
  EXPECT_EQ(Sql("CREATE TABLE t (id BIGINT PRIMARY KEY, v TEXT)"), "ok 0");
  EXPECT_THAT(Sql("CREATE TABLE T (id BIGINT PRIMARY KEY)"), StartsWith("ALREADY_EXISTS"));
  EXPECT_EQ(Sql("CREATE TABLE IF NOT EXISTS t (id BIGINT PRIMARY KEY)"), "ok 0");
  EXPECT_EQ(Sql("INSERT INTO t VALUES (1, 'a'), (2, NULL)"), "ok 2");
  EXPECT_EQ(Sql("SELECT * FROM t ORDER BY id"), "[\"1\",\"a\"]\n[\"2\",null]");
  EXPECT_EQ(Sql("SELECT count(*), max(v) FROM app.t"), "[\"2\",\"a\"]");
  EXPECT_EQ(Sql("UPDATE t SET v = v || 'x' WHERE id = 1"), "ok 1");
  EXPECT_EQ(Sql("DELETE FROM t WHERE id = 2"), "ok 1");
  EXPECT_EQ(Sql("SELECT id, v FROM t"), "[\"1\",\"ax\"]");
  EXPECT_EQ(Sql("TRUNCATE t"), "ok 1");
  EXPECT_THAT(Sql("DROP NAMESPACE app"), StartsWith("DEPENDENT_OBJECTS"));
  EXPECT_EQ(Sql("DROP TABLE t"), "ok 0");
  EXPECT_THAT(Sql("SELECT * FROM t"), StartsWith("TABLE_NOT_FOUND"));
  EXPECT_EQ(Sql("DROP NAMESPACE app CASCADE"), "ok 0");
  EXPECT_THAT(Sql("SELECT * FROM app.t"), StartsWith("NAMESPACE_NOT_FOUND"));
}

TEST_F(EngineTest, AlterSeesOldAndNewRows) {
  Sql("CREATE TABLE t (id BIGINT PRIMARY KEY, v INT)");
  EXPECT_EQ(Sql("INSERT INTO t VALUES (1, 10)"), "ok 1");
  EXPECT_EQ(
      Sql("ALTER TABLE t ADD COLUMN c TEXT NOT NULL DEFAULT 'new', ALTER COLUMN v TYPE BIGINT, RENAME COLUMN v TO w"),
      "ok 0");
  EXPECT_EQ(Fast(root_, "SELECT * FROM t WHERE id = 1"), "[\"1\",\"10\",\"new\"]");
  EXPECT_EQ(Fast(root_, "INSERT INTO t VALUES (2, 5000000000, 'x')"), "ok 1");
  EXPECT_EQ(Sql("SELECT * FROM t WHERE c = 'new' OR w > 20 ORDER BY id"),
            "[\"1\",\"10\",\"new\"]\n[\"2\",\"5000000000\",\"x\"]");
  EXPECT_THAT(Sql("ALTER TABLE t ADD COLUMN d BIGINT DEFAULT SNOWFLAKE_ID()"), StartsWith("UNSUPPORTED"));
  EXPECT_THAT(Sql("ALTER TABLE t ADD COLUMN d INT DEFAULT 'x'"), StartsWith("TYPE_MISMATCH"));
  EXPECT_EQ(Sql("ALTER TABLE t ADD COLUMN n INT"), "ok 0");
  EXPECT_THAT(Sql("ALTER TABLE t ALTER COLUMN n SET NOT NULL"), StartsWith("NOT_NULL_VIOLATION"));
  EXPECT_EQ(Sql("UPDATE t SET n = 1"), "ok 2");
  EXPECT_EQ(Sql("ALTER TABLE t ALTER COLUMN n SET NOT NULL"), "ok 0");
  EXPECT_THAT(Sql("INSERT INTO t (id, w) VALUES (3, 1)"), StartsWith("NOT_NULL_VIOLATION"));
  EXPECT_THAT(Sql("DESCRIBE t HISTORY"), HasSubstr("RENAME COLUMN v TO w"));
  EXPECT_THAT(Sql("DESCRIBE t AT VERSION 9"), StartsWith("NOT_FOUND"));
  EXPECT_THAT(Sql("DESCRIBE t AT VERSION 1"), HasSubstr("\"v\",2,2,\"INT\""));
}

TEST_F(EngineTest, ChecksFollowTheirColumns) {
  EXPECT_EQ(Sql("CREATE TABLE t (id INT PRIMARY KEY, \"a b\" INT, CONSTRAINT positive CHECK (\"a b\" > 0 AND length('a "
                "b') = 3))"),
            "ok 0");
  EXPECT_EQ(Sql("INSERT INTO t VALUES (1, 5)"), "ok 1");
  EXPECT_THAT(Sql("INSERT INTO t VALUES (2, 0)"), StartsWith("CHECK_VIOLATION"));
  EXPECT_EQ(Sql("ALTER TABLE t RENAME COLUMN \"a b\" TO c"), "ok 0");
  EXPECT_THAT(Sql("UPDATE t SET c = -1 WHERE id = 1"), StartsWith("CHECK_VIOLATION"));
  EXPECT_THAT(Sql("CREATE TABLE u (id INT PRIMARY KEY, CHECK (z > 0))"), StartsWith("COLUMN_NOT_FOUND"));
  EXPECT_THAT(Sql("CREATE TABLE u (id INT PRIMARY KEY, CHECK (id > random()))"), StartsWith("UNSUPPORTED"));
  EXPECT_THAT(Sql("CREATE TABLE u (id INT PRIMARY KEY, v INT DEFAULT 'x')"), StartsWith("TYPE_MISMATCH"));
}

TEST_F(EngineTest, WhoMay) {
  Sql("CREATE USER TABLE mine (id BIGINT PRIMARY KEY, v TEXT)");
  Sql("CREATE TABLE secret (id BIGINT PRIMARY KEY)");
  Sql("CREATE TABLE news (id BIGINT PRIMARY KEY) WITH (ACCESS_LEVEL = 'PUBLIC')");
  EXPECT_EQ(Fast(alice_, "INSERT INTO mine VALUES (1, 'a')"), "ok 1");
  EXPECT_EQ(Fast(bob_, "INSERT INTO mine VALUES (1, 'b')"), "ok 1");
  EXPECT_EQ(Fast(alice_, "SELECT v FROM mine WHERE id = 1"), "[\"a\"]");
  EXPECT_EQ(SqlAs(bob_, "SELECT count(*), max(v) FROM mine"), "[\"1\",\"b\"]");
  EXPECT_EQ(Sql("SELECT count(*) FROM mine"), "[\"0\"]");
  EXPECT_THAT(SqlAs(alice_, "SELECT * FROM secret"), StartsWith("TABLE_NOT_FOUND"));
  EXPECT_THAT(SqlAs(alice_, "INSERT INTO secret VALUES (1)"), StartsWith("TABLE_NOT_FOUND"));
  EXPECT_THAT(SqlAs(alice_, "INSERT INTO news VALUES (1)"), StartsWith("PERMISSION_DENIED"));
  EXPECT_EQ(Fast(alice_, "INSERT INTO news VALUES (1)"), "worker");
  EXPECT_EQ(SqlAs(service_, "INSERT INTO news VALUES (1)"), "ok 1");
  EXPECT_THAT(SqlAs(alice_, "DROP TABLE no_such"), StartsWith("PERMISSION_DENIED"));
  EXPECT_THAT(SqlAs(service_, "DROP TABLE news"), StartsWith("PERMISSION_DENIED"));
  EXPECT_THAT(SqlAs(service_, "CREATE NAMESPACE x"), StartsWith("PERMISSION_DENIED"));
  EXPECT_THAT(SqlAs(alice_, "DESCRIBE secret"), StartsWith("TABLE_NOT_FOUND"));
  EXPECT_THAT(SqlAs(alice_, "COPY news FROM '/etc/passwd'"), StartsWith("PERMISSION_DENIED"));
  EXPECT_THAT(Sql("COPY news FROM '/etc/passwd' (FORMAT csv)"), StartsWith("PERMISSION_DENIED"));
}

TEST_F(EngineTest, FastStatements) {
  Sql("CREATE TABLE m (room TEXT, id BIGINT, body TEXT DEFAULT 'none', n INT, PRIMARY KEY (room, id)) WITH "
      "(ACCESS_LEVEL = 'PUBLIC_WRITE')");
  for (int i = 1; i <= 5; ++i)
    EXPECT_EQ(Fast(alice_, "INSERT INTO m (room, id, n) VALUES ($1, $2, $2)", {Text("a"), Int(i)}), "ok 1");
  EXPECT_EQ(Fast(alice_, "INSERT INTO m VALUES ('b', 1, 'x', NULL), ('b', 2, DEFAULT, 7) RETURNING id, body"),
            "[\"1\",\"x\"]\n[\"2\",\"none\"]");
  EXPECT_EQ(Fast(alice_, "SELECT id FROM m WHERE room = $1 ORDER BY id DESC LIMIT 2", {Text("a")}), "[\"5\"]\n[\"4\"]");
  EXPECT_EQ(Fast(alice_, "SELECT id FROM m WHERE room = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
                 {Text("a"), Text("4"), Int(2)}),
            "[\"3\"]\n[\"2\"]");
  EXPECT_EQ(Fast(alice_, "SELECT n FROM m WHERE room = 'a' AND id BETWEEN 2 AND 3"), "[2]\n[3]");
  EXPECT_EQ(Fast(alice_, "SELECT n FROM m WHERE room = 'a' AND id > 3 AND id <= 4"), "[4]");
  EXPECT_EQ(Fast(alice_, "SELECT n FROM m WHERE room = $1", {Null()}), "");
  EXPECT_EQ(Fast(alice_, "SELECT room, id FROM m ORDER BY room, id LIMIT 1 OFFSET 5"), "[\"b\",\"1\"]");
  EXPECT_EQ(Fast(alice_, "UPDATE m SET n = $1, body = DEFAULT WHERE room = 'b' AND id = 1 RETURNING *", {Int(9)}),
            "[\"b\",\"1\",\"none\",9]");
  EXPECT_EQ(Fast(alice_, "UPDATE m SET n = 1 WHERE room = 'z' AND id = 1"), "ok 0");
  EXPECT_EQ(Fast(alice_,
                 "INSERT INTO m VALUES ('a', 1, 'new', 1) ON CONFLICT (room, id) DO UPDATE SET body = EXCLUDED.body, n "
                 "= 100 RETURNING body, n"),
            "[\"new\",100]");
  EXPECT_EQ(Fast(alice_, "INSERT INTO m VALUES ('a', 1, 'newer', 1) ON CONFLICT DO NOTHING"), "ok 0");
  EXPECT_EQ(Fast(alice_, "DELETE FROM m WHERE room = 'b' AND id = 2 RETURNING n"), "[7]");
  EXPECT_EQ(Fast(alice_, "INSERT INTO m VALUES ('b', 2, 'again', 1)"), "ok 1");
  EXPECT_EQ(Fast(alice_, "SELECT _seq FROM m WHERE room = 'b' AND id = 2").substr(0, 2), "[\"");
  EXPECT_EQ(Fast(alice_, "SELECT count(*) FROM m"), "worker");
  EXPECT_EQ(Fast(alice_, "SELECT * FROM m WHERE n = 1"), "worker");
  EXPECT_GE(engine_->CacheStats()[0].hits, 4u);
}

TEST_F(EngineTest, FastErrorsAreThoseOfTheOtherWay) {
  Sql("CREATE TABLE e (id INT PRIMARY KEY, v VARCHAR(3), n INT NOT NULL)");
  EXPECT_EQ(Fast(root_, "INSERT INTO e VALUES (1, 'abc', 1)"), "ok 1");
  for (const char* values : {"(1, 'x', 1)", "(2, 'abcd', 1)", "(3, 'x', NULL)", "(4, 'x', 1), (4, 'y', 2)",
                             "(5, 'x', 1), (1, 'y', 2)", "(6, 'äöü', 1), (7, 'äöüß', 1)"}) {
    const std::string fast = Fast(root_, "INSERT INTO e VALUES " + std::string(values));
    const std::string slow = Sql("INSERT INTO e SELECT * FROM (VALUES " + std::string(values) + ") AS v");
    EXPECT_EQ(fast, slow) << values;
    EXPECT_THAT(fast, testing::AnyOf(StartsWith("UNIQUE_VIOLATION"), StartsWith("TYPE_MISMATCH"),
                                     StartsWith("NOT_NULL_VIOLATION")));
  }
  EXPECT_EQ(Sql("SELECT count(*) FROM e"), "[\"1\"]");
}

TEST_F(EngineTest, Parameters) {
  Sql("CREATE TABLE p (id BIGINT PRIMARY KEY, d DECIMAL(10,2), at TIMESTAMP, ok BOOLEAN)");
  EXPECT_EQ(Sql("INSERT INTO p VALUES ($1, $2, $3, $4 AND true)",
                {Text("5"), Text("1.25"), Int(1000000), {row::JsonParam::Kind::kBool, "true"}}),
            "ok 1");
  EXPECT_EQ(Sql("SELECT d, at, ok FROM p WHERE id + 0 = $1", {Text("5")}), "[\"1.25\",1000000,true]");
  EXPECT_EQ(Sql("SELECT $1, $2", {Int(3), Text("x")}), "[\"3\",\"x\"]");
  EXPECT_THAT(Sql("SELECT * FROM p WHERE id = $1"), StartsWith("INVALID_PARAMETER"));
  EXPECT_THAT(Sql("SELECT * FROM p WHERE id = $1", {Text("abc")}), StartsWith("INVALID_PARAMETER"));
}

TEST_F(EngineTest, CreateTableAsLeavesNothingBehindWhenItFails) {
  EXPECT_EQ(Sql("CREATE TABLE a AS SELECT i AS id, 'x' || i AS v FROM range(3) r(i)"), "ok 3");
  EXPECT_EQ(Sql("SELECT v FROM a ORDER BY v"), "[\"x0\"]\n[\"x1\"]\n[\"x2\"]");
  EXPECT_THAT(Sql("CREATE TABLE b AS SELECT CAST(v AS INT) AS n FROM a"), StartsWith("TYPE_MISMATCH"));
  EXPECT_THAT(Sql("SELECT * FROM b"), StartsWith("TABLE_NOT_FOUND"));
}

TEST_F(EngineTest, ViewsAreBoundById) {
  Sql("CREATE USER TABLE t (id INT PRIMARY KEY, a INT, b TEXT)");
  EXPECT_EQ(Sql("CREATE VIEW v AS SELECT * FROM t WHERE a > 1"), "ok 0");
  EXPECT_EQ(Sql("CREATE VIEW w AS SELECT id, upper(b) AS big FROM v"), "ok 0");
  EXPECT_EQ(SqlAs(alice_, "INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y')"), "ok 2");
  EXPECT_EQ(SqlAs(alice_, "SELECT * FROM w"), "[2,\"Y\"]");
  EXPECT_EQ(SqlAs(bob_, "SELECT count(*) FROM w"), "[\"0\"]");
  EXPECT_THAT(SqlAs(bob_, "CREATE VIEW x AS SELECT 1 AS a"), StartsWith("PERMISSION_DENIED"));
  EXPECT_EQ(Sql("ALTER TABLE t RENAME COLUMN b TO body, ADD COLUMN later INT DEFAULT 5"), "ok 0");
  EXPECT_EQ(SqlAs(alice_, "SELECT * FROM v"), "[2,2,\"y\"]");
  EXPECT_THAT(Sql("ALTER TABLE t DROP COLUMN a"), HasSubstr("view app.v"));
  EXPECT_THAT(Sql("DROP TABLE t"), StartsWith("DEPENDENT_OBJECTS"));
  EXPECT_THAT(Sql("DROP VIEW v"), StartsWith("DEPENDENT_OBJECTS"));
  EXPECT_THAT(Sql("CREATE OR REPLACE VIEW v AS SELECT * FROM w"), StartsWith("INVALID_SQL"));
  EXPECT_THAT(Sql("INSERT INTO v VALUES (1, 1, 'x')"), StartsWith("UNSUPPORTED"));
  EXPECT_EQ(Sql("DROP TABLE t CASCADE"), "ok 0");
  EXPECT_THAT(Sql("SELECT * FROM w"), StartsWith("TABLE_NOT_FOUND"));
}

TEST_F(EngineTest, CopyFromFiles) {
  ASSERT_TRUE(WriteFileAtomically(files_.File("a.csv"), "ID,V\n1,x\n2,y\n").ok());
  Sql("CREATE TABLE c (id BIGINT PRIMARY KEY, v TEXT, n INT DEFAULT 7)");
  EXPECT_EQ(Sql("COPY c FROM '" + files_.File("a.csv") + "'"), "ok 2");
  EXPECT_EQ(Sql("SELECT * FROM c ORDER BY id"), "[\"1\",\"x\",7]\n[\"2\",\"y\",7]");
  EXPECT_THAT(Sql("COPY c FROM '" + files_.File("a.csv") + "'"), StartsWith("UNIQUE_VIOLATION"));
  EXPECT_THAT(Sql("COPY c FROM '" + files_.File("b.csv") + "'"), StartsWith("NOT_FOUND"));
  EXPECT_THAT(Sql("COPY c FROM '" + files_.path() + "/../b.csv'"), StartsWith("PERMISSION_DENIED"));
  ASSERT_TRUE(WriteFileAtomically(files_.File("c.csv"), "id,zzz\n1,x\n").ok());
  EXPECT_THAT(Sql("COPY c FROM '" + files_.File("c.csv") + "'"), HasSubstr("zzz"));
  EXPECT_THAT(SqlAs(service_, "COPY c FROM '" + files_.File("a.csv") + "'"), StartsWith("PERMISSION_DENIED"));
}

TEST_F(EngineTest, Streams) {
  Sql("CREATE STREAM TABLE s (id BIGINT PRIMARY KEY, v TEXT) WITH (TTL_SECONDS = 100)");
  EXPECT_EQ(Fast(alice_, "INSERT INTO s VALUES (1, 'a')"), "ok 1");
  EXPECT_EQ(Fast(alice_, "SELECT v FROM s WHERE id = 1"), "[\"a\"]");
  EXPECT_THAT(SqlAs(alice_, "UPDATE s SET v = 'b' WHERE id = 1"), StartsWith("UNSUPPORTED"));
  EXPECT_THAT(SqlAs(alice_, "DELETE FROM s"), StartsWith("UNSUPPORTED"));
  EXPECT_THAT(Sql("ALTER TABLE s ADD COLUMN x INT"), StartsWith("UNSUPPORTED"));
}

TEST_F(EngineTest, RestartKeepsEverything) {
  Sql("CREATE TABLE t (id BIGINT PRIMARY KEY, v TEXT DEFAULT 'd'); INSERT INTO t (id) VALUES (1); ALTER TABLE t ADD "
      "COLUMN w INT DEFAULT 4");
  Close();
  Open();
  EXPECT_EQ(Sql("SELECT * FROM t WHERE id = 1"), "[\"1\",\"d\",4]");
  EXPECT_EQ(Fast(root_, "SELECT * FROM t WHERE id = 1"), "[\"1\",\"d\",4]");
  EXPECT_THAT(Sql("SHOW CREATE TABLE t"), HasSubstr("CREATE TABLE app.t"));
}

}  // namespace
}  // namespace kalamdb::engine
