// Tests of flush: one place per key whatever happens while rows become cold, restarts at every step, trimming.
#include <thread>

#include "storage/database_core.h"
#include "storage/storage_fixture.h"

namespace kalamdb::storage {
namespace {

using Kind = CommitOutcome::Kind;

class FlushTest : public StorageFixture {
 protected:
  // Runs `meanwhile` while a flush stands at `place`, then lets it go and waits for it.
  void WhileFlushIsAt(const std::string& place, const std::function<void()>& meanwhile) {
    ScopedFailpoint hold(place, "1@signal:reached_" + place + "+wait:go_" + place);
    std::thread flush([this] { EXPECT_TRUE(db_->FlushTable(table_->id, true).ok()); });
    WaitForPoint("reached_" + place);
    meanwhile();
    SignalPoint("go_" + place);
    flush.join();
  }
  size_t ColdFiles() {
    size_t files = 0;
    auto namespaces = ListDirectory(dir_.File("cold"));
    for (const auto& ns : *namespaces) {
      auto tables = ListDirectory(JoinPath(dir_.File("cold"), ns.name));
      for (const auto& table : *tables)
        files += ListDirectory(JoinPath(JoinPath(dir_.File("cold"), ns.name), table.name))->size();
    }
    return files;
  }
  size_t HotKeysOnDisk() {
    size_t keys = 0;
    auto it = db_->store().NewIterator(kv::Family::kRows, {});
    for (it->SeekToFirst(); it->Valid(); it->Next()) ++keys;
    return keys;
  }
};

TEST_F(FlushTest, RowsBecomeColdAndStayTheSame) {
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(Write(i, "v" + std::to_string(i)));
  RowMap before = Rows();
  auto flushed = db_->FlushTable(table_->id, true);
  ASSERT_TRUE(flushed.ok());
  EXPECT_EQ(flushed->status, "completed");
  EXPECT_EQ(flushed->rows, 100u);
  EXPECT_EQ(flushed->files, 1u);
  EXPECT_EQ(Rows(), before);
  EXPECT_EQ(Rows(db_->View(), kSharedUser, true), before);
  EXPECT_EQ(Find(*db_->View(), Key(7)).place.kind, Place::Kind::kCold);
  for (int i = 0; i < 100; i += 3) ASSERT_TRUE(Write(i, "new"));
  for (int i = 1; i < 100; i += 3) ASSERT_TRUE(Delete(i));
  ASSERT_TRUE(Write(200, "more"));
  RowMap after = Rows();
  EXPECT_EQ(after.size(), 68u);
  EXPECT_EQ(Rows(db_->View(), kSharedUser, true), after);
  auto stats = db_->StatsOf(db_->View(), *table_, std::nullopt);
  ASSERT_TRUE(stats.ok());
  EXPECT_EQ(stats->hot_rows, 35u);
  EXPECT_EQ(stats->cold_rows, 33u);
  EXPECT_EQ(stats->deleted_rows, 33u);
  Reopen();
  EXPECT_EQ(Rows(), after);
  Flush();
  EXPECT_EQ(Rows(), after);
  CrashAndReopen();
  EXPECT_EQ(Rows(), after);
  auto nothing = db_->FlushTable(table_->id, true);
  ASSERT_TRUE(nothing.ok());
  EXPECT_EQ(nothing->rows, 0u);
}

TEST_F(FlushTest, PartitionsKeepApart) {
  table_ = MakeTable("u", catalog::TableKind::kUser);
  for (uint64_t user = 1; user <= 5; ++user) {
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(Write(i, std::to_string(user), UserId(user)));
  }
  Flush();
  const TableCold& cold = db_->View()->ColdOf(table_->id);
  ASSERT_EQ(cold.segments.size(), 1u);
  EXPECT_EQ(RowsOfUser(*cold.segments[0].record, UserId(3)), std::pair(20u, 30u));
  ASSERT_TRUE(Delete(4, UserId(3)));
  EXPECT_EQ(Rows(UserId(3)).size(), 9u);
  EXPECT_EQ(Rows(UserId(2)).size(), 10u);
  EXPECT_EQ(Rows(UserId(2))[4], "2");
  auto stats = db_->StatsOf(db_->View(), *table_, UserId(3));
  EXPECT_EQ(stats->cold_rows, 9u);
  EXPECT_EQ(stats->files, 1u);
}

TEST_F(FlushTest, SeveralSegmentsWhereRowsAreMany) {
  Close();
  segment_target_ = 2000;
  Open();
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(Write(i, std::string(100, 'x')));
  auto flushed = db_->FlushTable(table_->id, true);
  ASSERT_TRUE(flushed.ok());
  EXPECT_GT(flushed->files, 4u);
  EXPECT_EQ(Rows().size(), 200u);
}

TEST_F(FlushTest, flush_publish_between_view_and_cold_scan) {
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(Write(i, "a"));
  Flush();
  for (int i = 25; i < 75; ++i) ASSERT_TRUE(Write(i, "b"));
  RowMap expected = Rows();
  ReadViewPtr view = db_->View();
  auto cursor = NewRangeCursor(view, &db_->store(), db_->format(), {.table = table_->id});
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(*cursor->Next());
  Flush();
  ASSERT_TRUE(Write(0, "c"));
  ASSERT_TRUE(Delete(60));
  size_t seen = 10;
  while (*cursor->Next()) ++seen;
  EXPECT_EQ(seen, expected.size());
  EXPECT_EQ(Rows(view), expected);
  EXPECT_EQ(Rows().size(), expected.size() - 1);
}

TEST_F(FlushTest, insert_same_key_while_first_is_flushed) {
  keep_deleted_ = false;
  ASSERT_TRUE(Write(1, "first"));
  ASSERT_TRUE(Write(2, "stays"));
  WhileFlushIsAt("flush.before_publish", [&] {
    CommitRequest second = Prepare(1, "never");
    ASSERT_TRUE(Delete(1));
    ASSERT_TRUE(Write(1, "second"));
    EXPECT_EQ(db_->commits().Run(second).kind, Kind::kMoved);
    EXPECT_EQ(Rows(), (RowMap{{1, "second"}, {2, "stays"}}));
  });
  EXPECT_EQ(Rows(), (RowMap{{1, "second"}, {2, "stays"}}));
  Reopen();
  EXPECT_EQ(Rows(), (RowMap{{1, "second"}, {2, "stays"}}));
  Flush();
  EXPECT_EQ(Rows(), (RowMap{{1, "second"}, {2, "stays"}}));
}

TEST_F(FlushTest, delete_during_flush_then_restart_does_not_resurrect) {
  for (bool keep : {true, false}) {
    keep_deleted_ = keep;
    ASSERT_TRUE(Write(1, "gone"));
    ASSERT_TRUE(Write(2, "stays"));
    WhileFlushIsAt("flush.before_publish", [&] { ASSERT_TRUE(Delete(1)); });
    EXPECT_EQ(Rows(), (RowMap{{2, "stays"}}));
    CrashAndReopen();
    EXPECT_EQ(Rows(), (RowMap{{2, "stays"}}));
    Flush();
    EXPECT_EQ(Rows(), (RowMap{{2, "stays"}}));
    ASSERT_TRUE(Delete(2));
  }
}

TEST_F(FlushTest, AnObservationBeforeThePublishMovesWithIt) {
  ASSERT_TRUE(Write(1, "a"));
  CommitRequest hot = Prepare(1, "b");
  CommitRequest absent = Prepare(2, "b");
  Flush();
  EXPECT_EQ(db_->commits().Run(hot).kind, Kind::kMoved);
  EXPECT_EQ(db_->commits().Run(absent).kind, Kind::kMoved);
  CommitRequest cold = Prepare(1, "b");
  CommitRequest cold_too = Prepare(1, "c");
  EXPECT_EQ(db_->commits().Run(cold).kind, Kind::kCommitted);
  EXPECT_EQ(db_->commits().Run(cold_too).kind, Kind::kMoved);
  EXPECT_EQ(Rows(), (RowMap{{1, "b"}}));
}

TEST_F(FlushTest, OldVersionsAreFlushedAsTheNewest) {
  ASSERT_TRUE(Write(1, "old"));
  table_ = AddColumn("w", row::Value::String("default"));
  ASSERT_TRUE(Write(2, "new"));
  Flush();
  FoundRow found = Find(*db_->View(), Key(1));
  EXPECT_EQ(row::RowVersion(found.row), SchemaVersion(2));
  EXPECT_EQ(row::RowWrittenVersion(found.row), SchemaVersion(1)) << "a flush does not write a row anew";
  EXPECT_EQ(row::RowWrittenVersion(Find(*db_->View(), Key(2)).row), SchemaVersion(2));
  const row::Schema& schema = *table_->schema();
  EXPECT_EQ(row::RowValue(schema, row::RowLayout(schema), found.row, 2).as_string(), "default");
  EXPECT_EQ(Rows(), (RowMap{{1, "old"}, {2, "new"}}));
  EXPECT_EQ(*db_->CountNulls(db_->View(), *table_, ColumnId(3)), 1u);  // 2 was written with NULL
  table_ = AddColumn("x", row::Value::Null());
  ASSERT_TRUE(db_->CompactTable(table_->id, true).ok());
  EXPECT_EQ(row::RowVersion(Find(*db_->View(), Key(1)).row), SchemaVersion(3));
  EXPECT_EQ(row::RowWrittenVersion(Find(*db_->View(), Key(1)).row), SchemaVersion(1)) << "nor does a compaction";
  EXPECT_EQ(row::RowWrittenVersion(Find(*db_->View(), Key(2)).row), SchemaVersion(2));
}

TEST_F(FlushTest, WaitMeansEveryRowBeforeTheCall) {
  ASSERT_TRUE(Write(1, "a"));
  WhileFlushIsAt("flush.after_view", [&] {
    ASSERT_TRUE(Write(2, "b"));
    std::thread second([this] { EXPECT_TRUE(db_->FlushTable(table_->id, true).ok()); });
    SignalPoint("go_flush.after_view");
    second.join();
    EXPECT_EQ(Find(*db_->View(), Key(2)).place.kind, Place::Kind::kCold);
  });
}

TEST_F(FlushTest, AFailedFlushLeavesRowsHotAndNoFiles) {
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(Write(i, "a"));
  for (const char* place : {"storage.segment_create", "storage.segment_finish", "flush.publish", "storage.wal_write"}) {
    ScopedFailpoint fail(place, "error");
    auto flushed = db_->FlushTable(table_->id, true);
    ASSERT_FALSE(flushed.ok()) << place;
    EXPECT_EQ(Find(*db_->View(), Key(1)).place.kind, Place::Kind::kHot) << place;
  }
  EXPECT_EQ(Rows().size(), 10u);
  Reopen();
  EXPECT_EQ(ColdFiles(), 0u);
  Flush();
  EXPECT_EQ(Rows().size(), 10u);
  EXPECT_EQ(ColdFiles(), 1u);
}

TEST_F(FlushTest, FilesNoRecordNamesAreSweptAtStart) {
  ASSERT_TRUE(Write(1, "a"));
  Flush();
  Close();
  ASSERT_TRUE(CreateDirectories(dir_.File("cold/x/y-9")).ok());
  ASSERT_TRUE(WriteFileAtomically(dir_.File("cold/x/y-9/77.parquet"), "x").ok());
  ASSERT_TRUE(WriteFileAtomically(dir_.File("cold/x/y-9/78.parquet.tmp"), "x").ok());
  Open();
  EXPECT_FALSE(PathExists(dir_.File("cold/x")));
  EXPECT_EQ(Rows(), (RowMap{{1, "a"}}));
}

TEST_F(FlushTest, DeadRowsAreTrimmedOnceNoViewNeedsThem) {
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(Write(i, "a"));
  ReadViewPtr old = db_->View();
  Flush();
  ASSERT_TRUE(Write(0, "b"));
  auto* core = static_cast<DatabaseCore*>(db_.get());
  core->maintenance().Tick();
  EXPECT_EQ(HotKeysOnDisk(), 1000u);
  EXPECT_EQ(Rows(old).size(), 1000u);
  old.reset();
  for (int i = 0; i < 100 && HotKeysOnDisk() != 1; ++i) core->maintenance().Tick();
  EXPECT_EQ(HotKeysOnDisk(), 1u);
  EXPECT_EQ(Rows().size(), 1000u);
  Reopen();
  EXPECT_EQ(Rows().size(), 1000u);
}

TEST_F(FlushTest, ARowWrittenWhileItsKeyIsTrimmedStays) {
  keep_deleted_ = false;
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(Write(i, "a"));
  Flush();
  ScopedFailpoint hold("trim.before_slice", [this]() -> Status {
    EXPECT_TRUE(Write(5, "new"));
    return {};
  });
  auto* core = static_cast<DatabaseCore*>(db_.get());
  for (int i = 0; i < 100 && HotKeysOnDisk() != 1; ++i) core->maintenance().Tick();
  EXPECT_EQ(HotKeysOnDisk(), 1u);
  EXPECT_EQ(Rows()[5], "new");
}

TEST_F(FlushTest, MemoryPressureFlushesTheLargestTable) {
  hot_bytes_ = 100'000;
  Reopen();
  catalog::TablePtr large = table_;
  table_ = MakeTable("small", catalog::TableKind::kShared);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(Write(i, "small"));
  catalog::TablePtr small = std::exchange(table_, large);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(Write(i % 3, std::string(2'000, 'x')));  // three rows, again and again
  static_cast<DatabaseCore*>(db_.get())->maintenance().Tick();
  EXPECT_TRUE(db_->Jobs().empty()) << "what is overwritten takes no room";
  for (int i = 0; i < 60; ++i) ASSERT_TRUE(Write(i, std::string(2'000, 'x')));
  static_cast<DatabaseCore*>(db_.get())->maintenance().Tick();
  ASSERT_EQ(db_->Jobs().size(), 1u);
  EXPECT_EQ(db_->Jobs()[0].table_name, "t");
  ASSERT_TRUE(db_->FlushTable(table_->id, true).ok());
  EXPECT_EQ(Find(*db_->View(), Key(30)).place.kind, Place::Kind::kCold);
  EXPECT_EQ(Rows().size(), 60u);
  table_ = small;
  EXPECT_EQ(Find(*db_->View(), Key(5)).place.kind, Place::Kind::kHot) << "only the largest went";
  EXPECT_NE(metrics_.Serialize().find("kalamdb_pressure_flushes_total 1\n"), std::string::npos);
}

TEST_F(FlushTest, PolicyFlushesByRows) {
  auto next = std::make_shared<catalog::Table>(*table_);
  next->options.flush_rows = 50;
  ASSERT_EQ(Put(next, table_->version()).kind, Kind::kCommitted);
  for (int i = 0; i < 49; ++i) ASSERT_TRUE(Write(i, "a"));
  auto* core = static_cast<DatabaseCore*>(db_.get());
  core->maintenance().Tick();
  EXPECT_TRUE(db_->Jobs().empty());
  ASSERT_TRUE(Write(49, "a"));
  core->maintenance().Tick();
  ASSERT_FALSE(db_->Jobs().empty());
  ASSERT_TRUE(db_->FlushTable(table_->id, true).ok());
  EXPECT_EQ(Find(*db_->View(), Key(1)).place.kind, Place::Kind::kCold);
}

TEST_F(FlushTest, DroppedTablesGoWithTheirFiles) {
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(Write(i, "a"));
  Flush();
  ASSERT_TRUE(Write(3, "b"));
  ReadViewPtr old = db_->View();
  CommitRequest drop;
  drop.catalog_changes.push_back(
      {.kind = catalog::Change::Kind::kDropTable, .table = table_, .expected_version = table_->version()});
  ASSERT_EQ(db_->commits().Run(std::move(drop)).kind, Kind::kCommitted);
  EXPECT_EQ(db_->commits().Run(Prepare(4, "x")).kind, Kind::kSchema);
  auto* core = static_cast<DatabaseCore*>(db_.get());
  for (int i = 0; i < 100'000 && !db_->View()->ColdOf(table_->id).segments.empty(); ++i) core->maintenance().Tick();
  EXPECT_EQ(Rows(old).size(), 10u);
  EXPECT_EQ(ColdFiles(), 1u);
  old.reset();
  for (int i = 0; i < 100'000 && ColdFiles() != 0; ++i) core->maintenance().Tick();
  EXPECT_EQ(ColdFiles(), 0u);
  EXPECT_EQ(HotKeysOnDisk(), 0u);
  Reopen();
  EXPECT_EQ(HotKeysOnDisk(), 0u);
}

TEST_F(FlushTest, ExpiredEventsGo) {
  table_ = MakeTable("s", catalog::TableKind::kStream, 1);
  ASSERT_TRUE(Write(1, "a"));
  ReadViewPtr view = db_->View();
  Micros later = view->committed_at + 1;
  auto cursor = NewRangeCursor(view, &db_->store(), db_->format(), {.table = table_->id, .expire_before = later});
  EXPECT_FALSE(*cursor->Next());
  cursor.reset();
  auto* core = static_cast<DatabaseCore*>(db_.get());
  const int64_t give_up = StopwatchNanos() + 20'000'000'000;
  while (HotKeysOnDisk() != 0 && StopwatchNanos() < give_up) {
    core->maintenance().Tick();
    std::this_thread::yield();
  }
  EXPECT_EQ(HotKeysOnDisk(), 0u);
  EXPECT_EQ(Rows(view), (RowMap{{1, "a"}}));
}

TEST_F(FlushTest, CacheOnlyReadsSayWhatTheyCannotTell) {
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(Write(i, "a"));
  Flush();
  for (int i = 20; i < 30; ++i) ASSERT_TRUE(Write(i, "b"));
  ReadViewPtr view = db_->View();
  EXPECT_EQ(Rows(view).size(), 20u);  // the index is cached from here on
  auto newest_first = NewRangeCursor(view, &db_->store(), db_->format(),
                                     {.table = table_->id, .reverse = true, .tier = kv::ReadTier::kCacheOnly});
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(*newest_first->Next()) << i;
  while (*newest_first->Next()) {
  }
  EXPECT_TRUE(newest_first->not_cached());
  FoundRow found;
  EXPECT_EQ(*FindRow(*view, db_->store(), db_->format(), Key(25), kv::ReadTier::kCacheOnly, &found),
            ReadOutcome::kDone);
  EXPECT_EQ(*FindRow(*view, db_->store(), db_->format(), Key(5), kv::ReadTier::kCacheOnly, &found),
            ReadOutcome::kNotCached);
}

}  // namespace
}  // namespace kalamdb::storage
