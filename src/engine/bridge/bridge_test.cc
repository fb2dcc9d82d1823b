// The bridge end to end: SQL over hot and cold rows of a real database.
#include "engine/bridge/bridge_fixture.h"

namespace kalamdb::engine {
namespace {

using row::Type;
using row::TypeKind;

class BridgeTest : public BridgeFixture {
 protected:
  void MakeNotes(catalog::TableKind kind = catalog::TableKind::kUser) {
    MakeTable("notes", kind,
              {Column("id", Type::Of(TypeKind::kBigInt), true), Column("room", Type::Varchar(10)),
               Column("n", Type::Of(TypeKind::kInt))});
  }
};

TEST_F(BridgeTest, SelectOfConstants) {
  EXPECT_EQ(Sql("SELECT 1, 'x', 2::BIGINT, 1.50::DECIMAL(5,2), DATE '1970-01-02', NULL, [1,2], {'a': 1}, "
                "170141183460469231731687303715884105727"),
            R"([1,"x","2","1.50",1,null,[1,2],{"a":1},"170141183460469231731687303715884105727"])");
}

TEST_F(BridgeTest, HotRowsOfTheCallerOnly) {
  MakeNotes();
  EXPECT_EQ(Sql("INSERT INTO notes VALUES (2, 'b', 20), (1, 'a', 10)"), "2");
  EXPECT_EQ(SqlAs(bob_, "INSERT INTO notes VALUES (1, 'bob', 1)"), "1");
  EXPECT_EQ(Sql("SELECT * FROM notes"), "[\"1\",\"a\",10]\n[\"2\",\"b\",20]");
  EXPECT_EQ(SqlAs(bob_, "SELECT *, _user_id, _deleted, _version FROM notes"), "[\"1\",\"bob\",1,\"bob\",false,1]");
  EXPECT_EQ(Sql("SELECT n FROM \"default\".notes WHERE id = $1", {duckdb::Value::BIGINT(2)}), "[20]");
  EXPECT_EQ(Sql("SELECT count(*) FROM notes WHERE n > 10 AND room LIKE 'b%'"), "[\"1\"]");
  EXPECT_EQ(Sql("SELECT id FROM notes WHERE id >= 2"), "[\"2\"]");
  EXPECT_EQ(Sql("SELECT current_user, CURRENT_ROLE"), "[\"alice\",\"user\"]");
}

TEST_F(BridgeTest, HotAndColdAreOneSet) {
  MakeNotes();
  EXPECT_EQ(Sql("INSERT INTO notes SELECT i, 'r' || (i % 3), i FROM range(1, 6) t(i)"), "5");
  EXPECT_EQ(SqlAs(bob_, "INSERT INTO notes SELECT i, 'bob', i FROM range(1, 4) t(i)"), "3");
  Flush("notes");
  EXPECT_EQ(Sql("INSERT INTO notes VALUES (6, 'hot', 6)"), "1");
  EXPECT_EQ(Sql("SELECT sum(n), count(*) FROM notes"), "[\"21\",\"6\"]");
  EXPECT_EQ(SqlAs(bob_, "SELECT count(*), min(room) FROM notes"), "[\"3\",\"bob\"]");
  EXPECT_EQ(Sql("UPDATE notes SET n = n * 10 WHERE id IN (2, 6)"), "2");
  EXPECT_EQ(Sql("DELETE FROM notes WHERE id = 1 RETURNING *"), "[\"1\",\"r1\",1]");
  EXPECT_EQ(Sql("SELECT id, n FROM notes ORDER BY id"), "[\"2\",20]\n[\"3\",3]\n[\"4\",4]\n[\"5\",5]\n[\"6\",60]");
  EXPECT_EQ(Sql("SELECT id FROM notes WHERE _deleted"), "[\"1\"]");
  Flush("notes");
  EXPECT_EQ(Sql("SELECT id, n FROM notes ORDER BY id"), "[\"2\",20]\n[\"3\",3]\n[\"4\",4]\n[\"5\",5]\n[\"6\",60]");
  EXPECT_EQ(Sql("SELECT id FROM notes WHERE _deleted"), "[\"1\"]");
  EXPECT_EQ(Sql("SELECT n FROM notes WHERE id = 2"), "[20]");
  EXPECT_EQ(Sql("INSERT INTO notes VALUES (1, 'again', 1)"), "1");
  EXPECT_EQ(Sql("SELECT room FROM notes WHERE id = 1"), "[\"again\"]");
}

TEST_F(BridgeTest, Violations) {
  MakeNotes(catalog::TableKind::kShared);
  EXPECT_EQ(Sql("INSERT INTO notes VALUES (1, 'a', 1)"), "1");
  EXPECT_EQ(Sql("INSERT INTO notes VALUES (2, 'a', 1), (1, 'b', 2)"),
            "UNIQUE_VIOLATION: row 2: a row with id = 1 is in \"default\".notes already");
  EXPECT_EQ(Sql("INSERT INTO notes VALUES (3, 'a', 1), (3, 'b', 2)"),
            "UNIQUE_VIOLATION: row 2: another row of the statement has id = 3 too");
  EXPECT_EQ(Sql("INSERT INTO notes VALUES (3, 'a', 1), (NULL, 'b', 2)"),
            "NOT_NULL_VIOLATION: row 2: column id of \"default\".notes is NOT NULL, but the value is NULL");
  EXPECT_EQ(
      Sql("INSERT INTO notes VALUES (3, '12345678901', 1)"),
      "TYPE_MISMATCH: row 1: the value of column room of \"default\".notes has 11 characters, VARCHAR(10) holds 10");
  EXPECT_EQ(Sql("SELECT count(*) FROM notes"), "[\"1\"]");
  EXPECT_EQ(Sql("UPDATE notes SET id = id + 1"), "1");
  EXPECT_EQ(Sql("INSERT INTO notes VALUES (3, 'c', 3)"), "1");
  EXPECT_EQ(Sql("UPDATE notes SET id = id + 1"), "2");
  EXPECT_EQ(Sql("SELECT id, room FROM notes ORDER BY id"), "[\"3\",\"a\"]\n[\"4\",\"c\"]");
  EXPECT_EQ(Sql("UPDATE notes SET id = 9"),
            "UNIQUE_VIOLATION: row 2: a row with id = 9 is in \"default\".notes already");
  EXPECT_EQ(Sql("UPDATE notes SET n = x FROM (VALUES (3, 1), (3, 2)) v(k, x) WHERE id = k"),
            "CARDINALITY_VIOLATION: the statement changes the row of \"default\".notes with id = 3 twice");
  EXPECT_EQ(Sql("SELECT * FROM nowhere").substr(0, 15), "TABLE_NOT_FOUND");
}

TEST_F(BridgeTest, Upserts) {
  MakeNotes(catalog::TableKind::kShared);
  EXPECT_EQ(Sql("INSERT INTO notes VALUES (1, 'a', 1), (2, 'b', 2)"), "2");
  Flush("notes");
  EXPECT_EQ(
      Sql("INSERT INTO notes VALUES (2, 'x', 5), (3, 'c', 3) ON CONFLICT (id) DO UPDATE SET n = notes.n + excluded.n"),
      "2");
  EXPECT_EQ(Sql("INSERT INTO notes VALUES (3, 'y', 9), (4, 'd', 4) ON CONFLICT DO NOTHING RETURNING id"), "[\"4\"]");
  for (const char* key : {"2", "8"}) {
    const std::string rows = std::string("(") + key + ", 'p', 1), (" + key + ", 'q', 2)";
    EXPECT_EQ(Sql("INSERT INTO notes SELECT * FROM (VALUES " + rows + ") ON CONFLICT (id) DO UPDATE SET n = excluded.n")
                  .substr(0, 21),
              "CARDINALITY_VIOLATION");
    EXPECT_EQ(Sql("INSERT OR REPLACE INTO notes VALUES " + rows).substr(0, 21), "CARDINALITY_VIOLATION");
  }
  EXPECT_EQ(Sql("SELECT * FROM notes ORDER BY id"),
            "[\"1\",\"a\",1]\n[\"2\",\"b\",7]\n[\"3\",\"c\",3]\n[\"4\",\"d\",4]");
  EXPECT_EQ(Sql("MERGE INTO notes USING (VALUES (1, 'm', 0), (7, 'n', 7)) s(id, room, n) ON notes.id = s.id "
                "WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT"),
            "2");
  EXPECT_EQ(Sql("SELECT id FROM notes ORDER BY id"), "[\"2\"]\n[\"3\"]\n[\"4\"]\n[\"7\"]");
}

TEST_F(BridgeTest, ColumnsComeAndGo) {
  MakeNotes(catalog::TableKind::kShared);
  EXPECT_EQ(Sql("INSERT INTO notes VALUES (1, 'a', 1), (2, 'b', 2)"), "2");
  Flush("notes");
  EXPECT_EQ(Sql("INSERT INTO notes VALUES (3, 'c', 3)"), "1");
  catalog::AlterAction add;
  add.kind = catalog::AlterAction::Kind::kAddColumn;
  add.column = "extra";
  add.type = Type::Of(TypeKind::kText);
  add.default_sql = "'d'";
  add.default_value = row::Value::String("d");
  catalog::AlterAction widen;
  widen.kind = catalog::AlterAction::Kind::kSetType;
  widen.column = "n";
  widen.type = Type::Of(TypeKind::kDouble);
  Alter("notes", {add, widen});
  EXPECT_EQ(Sql("SELECT * FROM notes WHERE extra = 'd' AND n > 1.5 ORDER BY id"),
            "[\"2\",\"b\",2,\"d\"]\n[\"3\",\"c\",3,\"d\"]");
  EXPECT_EQ(Sql("SELECT count(*) FROM notes WHERE n = 1.5"), "[\"0\"]");
  EXPECT_EQ(Sql("UPDATE notes SET extra = room WHERE id < 3"), "2");
  EXPECT_EQ(Sql("INSERT INTO notes(id) VALUES (4)"), "1");
  EXPECT_EQ(Sql("SELECT id, extra, n FROM notes ORDER BY id"),
            "[\"1\",\"a\",1]\n[\"2\",\"b\",2]\n[\"3\",\"d\",3]\n[\"4\",\"d\",null]");
}

TEST_F(BridgeTest, AllTypesHotAndCold) {
  std::vector<row::Column> columns = {Column("id", Type::Of(TypeKind::kInt), true)};
  const std::vector<Type> types = {Type::Of(TypeKind::kBoolean),
                                   Type::Of(TypeKind::kSmallInt),
                                   Type::Of(TypeKind::kInt),
                                   Type::Of(TypeKind::kBigInt),
                                   Type::Of(TypeKind::kFloat),
                                   Type::Of(TypeKind::kDouble),
                                   Type::Decimal(4, 2),
                                   Type::Decimal(9, 3),
                                   Type::Decimal(18, 0),
                                   Type::Decimal(38, 10),
                                   Type::Of(TypeKind::kText),
                                   Type::Of(TypeKind::kBytes),
                                   Type::Of(TypeKind::kDate),
                                   Type::Of(TypeKind::kTime),
                                   Type::Of(TypeKind::kTimestamp),
                                   Type::Of(TypeKind::kTimestampTz),
                                   Type::Of(TypeKind::kUuid),
                                   Type::Of(TypeKind::kJson),
                                   Type::Embedding(3)};
  for (size_t i = 0; i < types.size(); ++i) columns.push_back(Column("c" + std::to_string(i), types[i]));
  MakeTable("every", catalog::TableKind::kShared, columns);
  EXPECT_EQ(Sql("INSERT INTO every VALUES (1, true, -7, 2147483647, -9223372036854775808, 1.5, 0.1, 99.99, "
                "-123456.789, 123456789012345678, "
                "-1234567890123456789012345678.0123456789, 'h\u00e9llo a longer text than twelve', "
                "'\\xFF\\x00abc'::BLOB, DATE '2024-02-29', TIME '12:34:56.000001', "
                "TIMESTAMP '2024-02-29 01:02:03.4', TIMESTAMPTZ '1999-12-31 23:59:59+00', "
                "'f0000000-1111-2222-3333-444444444444', '{\"a\":1}', [1.0, -2.5, 0])"),
            "1");
  EXPECT_EQ(Sql("INSERT INTO every(id) VALUES (2)"), "1");
  const std::string hot = Sql("SELECT * FROM every ORDER BY id");
  EXPECT_EQ(hot.substr(0, hot.find('\n')),
            "[1,true,-7,2147483647,\"-9223372036854775808\",1.5,0.1,\"99.99\",\"-123456.789\",\"123456789012345678\","
            "\"-1234567890123456789012345678.0123456789\",\"h\u00e9llo a longer text than "
            "twelve\",\"/wBhYmM=\",19782,45296000001,1709168523400000,"
            "946684799000000,\"f0000000-1111-2222-3333-444444444444\",\"{\\\"a\\\":1}\",[1,-2.5,0]]");
  Flush("every");
  EXPECT_EQ(Sql("SELECT * FROM every ORDER BY id"), hot);
  EXPECT_EQ(Sql("UPDATE every SET c10 = 'x'"), "2");
  Flush("every");
  std::string changed = Sql("SELECT * EXCLUDE (c10) FROM every ORDER BY id");
  Sql("UPDATE every SET c10 = NULL");
  EXPECT_EQ(Sql("SELECT * EXCLUDE (c10) FROM every ORDER BY id"), changed);
}

TEST_F(BridgeTest, BulkInsertGoesBySegments) {
  MakeNotes(catalog::TableKind::kShared);
  EXPECT_EQ(Sql("INSERT INTO notes SELECT i, 'r' || (i % 3), i FROM range(0, 50000) t(i)"), "50000");
  EXPECT_GT(database_->View()->ColdOf(Find("notes")->id).segments.size(), 0U);
  EXPECT_EQ(Sql("SELECT count(*), sum(n), min(_seq) = max(_seq) FROM notes"), "[\"50000\",\"1249975000\",true]");
  EXPECT_EQ(Sql("SELECT room FROM notes WHERE id = 40000"), "[\"r1\"]");
  EXPECT_EQ(Sql("INSERT INTO notes SELECT i, 'again', i FROM range(49999, 70000) t(i)").substr(0, 16),
            "UNIQUE_VIOLATION");
  EXPECT_EQ(Sql("DELETE FROM notes WHERE id % 5 = 0"), "10000");
  EXPECT_EQ(Sql("SELECT count(*) FROM notes"), "[\"40000\"]");
  EXPECT_EQ(Sql("DELETE FROM notes").substr(0, 9), "TOO_LARGE");
}

}  // namespace
}  // namespace kalamdb::engine
