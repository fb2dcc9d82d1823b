// Tests of bulk loads and compaction: what they register is seen whole, and nobody else's change is lost.
#include <thread>

#include "storage/storage_fixture.h"

namespace kalamdb::storage {
namespace {

using Kind = CommitOutcome::Kind;

class BulkTest : public StorageFixture {
 protected:
  // Rows [first, end) with text v; nullopt where a key is refused.
  std::shared_ptr<BulkCommit> Load(int64_t first, int64_t end, const std::string& v, UserId user = kSharedUser,
                                   bool backwards = false) {
    auto writer = db_->NewBulkWriter(db_->View(), table_, user);
    EXPECT_TRUE(writer.ok());
    for (int64_t i = first; i < end; ++i) {
      int64_t id = backwards ? end - 1 - (i - first) : i;
      Status appended = (*writer)->Append(Key(id, user), Encode(id, v), false);
      if (!appended.ok()) {
        EXPECT_EQ(appended.error().code, ErrorCode::kUniqueViolation);
        error_ = appended.error().message;
        return nullptr;
      }
    }
    auto commit = (*writer)->Finish();
    EXPECT_TRUE(commit.ok());
    return *commit;
  }
  std::string error_;
};

TEST_F(BulkTest, RowsComeWithOneCommit) {
  ASSERT_TRUE(Write(5000, "small"));
  auto bulk = Load(0, 3000, "bulk");
  ASSERT_NE(bulk, nullptr);
  EXPECT_EQ(Rows().size(), 1u);
  Seq before = db_->View()->seq;
  CommitOutcome outcome = Commit(bulk);
  ASSERT_EQ(outcome.kind, Kind::kCommitted);
  bulk.reset();
  EXPECT_EQ(outcome.seq, before.Next());
  EXPECT_EQ(Rows().size(), 3001u);
  FoundRow found = Find(*db_->View(), Key(7));
  EXPECT_EQ(row::RowSeq(found.row), outcome.seq);
  EXPECT_EQ(row::RowUpdated(found.row), outcome.updated);
  ASSERT_TRUE(Write(7, "changed"));
  ASSERT_TRUE(Delete(8));
  CrashAndReopen();
  EXPECT_EQ(Rows().size(), 3000u);
  EXPECT_EQ(Rows()[7], "changed");
}

TEST_F(BulkTest, TheLogTellsEachRow) {
  ASSERT_TRUE(Write(9000, "before"));
  Seq from = db_->View()->seq;
  ASSERT_EQ(Commit(Load(0, 100, "bulk")).kind, Kind::kCommitted);
  ASSERT_TRUE(Write(9001, "after"));
  size_t rows = 0;
  ReadViewPtr view = db_->View();
  auto count = [&](const LoggedChange& change) {
    EXPECT_EQ(change.kind, LoggedChange::Kind::kInsert);
    EXPECT_EQ(row::RowSeq(change.row), change.seq);
    ++rows;
    return true;
  };
  ASSERT_TRUE(db_->change_log().Read(view, *table_, kSharedUser, from, view->seq, count).ok());
  EXPECT_EQ(rows, 101u);
  rows = 0;
  ASSERT_TRUE(db_->change_log().Read(view, *table_, UserId(3), from, view->seq, count).ok());
  EXPECT_EQ(rows, 0u);
  // Compacted away, the log still has the rows; after a restart, too.
  ASSERT_EQ(Commit(Load(200, 300, "bulk")).kind, Kind::kCommitted);
  ASSERT_TRUE(db_->CompactTable(table_->id, true).ok());
  view.reset();
  Reopen();
  view = db_->View();
  ASSERT_TRUE(db_->change_log().Read(view, *table_, kSharedUser, from, view->seq, count).ok());
  EXPECT_EQ(rows, 201u);
}

TEST_F(BulkTest, DuplicatesAreNamed) {
  ASSERT_TRUE(Write(10, "hot"));
  EXPECT_EQ(Load(0, 20, "x"), nullptr);
  EXPECT_NE(error_.find("id = 10"), std::string::npos) << error_;
  Flush();
  EXPECT_EQ(Load(0, 20, "x"), nullptr);  // cold now
  ASSERT_TRUE(Delete(10));
  auto bulk = Load(0, 20, "x");  // replaces what was deleted
  ASSERT_NE(bulk, nullptr);
  ASSERT_EQ(Commit(bulk).kind, Kind::kCommitted);
  EXPECT_EQ(Rows().size(), 20u);
  auto twice = db_->NewBulkWriter(db_->View(), table_, kSharedUser);
  ASSERT_TRUE((*twice)->Append(Key(100), Encode(100, "a"), false).ok());
  ASSERT_TRUE((*twice)->Append(Key(99), Encode(99, "a"), false).ok());
  EXPECT_FALSE((*twice)->Append(Key(100), Encode(100, "a"), false).ok());
}

TEST_F(BulkTest, DuplicatesFarApartInAnUnorderedLoadAreFound) {
  auto writer = db_->NewBulkWriter(db_->View(), table_, kSharedUser);
  for (int64_t i = 5000; i > 0; --i) ASSERT_TRUE((*writer)->Append(Key(i), Encode(i, "a"), false).ok());
  EXPECT_FALSE((*writer)->Append(Key(4990), Encode(4990, "b"), false).ok());
}

TEST_F(BulkTest, bulk_load_against_small_writers) {
  auto bulk = Load(0, 1000, "bulk");
  ASSERT_TRUE(Write(2000, "other key"));
  CommitRequest unaware = Prepare(3000, "x");
  ASSERT_EQ(Commit(bulk).kind, Kind::kCommitted);
  EXPECT_EQ(db_->commits().Run(unaware).kind, Kind::kMoved);
  auto second = Load(4000, 5000, "bulk");
  ASSERT_TRUE(Write(4500, "mine"));
  EXPECT_EQ(Commit(second).kind, Kind::kMoved);
  second.reset();
  EXPECT_EQ(Rows().size(), 1002u);
  EXPECT_EQ(Rows()[4500], "mine");
  EXPECT_EQ(Find(*db_->View(), Key(4501)).place.kind, Place::Kind::kNone);
  // Many small writers meanwhile: caught up outside of the commit.
  auto writer = db_->NewBulkWriter(db_->View(), table_, kSharedUser);
  for (int64_t i = 10'000; i < 11'000; ++i) ASSERT_TRUE((*writer)->Append(Key(i), Encode(i, "b"), false).ok());
  for (int64_t i = 20'000; i < 21'200; ++i) ASSERT_TRUE(Write(i, "s"));
  ASSERT_EQ(Commit(*(*writer)->Finish()).kind, Kind::kCommitted);
  EXPECT_EQ(Rows().size(), 3202u);
}

TEST_F(BulkTest, TwoBulkLoadsOfTheSameKeysDoNotBothCommit) {
  auto first = Load(0, 500, "first");
  auto second = Load(400, 900, "second");
  auto third = Load(1000, 1500, "third");
  ASSERT_EQ(Commit(first).kind, Kind::kCommitted);
  EXPECT_EQ(Commit(second).kind, Kind::kMoved);
  EXPECT_EQ(Commit(third).kind, Kind::kCommitted);
  EXPECT_EQ(Rows().size(), 1000u);
}

TEST_F(BulkTest, bulk_load_of_a_key_that_a_running_flush_still_holds) {
  keep_deleted_ = false;
  ASSERT_TRUE(Write(1, "old"));
  ASSERT_TRUE(Write(2, "stays"));
  ScopedFailpoint hold("flush.after_view", "1@signal:at_view+wait:go");
  std::thread flush([this] { EXPECT_TRUE(db_->FlushTable(table_->id, true).ok()); });
  WaitForPoint("at_view");
  ASSERT_TRUE(Delete(1));
  ASSERT_EQ(Commit(Load(1, 2, "bulk")).kind, Kind::kCommitted);
  SignalPoint("go");  // the flush writes its index entry for 1 only now
  flush.join();
  EXPECT_EQ(Rows(), (RowMap{{1, "bulk"}, {2, "stays"}}));
  Reopen();
  EXPECT_EQ(Rows(), (RowMap{{1, "bulk"}, {2, "stays"}}));
}

TEST_F(BulkTest, AbandonedLoadsLeaveNothing) {
  Load(0, 100, "x").reset();
  EXPECT_TRUE(Rows().empty());
  Reopen();
  EXPECT_TRUE(Rows().empty());
  ASSERT_EQ(Commit(Load(0, 100, "y")).kind, Kind::kCommitted);
  EXPECT_EQ(Rows().size(), 100u);
}

TEST_F(BulkTest, IndexEntriesOfAbandonedLoadsGoWhenTheyAreCompacted) {
  ASSERT_EQ(Commit(Load(0, 100, "kept")).kind, Kind::kCommitted);
  RowMap before = Rows();
  auto entries = [&] {
    EXPECT_TRUE(db_->store().FlushFamily(kv::Family::kKeys).ok());
    EXPECT_TRUE(db_->store().CompactRange(kv::Family::kKeys, "", "").ok());
    size_t count = 0;
    auto it = db_->store().NewIterator(kv::Family::kKeys, {});
    for (it->SeekToFirst(); it->Valid(); it->Next()) ++count;
    return count;
  };
  auto refused = Load(1000, 3000, "never");
  EXPECT_EQ(entries(), 2100u) << "they may still be committed";
  refused.reset();
  EXPECT_EQ(entries(), 100u);
  (void)Load(5000, 6000, "never");
  ASSERT_TRUE(db_->CompactTable(table_->id, true).ok());
  CrashAndReopen();  // what was given up in an earlier run is known from the records
  EXPECT_EQ(entries(), 100u);
  EXPECT_EQ(Rows(), before);
}

TEST_F(BulkTest, CompactionMergesAndChangesNoAnswer) {
  table_ = MakeTable("u", catalog::TableKind::kUser);
  for (int part = 0; part < 4; ++part) {
    for (uint64_t user = 1; user <= 2; ++user) {
      for (int i = 0; i < 20; ++i) ASSERT_TRUE(Write(i * 4 + part, "p" + std::to_string(part), UserId(user)));
    }
    Flush();
  }
  ASSERT_EQ(Commit(Load(1000, 1100, "bulk", UserId(2))).kind, Kind::kCommitted);
  ASSERT_EQ(Commit(Load(2000, 2100, "bulk", UserId(2), true)).kind, Kind::kCommitted);
  for (int i = 0; i < 80; i += 2) ASSERT_TRUE(Delete(i, UserId(1)));
  table_ = AddColumn("w", row::Value::String("d"));
  ASSERT_TRUE(Write(3, "changed", UserId(2)));
  RowMap first = Rows(UserId(1)), second = Rows(UserId(2));
  ReadViewPtr old = db_->View();
  auto compacted = db_->CompactTable(table_->id, true);
  ASSERT_TRUE(compacted.ok()) << compacted.error().message;
  EXPECT_EQ(compacted->files, 2u);  // one in key order, one that is not
  EXPECT_EQ(db_->View()->ColdOf(table_->id).segments.size(), 2u);
  EXPECT_EQ(Rows(UserId(1)), first);
  EXPECT_EQ(Rows(UserId(2)), second);
  EXPECT_EQ(Rows(old, UserId(1)), first);
  EXPECT_EQ(Rows(old, UserId(2)), second);
  old.reset();
  EXPECT_EQ(row::RowVersion(Find(*db_->View(), Key(1050, UserId(2))).row), SchemaVersion(2));
  auto again = db_->CompactTable(table_->id, true);
  EXPECT_EQ(again->files, 0u);
  CrashAndReopen();
  EXPECT_EQ(Rows(UserId(1)), first);
  EXPECT_EQ(Rows(UserId(2)), second);
}

TEST_F(BulkTest, CompactionForgetsWhatIsPastItsRetention) {
  auto next = std::make_shared<catalog::Table>(*table_);
  next->options.deleted_retention_s = 0;
  ASSERT_EQ(Put(next, table_->version()).kind, Kind::kCommitted);
  table_ = next;
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(Write(i, "a"));
  Flush();
  for (int i = 0; i < 15; ++i) ASSERT_TRUE(Delete(i));
  Flush();
  EXPECT_TRUE(Find(*db_->View(), Key(3)).deleted);
  ASSERT_TRUE(db_->CompactTable(table_->id, true).ok());
  EXPECT_EQ(Find(*db_->View(), Key(3)).place.kind, Place::Kind::kNone);
  EXPECT_EQ(Rows().size(), 5u);
  size_t entries = 0;
  auto it = db_->store().NewIterator(kv::Family::kKeys, {});
  for (it->SeekToFirst(); it->Valid(); it->Next()) ++entries;
  EXPECT_EQ(entries, 5u);
}

TEST_F(BulkTest, update_cold_row_while_its_segment_is_compacted) {
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(Write(round * 10 + i, "a"));
    Flush();
  }
  ScopedFailpoint hold("compact.before_publish", "1@signal:merged+wait:go");
  std::thread compact([this] { EXPECT_TRUE(db_->CompactTable(table_->id, true).ok()); });
  WaitForPoint("merged");
  ASSERT_TRUE(Write(3, "updated"));
  ASSERT_TRUE(Delete(13));
  EXPECT_EQ(Rows().size(), 19u);  // entries of the new file are there already, and do not count
  CommitRequest stale = Prepare(5, "late");
  SignalPoint("go");
  compact.join();
  EXPECT_EQ(db_->View()->ColdOf(table_->id).segments.size(), 1u);
  RowMap rows = Rows();
  EXPECT_EQ(rows.size(), 19u);
  EXPECT_EQ(rows[3], "updated");
  EXPECT_EQ(db_->commits().Run(stale).kind, Kind::kMoved);
  CrashAndReopen();
  EXPECT_EQ(Rows(), rows);
}

}  // namespace
}  // namespace kalamdb::storage
