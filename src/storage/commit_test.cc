// Tests of the commit pipeline: observations, order, views, durability and its failures, recovery.
#include <atomic>
#include <thread>

#include "storage/database_core.h"
#include "storage/storage_fixture.h"
#include "storage/trim.h"

namespace kalamdb::storage {
namespace {

using Kind = CommitOutcome::Kind;

class CommitTest : public StorageFixture {};

TEST_F(CommitTest, WhatIsAcknowledgedIsSeenAndLogged) {
  ASSERT_TRUE(Write(1, "a"));
  Seq first = db_->View()->seq;
  ASSERT_TRUE(Write(1, "b"));
  ASSERT_TRUE(Write(2, "c"));
  ASSERT_TRUE(Delete(2));
  EXPECT_EQ(Rows(), (RowMap{{1, "b"}}));
  EXPECT_EQ(db_->View()->seq.value, first.value + 3);
  std::string seen;
  ReadViewPtr view = db_->View();
  ASSERT_TRUE(db_->change_log()
                  .Read(view, *table_, kSharedUser, Seq(first.value - 1), view->seq,
                        [&](const LoggedChange& change) {
                          seen += std::to_string(static_cast<int>(change.kind));
                          seen += change.row.empty() ? "-" : TextOf(change.row);
                          seen += change.old_row.empty() ? "-" : TextOf(change.old_row);
                          seen += ' ';
                          return true;
                        })
                  .ok());
  EXPECT_EQ(seen, "1a- 2ba 1c- 3-c ");
  std::vector<uint64_t> seqs = sink_.seqs();
  EXPECT_TRUE(std::is_sorted(seqs.begin(), seqs.end()));
  EXPECT_EQ(seqs.back(), view->seq.value);
}

TEST_F(CommitTest, AViewNeverChanges) {
  ASSERT_TRUE(Write(1, "a"));
  ReadViewPtr before = db_->View();
  ASSERT_TRUE(Write(1, "b"));
  ASSERT_TRUE(Write(2, "b"));
  Flush();
  ASSERT_TRUE(Delete(1));
  EXPECT_EQ(Rows(before), (RowMap{{1, "a"}}));
  EXPECT_EQ(Rows(), (RowMap{{2, "b"}}));
}

TEST_F(CommitTest, MovedObservationsAreSentBack) {
  CommitRequest insert = Prepare(1, "x");
  ASSERT_TRUE(Write(1, "a"));
  EXPECT_EQ(db_->commits().Run(insert).kind, Kind::kMoved);  // upsert_row_appears_after_observation
  CommitRequest update = Prepare(1, "y");
  ASSERT_TRUE(Write(1, "b"));
  EXPECT_EQ(db_->commits().Run(update).kind, Kind::kMoved);
  CommitRequest again = Prepare(1, "c");
  EXPECT_EQ(db_->commits().Run(again).kind, Kind::kCommitted);
  EXPECT_EQ(Rows(), (RowMap{{1, "c"}}));
}

TEST_F(CommitTest, ARefusedStatementLeavesNothingOfItself) {
  ASSERT_TRUE(Write(1, "a"));
  CommitRequest both = Prepare(2, "x");
  CommitRequest stale = Prepare(1, "y");
  both.writes[0].changes.push_back(stale.writes[0].changes[0]);
  ASSERT_TRUE(Write(1, "b"));
  EXPECT_EQ(db_->commits().Run(both).kind, Kind::kMoved);
  EXPECT_EQ(Rows(), (RowMap{{1, "b"}}));
}

TEST_F(CommitTest, AnInsertReplacesASoftDeletedRow) {
  ASSERT_TRUE(Write(1, "a"));
  ASSERT_TRUE(Delete(1));
  EXPECT_FALSE(Delete(1));
  EXPECT_TRUE(Find(*db_->View(), Key(1)).deleted);
  ASSERT_TRUE(Write(1, "b"));
  ASSERT_TRUE(Delete(1));
  Flush();
  EXPECT_TRUE(Find(*db_->View(), Key(1)).deleted);  // a cold one
  EXPECT_EQ(Find(*db_->View(), Key(1)).place.kind, Place::Kind::kCold);
  ASSERT_TRUE(Write(1, "c"));
  EXPECT_EQ(Rows(), (RowMap{{1, "c"}}));
  keep_deleted_ = false;
  ASSERT_TRUE(Delete(1));
  EXPECT_EQ(Find(*db_->View(), Key(1)).place.kind, Place::Kind::kNone);
}

TEST_F(CommitTest, WritesPlannedOnAnOlderSchemaAreSentBack) {
  CommitRequest planned = Prepare(1, "x");
  catalog::TablePtr next = AddColumn("w", row::Value::Null());
  EXPECT_EQ(db_->commits().Run(planned).kind, Kind::kSchema);
  CommitOutcome lost = Put(next, SchemaVersion(1));
  EXPECT_EQ(lost.kind, Kind::kSchema);
  EXPECT_EQ(lost.error.code, ErrorCode::kSchemaChanged);
  std::vector<uint32_t> versions;
  ReadViewPtr view = db_->View();
  ASSERT_TRUE(db_->change_log()
                  .Read(view, *next, UserId(77), Seq(), view->seq,
                        [&](const LoggedChange& change) {
                          EXPECT_EQ(change.kind, LoggedChange::Kind::kSchema);
                          versions.push_back(change.new_version.value);
                          return true;
                        })
                  .ok());
  EXPECT_EQ(versions, (std::vector<uint32_t>{1, 2}));  // made, altered
}

TEST_F(CommitTest, OneGroupComparesItsOwnKeys) {
  ASSERT_TRUE(Write(1, "a"));
  // While the commit thread is held, three statements queue up and become one group.
  ArmFailpoint("storage.before_publish", "1@signal:held+wait:go").ok();
  std::vector<CommitOutcome> outcomes(4);
  std::atomic<int> done{0};
  auto submit = [&](int i, CommitRequest request) {
    request.durability = Durability::kSync;
    db_->commits().Submit(std::move(request), true, [&, i](CommitOutcome outcome) {
      outcomes[static_cast<size_t>(i)] = std::move(outcome);
      ++done;
    });
  };
  submit(0, Prepare(9, "hold"));
  WaitForPoint("held");
  submit(1, Prepare(1, "first"));
  submit(2, Prepare(1, "second"));
  submit(3, Prepare(2, "other"));
  SignalPoint("go");
  while (done < 4) std::this_thread::yield();
  EXPECT_EQ(outcomes[1].kind, Kind::kCommitted);
  EXPECT_EQ(outcomes[2].kind, Kind::kMoved);
  EXPECT_EQ(outcomes[3].kind, Kind::kCommitted);
  EXPECT_EQ(outcomes[3].seq, outcomes[1].seq.Next());
  EXPECT_EQ(Rows(), (RowMap{{1, "first"}, {2, "other"}, {9, "hold"}}));
}

TEST_F(CommitTest, ManyThreadsLoseNothing) {
  constexpr int kThreads = 8, kEach = 200;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < kEach; ++i) {
        CommitRequest request = Prepare(t * kEach + i, "v");
        request.durability = (t + i) % 3 == 0 ? Durability::kSync : Durability::kWal;
        EXPECT_EQ(db_->commits().Run(std::move(request)).kind, Kind::kCommitted);
        EXPECT_NE(Find(*db_->View(), Key(t * kEach + i)).place.kind, Place::Kind::kNone);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Rows().size(), static_cast<size_t>(kThreads * kEach));
  std::vector<uint64_t> seqs = sink_.seqs();
  for (size_t i = 1; i < seqs.size(); ++i) ASSERT_EQ(seqs[i], seqs[i - 1] + 1);
}

TEST_F(CommitTest, AFailedWriteChangesNothing) {
  ASSERT_TRUE(Write(1, "a"));
  {
    ScopedFailpoint fail("storage.wal_write", "error");
    CommitOutcome outcome = db_->commits().Run(Prepare(1, "b"));
    EXPECT_EQ(outcome.kind, Kind::kFailed);
    EXPECT_FALSE(outcome.error.outcome_unknown);
  }
  EXPECT_FALSE(db_->read_only());
  EXPECT_EQ(Rows(), (RowMap{{1, "a"}}));
  ASSERT_TRUE(Write(1, "c"));
}

TEST_F(CommitTest, AFailedFsyncStopsWritesAndIsNeverSeen) {
  ASSERT_TRUE(Write(1, "a"));
  durability_ = Durability::kSync;
  {
    ScopedFailpoint fail("storage.fsync", "error");
    CommitOutcome outcome = db_->commits().Run(Prepare(1, "b"));
    EXPECT_EQ(outcome.kind, Kind::kFailed);
    EXPECT_EQ(outcome.error.code, ErrorCode::kStorageUnavailable);
    EXPECT_TRUE(outcome.error.outcome_unknown);
  }
  EXPECT_TRUE(db_->read_only());
  EXPECT_EQ(Rows(), (RowMap{{1, "a"}}));
  CommitOutcome later = db_->commits().Run(Prepare(2, "x"));
  EXPECT_EQ(later.kind, Kind::kFailed);
  EXPECT_FALSE(later.error.outcome_unknown);
  Reopen();
  EXPECT_FALSE(db_->read_only());
  RowMap rows = Rows();
  EXPECT_TRUE(rows == (RowMap{{1, "a"}}) || rows == (RowMap{{1, "b"}}));
  ASSERT_TRUE(Write(2, "x"));
}

TEST_F(CommitTest, RestartKeepsRowsAndEpochs) {
  ASSERT_TRUE(Write(1, "a"));
  Seq seq = db_->View()->seq;
  Micros updated = db_->View()->committed_at;
  Reopen();
  EXPECT_EQ(db_->View()->seq, seq);
  EXPECT_EQ(db_->View()->epoch, 1u);
  EXPECT_EQ(db_->View()->committed_at, updated);
  EXPECT_EQ(Rows(), (RowMap{{1, "a"}}));
  CrashAndReopen();
  EXPECT_EQ(db_->View()->epoch, 2u);
  EXPECT_EQ(db_->View()->seq.value, uint64_t{1} << 32);
  EXPECT_EQ(Rows(), (RowMap{{1, "a"}}));
  ASSERT_TRUE(Write(2, "b"));
  EXPECT_TRUE(db_->change_log().KnowsSequence(seq));
  EXPECT_FALSE(db_->change_log().KnowsSequence(seq.Next()));
  EXPECT_TRUE(db_->change_log().KnowsSequence(Seq(uint64_t{1} << 32)));
  EXPECT_TRUE(db_->change_log().KnowsSequence(db_->View()->seq));
  EXPECT_FALSE(db_->change_log().KnowsSequence(db_->View()->seq.Next()));
  CrashAndReopen();
  EXPECT_EQ(db_->View()->seq.value, uint64_t{2} << 32);
}

TEST_F(CommitTest, DirectoryInUseOrNewerIsRefused) {
  auto second = Database::Open({.data_dir = dir_.path()}, &clock_, nullptr, &logger_);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().message.find("in use by another server"), std::string::npos);
  Close();
  ASSERT_TRUE(WriteFileAtomically(dir_.File("VERSION"), "2\n").ok());
  auto newer = Database::Open({.data_dir = dir_.path()}, &clock_, nullptr, &logger_);
  ASSERT_FALSE(newer.ok());
  EXPECT_NE(newer.error().message.find("newer version"), std::string::npos);
  ASSERT_TRUE(WriteFileAtomically(dir_.File("VERSION"), "1\n").ok());
  Open();
}

TEST_F(CommitTest, set_not_null_with_concurrent_null) {
  ASSERT_TRUE(Write(1, "a"));
  auto alter = [&](std::shared_ptr<Watch> watch) {
    auto next = std::make_shared<catalog::Table>(*table_);
    std::vector<row::Column> columns = table_->schema()->columns();
    columns[1].nullable = false;
    next->schemas.push_back(std::make_shared<row::Schema>(table_->version().Next(), std::move(columns)));
    next->versions.push_back({.version = next->version(), .changes = "ALTER COLUMN v SET NOT NULL"});
    next->write_version = next->version();
    CommitRequest request;
    request.catalog_changes.push_back(
        {.kind = catalog::Change::Kind::kPutTable, .table = next, .expected_version = table_->version()});
    request.not_null = {std::move(watch)};
    return db_->commits().Run(std::move(request));
  };
  auto [view, watch] = db_->WatchNulls(table_->id, ColumnId(2));
  EXPECT_EQ(*db_->CountNulls(view, *table_, ColumnId(2)), 0u);
  CommitRequest null = Prepare(2, "x");
  null.writes[0].changes[0].row =
      row::EncodeRow(*table_->schema(), row::RowLayout(*table_->schema()), {row::Value::Int(2), row::Value::Null()});
  ASSERT_EQ(db_->commits().Run(null).kind, Kind::kCommitted);
  CommitOutcome refused = alter(watch);
  EXPECT_EQ(refused.kind, Kind::kFailed);
  EXPECT_EQ(refused.error.code, ErrorCode::kNotNullViolation);

  ASSERT_TRUE(Write(2, "not null"));
  auto [later_view, later] = db_->WatchNulls(table_->id, ColumnId(2));
  EXPECT_EQ(*db_->CountNulls(later_view, *table_, ColumnId(2)), 0u);
  ASSERT_TRUE(Write(3, "b"));
  CommitRequest planned = Prepare(4, "x");
  EXPECT_EQ(alter(later).kind, Kind::kCommitted);
  EXPECT_EQ(db_->commits().Run(planned).kind, Kind::kSchema);
}

TEST_F(CommitTest, TheLogsFloorIsNeverAPartialAnswer) {
  ASSERT_TRUE(Write(1, "a"));
  Seq early = db_->View()->seq;
  ASSERT_TRUE(Write(1, "b"));
  Seq floor = db_->View()->seq;
  ASSERT_TRUE(Write(1, "c"));
  auto* core = static_cast<DatabaseCore*>(db_.get());
  ASSERT_TRUE(RaiseLogFloor(core->context(), floor).ok());
  auto read = [&](Seq from) {
    ReadViewPtr view = db_->View();
    size_t entries = 0;
    Status status = db_->change_log().Read(view, *table_, kSharedUser, from, view->seq, [&](const LoggedChange&) {
      ++entries;
      return true;
    });
    return status.ok() ? static_cast<int>(entries)
                       : -static_cast<int>(status.error().code == ErrorCode::kSnapshotTooOld);
  };
  EXPECT_EQ(read(early), -1);
  EXPECT_EQ(read(floor), 1);
  ASSERT_TRUE(db_->store().FlushFamily(kv::Family::kChanges).ok());
  ASSERT_TRUE(db_->store().CompactRange(kv::Family::kChanges, "", "").ok());
  size_t left = 0;
  auto it = db_->store().NewIterator(kv::Family::kChanges, {});
  for (it->SeekToFirst(); it->Valid(); it->Next()) ++left;
  EXPECT_EQ(left, 1u);
  it.reset();
  Reopen();
  EXPECT_EQ(db_->change_log().FloorOf(table_->id), floor);
  EXPECT_EQ(read(early), -1);
  EXPECT_EQ(read(floor), 1);
}

TEST_F(CommitTest, TableIdsAreNeverGivenTwice) {
  catalog::TablePtr other = MakeTable("other", catalog::TableKind::kShared);
  CommitRequest drop;
  drop.catalog_changes.push_back(
      {.kind = catalog::Change::Kind::kDropTable, .table = other, .expected_version = SchemaVersion(1)});
  ASSERT_EQ(db_->commits().Run(std::move(drop)).kind, Kind::kCommitted);
  Reopen();
  EXPECT_GT(db_->NewTableId(), other->id);
}

TEST_F(CommitTest, SystemRecordsCommitWithTheRest) {
  CommitRequest request = Prepare(1, "a");
  request.system_records = {{"Ualice", "1"}, {"Ubob", "2"}, {"Xother", "3"}};
  ASSERT_EQ(db_->commits().Run(std::move(request)).kind, Kind::kCommitted);
  CommitRequest gone;
  gone.system_records = {{"Ubob", std::nullopt}};
  ASSERT_EQ(db_->commits().Run(std::move(gone)).kind, Kind::kCommitted);
  Reopen();
  std::string seen;
  ASSERT_TRUE(db_->ReadSystem('U',
                              [&](std::string_view key, std::string_view value) -> Status {
                                seen += std::string(key) + "=" + std::string(value) + " ";
                                return {};
                              })
                  .ok());
  EXPECT_EQ(seen, "Ualice=1 ");
}

}  // namespace
}  // namespace kalamdb::storage
