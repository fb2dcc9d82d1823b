// Views as they are kept: the text is on disk, so its spelling is frozen here; and read through the engine after
// renames.
#include "engine/view_text.h"

#include "engine/bridge/bridge_fixture.h"
#include "engine/front/statement.h"

namespace kalamdb::engine {
namespace {

using catalog::AlterAction;
using row::Type;
using row::TypeKind;

class ViewTextTest : public BridgeFixture {
 protected:
  void SetUp() override {
    BridgeFixture::SetUp();
    table_ = MakeTable("t", catalog::TableKind::kUser,
                       {Column("id", Type::Of(TypeKind::kInt), true), Column("a", Type::Of(TypeKind::kInt)),
                        Column("b", Type::Of(TypeKind::kText))});
  }
  Result<ViewText> Make(const std::string& sql) {
    const auto statement = ParseEngineStatement(sql);
    if (!statement.ok()) return statement.error();
    return MakeViewText(*(*statement)->tree(), "default", *database_->View()->catalog, nullptr);
  }
  std::string Text(const std::string& sql) {
    const auto made = Make(sql);
    return made.ok() ? made->select_sql : std::string(ErrorCodeName(made.error().code)) + " " + made.error().message;
  }
  // With the columns that the engine finds to be read.
  std::string Exact(const std::string& sql) {
    const auto statement = ParseEngineStatement(sql);
    const catalog::SnapshotPtr snapshot = database_->View()->catalog;
    const auto marked = MarkViewText(*(*statement)->tree(), "default", *snapshot);
    if (!marked.ok()) return marked.error().message;
    const auto expanded = ExpandViewText(*marked, *snapshot);
    ExecuteContext context;
    context.identity = alice_;
    const auto bound = bridge_->runner().Bind(*(*ParseEngineStatement(*expanded))->tree(), context, nullptr);
    if (!bound.ok()) return bound.error().message;
    const auto made = MakeViewText(*(*statement)->tree(), "default", *snapshot, &bound->marks);
    return made.ok() ? made->select_sql : made.error().message;
  }
  std::string Expanded(const std::string& kept) {
    const auto text = ExpandViewText(kept, *database_->View()->catalog);
    return text.ok() ? *text : std::string(ErrorCodeName(text.error().code));
  }
  catalog::ViewPtr MakeView(const std::string& name, const std::string& sql, std::vector<std::string> columns) {
    const auto made = Make(sql);
    EXPECT_TRUE(made.ok()) << sql;
    auto view = std::make_shared<catalog::View>();
    view->id = database_->NewTableId().value;
    view->namespace_name = "default";
    view->name = name;
    view->select_sql = made->select_sql;
    view->depends_on_tables = made->tables;
    view->depends_on_views = made->views;
    view->column_names = std::move(columns);
    storage::CommitRequest request;
    catalog::Change change;
    change.kind = catalog::Change::Kind::kPutView;
    change.view = view;
    change.if_absent = true;
    request.catalog_changes.push_back(std::move(change));
    EXPECT_EQ(database_->commits().Run(std::move(request)).kind, storage::CommitOutcome::Kind::kCommitted);
    return view;
  }
  catalog::TablePtr table_;
};

TEST_F(ViewTextTest, IsFrozen) {
  ASSERT_EQ(table_->id.value, 1u);
  EXPECT_EQ(Text("SELECT id, a FROM t WHERE a > 1"),
            R"(SELECT id, a FROM (SELECT "#c1.1" AS id, "#c1.2" AS a FROM "#t1") AS t WHERE (a > 1))");
  EXPECT_EQ(Text("SELECT * FROM t AS x"),
            R"(SELECT * FROM (SELECT "#c1.1" AS id, "#c1.2" AS a, "#c1.3" AS b FROM "#t1") AS x)");
  EXPECT_EQ(Text("SELECT count(*) FROM t"), R"(SELECT count_star() FROM (SELECT true AS _ FROM "#t1") AS t)");
  EXPECT_EQ(Text("SELECT 'x' AS \"#c1.1\" FROM t"),
            "UNSUPPORTED a name that begins with # is not offered in a view: #c1.1");
  EXPECT_EQ(Text("SELECT '#c1.1' AS x"), "SELECT '#c1.1' AS x");
}

TEST_F(ViewTextTest, NamesWhatTheEngineReads) {
  MakeTable("u", catalog::TableKind::kUser,
            {Column("id", Type::Of(TypeKind::kInt), true), Column("a", Type::Of(TypeKind::kInt)),
             Column("b", Type::Of(TypeKind::kText))});
  EXPECT_EQ(Exact("SELECT t.id, u.b AS a FROM t JOIN u ON t.id = u.id"),
            R"(SELECT t.id, u.b AS a FROM (SELECT "#c1.1" AS id FROM "#t1") AS t INNER JOIN )"
            R"((SELECT "#c2.1" AS id, "#c2.3" AS b FROM "#t2") AS u ON ((t.id = u.id)))");
  EXPECT_EQ(Exact("SELECT id, (SELECT max(u.a) FROM u WHERE u.id = t.id) AS top FROM t"),
            R"(SELECT id, (SELECT max(u.a) FROM (SELECT "#c2.1" AS id, "#c2.2" AS a FROM "#t2") AS u )"
            R"(WHERE (u.id = t.id)) AS top FROM (SELECT "#c1.1" AS id FROM "#t1") AS t)");
  EXPECT_EQ(Exact("SELECT z.r FROM t AS z(p, q, r)"), R"(SELECT z.r FROM (SELECT "#c1.3" AS r FROM "#t1") AS z)");
  EXPECT_EQ(Exact("SELECT b, count(*) AS a FROM t GROUP BY b ORDER BY a"),
            R"(SELECT b, count_star() AS a FROM (SELECT "#c1.3" AS b FROM "#t1") AS t GROUP BY b ORDER BY a)");
  EXPECT_EQ(Exact("SELECT * FROM t"), Text("SELECT * FROM t"));
  EXPECT_EQ(Exact("SELECT x.id FROM t AS x, t AS y WHERE y.a = 1"),
            R"(SELECT x.id FROM (SELECT "#c1.1" AS id FROM "#t1") AS x , (SELECT "#c1.2" AS a FROM "#t1") AS y )"
            R"(WHERE (y.a = 1))");
}

TEST_F(ViewTextTest, FollowsTheCatalog) {
  const std::string kept = Text("SELECT a FROM t WHERE b <> '\"#c1.3\"'");
  EXPECT_EQ(Expanded(kept),
            R"(SELECT a FROM (SELECT "a" AS a, "b" AS b FROM _kalam."default"."t") AS t WHERE (b != '"#c1.3"'))");
  Alter("t", {{.kind = AlterAction::Kind::kRenameColumn, .column = "a", .new_name = "A \"q\""}});
  EXPECT_EQ(Expanded(kept),
            R"(SELECT a FROM (SELECT "A ""q""" AS a, "b" AS b FROM _kalam."default"."t") AS t WHERE (b != '"#c1.3"'))");
  Alter("t", {{.kind = AlterAction::Kind::kDropColumn, .column = "b"}});
  EXPECT_EQ(Expanded(kept), "COLUMN_NOT_FOUND");
}

TEST_F(ViewTextTest, ReadsAsItsSelectDid) {
  ASSERT_EQ(Sql("INSERT INTO t VALUES (1, 10, 'x'), (2, 20, 'y')"), "2");
  ASSERT_EQ(SqlAs(bob_, "INSERT INTO t VALUES (1, 5, 'bob')"), "1");
  MakeView("v", "SELECT *, _seq > 0 AS written FROM t WHERE a > 1", {"id", "a", "b", "written"});
  const auto over = MakeView("w", "SELECT upper(b) AS up, v.id FROM v", {"up", "id"});
  EXPECT_EQ(over->depends_on_views.size(), 1u);
  EXPECT_TRUE(over->depends_on_tables.empty());
  EXPECT_EQ(Sql("SELECT * FROM v ORDER BY id"), "[1,10,\"x\",true]\n[2,20,\"y\",true]");
  const auto rename = [](std::string from, std::string to) {
    return AlterAction{.kind = AlterAction::Kind::kRenameColumn, .column = std::move(from), .new_name = std::move(to)};
  };
  Alter("t", {rename("a", "c"), rename("b", "a"), rename("c", "b")});
  EXPECT_EQ(Sql("SELECT * FROM v ORDER BY id"), "[1,10,\"x\",true]\n[2,20,\"y\",true]");
  EXPECT_EQ(Sql("SELECT * FROM w WHERE id = 2"), "[\"Y\",2]");
  EXPECT_EQ(SqlAs(bob_, "SELECT id, up FROM w"), "[1,\"BOB\"]") << "the caller's partition";
  EXPECT_EQ(Sql("SELECT x.up FROM w AS x JOIN v ON v.id = x.id WHERE v.a = 20"), "[\"Y\"]");
  EXPECT_EQ(Sql("INSERT INTO v VALUES (3, 3, 'z', true)").rfind("INVALID_SQL", 0), 0u);
}

}  // namespace
}  // namespace kalamdb::engine
