// Snapshots: compare-and-set of every kind of change, who stands in the way of whom, and the way to disk and back.
#include "catalog/snapshot.h"

#include <gtest/gtest.h>

#include <map>
#include <utility>

#include "base/random.h"
#include "catalog/test_tables.h"

namespace kalamdb::catalog {
namespace {

Change PutNamespace(std::string name, bool if_absent = true) {
  auto ns = std::make_shared<Namespace>();
  ns->name = std::move(name);
  return {.kind = Change::Kind::kPutNamespace, .ns = ns, .if_absent = if_absent};
}
Change DropNamespace(std::string name) {
  return {.kind = Change::Kind::kDropNamespace, .namespace_name = std::move(name)};
}

TablePtr NewTable(uint32_t id, std::string namespace_name, std::string name) {
  CreateTableSpec spec = MakeSpec();
  spec.id = TableId(id);
  spec.namespace_name = std::move(namespace_name);
  spec.name = std::move(name);
  return *MakeTable(std::move(spec));
}
Change Put(TablePtr table, uint32_t expected = 0) {
  return {.kind = Change::Kind::kPutTable, .table = std::move(table), .expected_version = SchemaVersion(expected)};
}
Change DropTable(TablePtr table, uint32_t expected = 0) {
  return {.kind = Change::Kind::kDropTable, .table = std::move(table), .expected_version = SchemaVersion(expected)};
}

ViewPtr NewView(uint32_t id, std::string name, std::vector<std::pair<TableId, std::vector<ColumnId>>> tables,
                std::vector<uint32_t> views = {}) {
  auto view = std::make_shared<View>();
  view->id = id;
  view->namespace_name = "app";
  view->name = std::move(name);
  view->select_sql = "SELECT 1";
  view->depends_on_tables = std::move(tables);
  view->depends_on_views = std::move(views);
  return view;
}
Change Put(ViewPtr view, bool if_absent = true) {
  return {.kind = Change::Kind::kPutView, .view = std::move(view), .if_absent = if_absent};
}
Change Drop(ViewPtr view) { return {.kind = Change::Kind::kDropView, .view = std::move(view)}; }

TablePtr Next(const TablePtr& table, const AlterAction& action) {
  return ApplyAlter(*table, {action}, {"bob", 5}).value().table;
}

SnapshotPtr WithApp() { return *Snapshot::Empty()->Apply({PutNamespace("App")}); }

ErrorCode CodeOf(const SnapshotPtr& from, const std::vector<Change>& changes) {
  const Result<SnapshotPtr> result = from->Apply(changes);
  EXPECT_FALSE(result.ok());
  return result.ok() ? ErrorCode::kInternal : result.error().code;
}

TEST(SnapshotTest, NamesAreFoundWithoutRegardToCaseAndKeepTheirSpelling) {
  const SnapshotPtr snapshot = *WithApp()->Apply({Put(NewTable(1, "app", "Orders")), Put(NewTable(2, "APP", "éa"))});
  EXPECT_EQ(snapshot->FindNamespace("APP")->name, "App");
  EXPECT_EQ(snapshot->FindTable("aPP", "oRDERS")->name, "Orders");
  EXPECT_EQ(snapshot->FindTable("app", "ÉA")->id, TableId(2));
  EXPECT_EQ(snapshot->FindTable("default", "orders"), nullptr);
  EXPECT_EQ(snapshot->FindTable(TableId(2))->name, "éa");
  EXPECT_EQ(snapshot->FindTable(TableId(3)), nullptr);
  EXPECT_NE(snapshot->FindNamespace("default"), nullptr);
}

TEST(SnapshotTest, TablesOfANamespaceOnly) {
  const SnapshotPtr snapshot = *WithApp()->Apply({PutNamespace("app2"), Put(NewTable(1, "app", "b")),
                                                  Put(NewTable(2, "app", "A")), Put(NewTable(3, "app2", "a"))});
  std::string names;
  for (const TablePtr& table : snapshot->Tables("APP")) names += table->name;
  EXPECT_EQ(names, "Ab");
  EXPECT_EQ(snapshot->Tables("").size(), 3u);
  EXPECT_EQ(snapshot->Tables("nope").size(), 0u);
  EXPECT_EQ(snapshot->Namespaces().size(), 3u);
}

TEST(SnapshotTest, AChangeLeavesTheOldSnapshotAlone) {
  const SnapshotPtr before = WithApp();
  const SnapshotPtr after = *before->Apply({Put(NewTable(1, "app", "t"))});
  EXPECT_EQ(before->FindTable("app", "t"), nullptr);
  EXPECT_NE(after->FindTable("app", "t"), nullptr);
  EXPECT_GT(after->generation(), before->generation());
  // One failing change undoes those before it.
  EXPECT_EQ(CodeOf(before, {Put(NewTable(1, "app", "t")), Put(NewTable(2, "app", "T"))}), ErrorCode::kAlreadyExists);
}

TEST(SnapshotTest, TablesAreComparedBeforeTheyAreSet) {
  const TablePtr v1 = NewTable(1, "app", "t");
  const SnapshotPtr snapshot = *WithApp()->Apply({Put(v1), Put(NewTable(2, "app", "u"))});
  const TablePtr v2 = Next(v1, Add("c", "INT"));
  const SnapshotPtr altered = *snapshot->Apply({Put(v2, 1)});
  EXPECT_EQ(altered->FindTable("app", "t")->version(), SchemaVersion(2));
  EXPECT_EQ(altered->FindTable(TableId(1))->version(), SchemaVersion(2));
  EXPECT_EQ(CodeOf(altered, {Put(Next(v1, Add("d", "INT")), 1)}), ErrorCode::kSchemaChanged);
  EXPECT_EQ(CodeOf(altered, {DropTable(v1, 1)}), ErrorCode::kSchemaChanged);
  EXPECT_EQ(CodeOf(snapshot, {Put(NewTable(3, "nope", "t"))}), ErrorCode::kNamespaceNotFound);
  EXPECT_EQ(CodeOf(snapshot, {Put(NewTable(3, "app", "T"))}), ErrorCode::kAlreadyExists);

  const SnapshotPtr dropped = *altered->Apply({DropTable(v2, 2)});
  EXPECT_EQ(dropped->FindTable("app", "t"), nullptr);
  EXPECT_EQ(CodeOf(dropped, {DropTable(v2)}), ErrorCode::kTableNotFound);
  EXPECT_EQ(CodeOf(dropped, {Put(v2, 1)}), ErrorCode::kTableNotFound);
}

TEST(SnapshotTest, RenameFreesTheOldNameAndRespectsTheNew) {
  const TablePtr t = NewTable(1, "app", "t");
  const SnapshotPtr snapshot = *WithApp()->Apply({Put(t), Put(NewTable(2, "app", "u"))});
  AlterAction rename{.kind = Kind::kRenameTable, .new_name = "U"};
  EXPECT_EQ(CodeOf(snapshot, {Put(Next(t, rename), 1)}), ErrorCode::kAlreadyExists);
  rename.new_name = "T";
  EXPECT_EQ(snapshot->Apply({Put(Next(t, rename), 1)}).value()->FindTable("app", "t")->name, "T");
  rename.new_name = "w";
  const SnapshotPtr renamed = *snapshot->Apply({Put(Next(t, rename), 1), Put(NewTable(3, "app", "t"))});
  EXPECT_EQ(renamed->FindTable("app", "w")->id, TableId(1));
  EXPECT_EQ(renamed->FindTable("app", "t")->id, TableId(3));
}

TEST(SnapshotTest, Namespaces) {
  const SnapshotPtr snapshot = WithApp();
  EXPECT_EQ(CodeOf(snapshot, {PutNamespace("APP")}), ErrorCode::kAlreadyExists);
  EXPECT_EQ(CodeOf(snapshot, {PutNamespace("nope", false)}), ErrorCode::kNamespaceNotFound);
  EXPECT_EQ(CodeOf(snapshot, {DropNamespace("nope")}), ErrorCode::kNamespaceNotFound);
  EXPECT_EQ(CodeOf(snapshot, {DropNamespace("DEFAULT")}), ErrorCode::kUnsupported);
  const TablePtr t = NewTable(1, "app", "t");
  const SnapshotPtr full = *snapshot->Apply({Put(t)});
  EXPECT_EQ(CodeOf(full, {DropNamespace("app")}), ErrorCode::kDependentObjects);
  const SnapshotPtr gone = *full->Apply({DropTable(t), DropNamespace("app")});
  EXPECT_EQ(gone->FindNamespace("app"), nullptr);
}

TEST(SnapshotTest, ViewsKeepWhatTheyName) {
  const TablePtr t = NewTable(1, "app", "t");
  const ViewPtr v = NewView(2, "v", {{TableId(1), {ColumnId(3)}}});
  const ViewPtr w = NewView(3, "w", {}, {2});
  const SnapshotPtr snapshot = *WithApp()->Apply({Put(t), Put(v), Put(w)});
  EXPECT_EQ(snapshot->FindView("APP", "V")->id, 2u);
  EXPECT_EQ(snapshot->FindView(3)->name, "w");
  EXPECT_EQ(snapshot->ViewsOn(TableId(1)).size(), 1u);
  EXPECT_EQ(snapshot->Views("app").size(), 2u);

  EXPECT_EQ(CodeOf(snapshot, {DropTable(t)}), ErrorCode::kDependentObjects);
  EXPECT_EQ(CodeOf(snapshot, {Drop(v)}), ErrorCode::kDependentObjects);
  EXPECT_EQ(CodeOf(snapshot, {Put(Next(t, catalog::Drop("s")), 1)}), ErrorCode::kDependentObjects);
  EXPECT_TRUE(snapshot->Apply({Put(Next(t, catalog::Drop("r")), 1)}).ok());
  EXPECT_EQ(CodeOf(snapshot, {Put(NewTable(4, "app", "V"))}), ErrorCode::kAlreadyExists);
  EXPECT_EQ(CodeOf(snapshot, {Put(NewView(4, "T", {}))}), ErrorCode::kAlreadyExists);
  EXPECT_EQ(CodeOf(snapshot, {Put(NewView(4, "x", {{TableId(9), {}}}))}), ErrorCode::kDependentObjects);
  EXPECT_TRUE(snapshot->Apply({DropTable(t), Drop(v), Drop(w)}).ok()) << "the order does not matter";

  EXPECT_EQ(CodeOf(snapshot, {Put(NewView(2, "v", {}))}), ErrorCode::kAlreadyExists);
  EXPECT_EQ(CodeOf(snapshot, {Put(NewView(9, "v", {}), false)}), ErrorCode::kSchemaChanged);
  const SnapshotPtr replaced = *snapshot->Apply({Put(NewView(2, "v", {}), false)});
  EXPECT_TRUE(replaced->FindView("app", "v")->depends_on_tables.empty());
  EXPECT_TRUE(replaced->FindView(2)->depends_on_tables.empty());
}

// A view and a change of type that were planned side by side: the second is planned again.
TEST(SnapshotTest, WhatWasBoundAgainstMustStillBeSo) {
  const TablePtr t = NewTable(1, "app", "t");
  const TablePtr next = Next(t, Add("c", "INT"));
  const SnapshotPtr before = *WithApp()->Apply({Put(t)});
  Change view = Put(NewView(2, "v", {{TableId(1), {ColumnId(3)}}}));
  view.bound_tables = {t};
  Change retyped = Put(next, 1);
  retyped.bound_views = before->views_generation();

  const SnapshotPtr with_view = *before->Apply({view});
  EXPECT_EQ(CodeOf(with_view, {retyped}), ErrorCode::kSchemaChanged);
  EXPECT_EQ(CodeOf(*before->Apply({retyped}), {view}), ErrorCode::kSchemaChanged);
  EXPECT_EQ(CodeOf(*before->Apply({DropTable(t)}), {view}), ErrorCode::kTableNotFound);

  retyped.bound_views = with_view->views_generation();
  EXPECT_TRUE(with_view->Apply({Drop(with_view->FindView("app", "v")), retyped}).ok()) << "its own drops do not count";
}

// What the commit pipeline does: applies changes and writes their records.
class Disk {
 public:
  void Commit(const std::vector<Change>& changes) {
    Result<SnapshotPtr> next = snapshot_->Apply(changes);
    ASSERT_TRUE(next.ok()) << next.error().message;
    const SnapshotPtr before = std::exchange(snapshot_, *std::move(next));
    for (const Change& change : changes) {
      for (auto& [key, value] : RecordsOf(change, *before)) {
        written_.push_back(key);
        value ? void(records_[key] = *value) : void(records_.erase(key));
      }
    }
  }
  const SnapshotPtr& snapshot() const { return snapshot_; }
  std::map<std::string, std::string>& records() { return records_; }
  // Keys since the last call.
  std::vector<std::string> TakeWritten() { return std::exchange(written_, {}); }

  // From what is on disk.
  void Restart() { Load(&snapshot_); }

  uint32_t Load(SnapshotPtr* out) {
    Loader loader;
    for (const auto& [key, value] : records_) {
      const Status added = loader.Add(key, value);
      EXPECT_TRUE(added.ok()) << added.error().message;
    }
    Result<SnapshotPtr> loaded = loader.Finish();
    EXPECT_TRUE(loaded.ok()) << loaded.error().message;
    *out = *std::move(loaded);
    return loader.next_id();
  }

 private:
  SnapshotPtr snapshot_ = Snapshot::Empty();
  std::map<std::string, std::string> records_;
  std::vector<std::string> written_;
};

TEST(LoaderTest, ComesBackAsItWas) {
  Disk disk;
  const TablePtr t = NewTable(1, "app", "T");
  const TablePtr t2 = Next(t, AddWithDefault("c", "INT", "5", row::Value::Int(5)));
  disk.Commit({PutNamespace("App")});
  disk.Commit({Put(t)});
  disk.Commit({Put(t2, 1)});
  disk.Commit({Put(NewView(2, "v", {{TableId(1), {ColumnId(5)}}}))});
  disk.Commit({PutNamespace("gone"), Put(NewTable(3, "gone", "x"))});
  disk.Commit({DropTable(NewTable(3, "gone", "x")), DropNamespace("gone")});
  SnapshotPtr loaded;
  EXPECT_EQ(disk.Load(&loaded), 4u) << "the id of a dropped table is not given again";
  EXPECT_EQ(loaded->Namespaces().size(), 2u);
  EXPECT_EQ(loaded->FindNamespace("app")->name, "App");
  EXPECT_EQ(EncodeTable(*loaded->FindTable("app", "t")), EncodeTable(*t2));
  EXPECT_EQ(EncodeView(*loaded->FindView("app", "v")), EncodeView(*disk.snapshot()->FindView("app", "v")));
}

TEST(LoaderTest, AnAlterWritesTheTableAndOneVersion) {
  Disk disk;
  disk.Commit({PutNamespace("app")});
  TablePtr table = NewTable(1, "app", "t");
  disk.Commit({Put(table)});
  for (int i = 0; i < 20; ++i) {
    const TablePtr next = Next(table, Add("c" + std::to_string(i), "INT"));
    (void)disk.TakeWritten();
    disk.Commit({Put(next, table->version().value)});
    table = next;
  }
  EXPECT_EQ(disk.TakeWritten(), (std::vector<std::string>{{"T\0\0\0\1", 5}, {"S\0\0\0\1\0\0\0\x15", 9}}));
  SnapshotPtr loaded;
  disk.Load(&loaded);
  const TablePtr back = loaded->FindTable("app", "t");
  ASSERT_EQ(back->versions.size(), 21u);
  for (uint32_t v = 1; v <= 21; ++v)
    EXPECT_EQ(EncodeVersion(*back, SchemaVersion(v)), EncodeVersion(*table, SchemaVersion(v)));
  disk.Commit({DropTable(table, 21)});
  for (const auto& [key, value] : disk.records()) EXPECT_TRUE(key[0] == 'N' || key[0] == 'I') << key;
}

// A data directory from before versions had records of their own.
TEST(LoaderTest, VersionsOfAnOldRecordAreWrittenByTheNextChange) {
  Disk disk;
  disk.Commit({PutNamespace("app")});
  const TablePtr one = NewTable(1, "app", "t"), two = Next(one, Add("c", "INT"));
  disk.Commit({Put(one)});
  disk.Commit({Put(two, 1)});
  std::string old = disk.records()[{"T\0\0\0\1", 5}];
  old[0] = 1;
  for (const char* version : {"S\0\0\0\1\0\0\0\1", "S\0\0\0\1\0\0\0\2"}) {
    old += disk.records()[{version, 9}].substr(1);
    disk.records().erase({version, 9});
  }
  disk.records()[{"T\0\0\0\1", 5}] = old;
  disk.Restart();
  const TablePtr three = Next(disk.snapshot()->FindTable("app", "t"), Add("d", "INT"));
  disk.Commit({Put(three, 2)});
  disk.Restart();
  const TablePtr four = Next(disk.snapshot()->FindTable("app", "t"), Add("e", "INT"));
  (void)disk.TakeWritten();
  disk.Commit({Put(four, 3)});
  EXPECT_EQ(disk.TakeWritten().size(), 2u);
  disk.Restart();
  EXPECT_EQ(PrintCreateTable(*disk.snapshot()->FindTable("app", "t")), PrintCreateTable(*four));
  EXPECT_EQ(disk.snapshot()->FindTable("app", "t")->versions[0].changes, "CREATE TABLE");
}

TEST(LoaderTest, NoVersionIsMissingUnseen) {
  const TablePtr table = Next(NewTable(1, "app", "t"), Add("c", "INT"));
  const auto load = [&](std::vector<std::pair<std::string, std::string>> versions) {
    Loader loader;
    EXPECT_TRUE(loader.Add("Napp", EncodeNamespace(*WithApp()->FindNamespace("app"))).ok());
    EXPECT_TRUE(loader.Add(std::string_view("T\0\0\0\1", 5), EncodeTable(*table)).ok());
    for (const auto& [key, value] : versions) {
      if (!loader.Add(key, value).ok()) return false;
    }
    return loader.Finish().ok();
  };
  const std::pair<std::string, std::string> one{{"S\0\0\0\1\0\0\0\1", 9}, EncodeVersion(*table, SchemaVersion(1))};
  const std::pair<std::string, std::string> two{{"S\0\0\0\1\0\0\0\2", 9}, EncodeVersion(*table, SchemaVersion(2))};
  EXPECT_TRUE(load({two, one}));
  EXPECT_FALSE(load({one}));
  EXPECT_FALSE(load({two}));
  EXPECT_FALSE(load({}));
  EXPECT_FALSE(load({one, {two.first, one.second}}));
  EXPECT_FALSE(load({one, {two.first.substr(0, 8), two.second}}));
  EXPECT_FALSE(load({one, two, {{"S\0\0\0\2\0\0\0\1", 9}, one.second}}));
  EXPECT_FALSE(load({one, {two.first, two.second + "x"}}));
}

TEST(LoaderTest, IdsAreNeverGivenAgainWhateverTheOrderOfCommits) {
  Disk disk;
  disk.Commit({PutNamespace("app")});
  disk.Commit({Put(NewTable(6, "app", "six"))});
  disk.Commit({Put(NewTable(5, "app", "five"))});
  disk.Commit({DropTable(NewTable(6, "app", "six"))});
  SnapshotPtr loaded;
  EXPECT_EQ(disk.Load(&loaded), 7u);
}

TEST(LoaderTest, RefusesWhatIsDamaged) {
  const std::string table = EncodeTable(*NewTable(1, "app", "t"));
  const std::string key("T\0\0\0\1", 5);
  EXPECT_TRUE(Loader().Add(key, table).ok());
  for (const auto& [k, v] : std::vector<std::pair<std::string, std::string>>{
           {"", ""},
           {"T", table},
           {std::string("T\0\0\0\2", 5), table},
           {"X\0\0\0\1", table},
           {key, table + "x"},
           {key, table.substr(0, table.size() - 1)},
           {"Nother", EncodeNamespace(*WithApp()->FindNamespace("app"))}}) {
    const Status added = Loader().Add(k, v);
    ASSERT_FALSE(added.ok());
    EXPECT_EQ(added.error().code, ErrorCode::kStorageUnavailable);
  }
  Loader without_namespace;
  ASSERT_TRUE(without_namespace.Add(key, table).ok());
  ASSERT_TRUE(
      without_namespace
          .Add(std::string_view("S\0\0\0\1\0\0\0\1", 9), EncodeVersion(*NewTable(1, "app", "t"), SchemaVersion(1)))
          .ok());
  EXPECT_EQ(without_namespace.Finish().error().code, ErrorCode::kStorageUnavailable);
}

// Random changes against a plain model; after each step the snapshot, and now and then its records, must agree with it.
TEST(SnapshotTest, RandomChangesAgreeWithAModel) {
  SeededRandom random(4711);
  Disk disk;
  disk.Commit({PutNamespace("app")});
  std::map<std::string, TablePtr> model;
  uint32_t next_id = 1;
  for (int step = 0; step < 600; ++step) {
    const std::string name = "t" + std::to_string(random.Below(20));
    const auto found = model.find(name);
    const uint64_t dice = random.Below(4);
    if (found == model.end()) {
      const TablePtr table = NewTable(next_id++, "app", name);
      disk.Commit({Put(table)});
      model[name] = table;
    } else if (dice == 0) {
      disk.Commit({DropTable(found->second, found->second->version().value)});
      model.erase(found);
    } else if (dice == 1) {
      const std::string target = "t" + std::to_string(random.Below(20));
      const TablePtr renamed =
          ApplyAlter(*found->second, {{.kind = Kind::kRenameTable, .new_name = target}}, {"b", 1}).value().table;
      if (renamed == nullptr || model.contains(target)) continue;
      disk.Commit({Put(renamed, found->second->version().value)});
      model.erase(found);
      model[target] = renamed;
    } else {
      const TablePtr next = Next(found->second, Add("c" + std::to_string(step), "INT"));
      disk.Commit({Put(next, found->second->version().value)});
      found->second = next;
    }
    SnapshotPtr snapshot = disk.snapshot();
    if (step % 50 == 49) EXPECT_EQ(disk.Load(&snapshot), next_id);
    ASSERT_EQ(snapshot->Tables("app").size(), model.size());
    for (const auto& [table_name, table] : model) {
      ASSERT_NE(snapshot->FindTable("app", table_name), nullptr);
      ASSERT_EQ(snapshot->FindTable("app", table_name)->version(), table->version());
      ASSERT_EQ(snapshot->FindTable(table->id)->name, table_name);
    }
  }
}

}  // namespace
}  // namespace kalamdb::catalog
