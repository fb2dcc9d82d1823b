// Tests of erasing a dropped user: nothing of theirs is left, nobody else's row is touched, nothing comes after.
#include <thread>

#include "storage/database_core.h"
#include "storage/records.h"
#include "storage/storage_fixture.h"

namespace kalamdb::storage {
namespace {

using Kind = CommitOutcome::Kind;
constexpr UserId kAlice{7}, kBob{8};

class EraseTest : public StorageFixture {
 protected:
  void SetUp() override {
    StorageFixture::SetUp();
    table_ = MakeTable("u", catalog::TableKind::kUser);
  }
  std::shared_ptr<BulkCommit> Load(int64_t first, int64_t end, UserId user) {
    auto writer = db_->NewBulkWriter(db_->View(), table_, user);
    EXPECT_TRUE(writer.ok());
    for (int64_t i = first; i < end; ++i) {
      EXPECT_TRUE((*writer)->Append(Key(i, user), Encode(i, "bulk"), false).ok());
    }
    auto commit = (*writer)->Finish();
    EXPECT_TRUE(commit.ok());
    return *commit;
  }
  void DropUser(UserId user) {
    CommitRequest request;
    request.system_records.push_back(ErasureRecord(user, clock_.NowMicros()));
    ASSERT_EQ(db_->commits().Run(std::move(request)).kind, Kind::kCommitted);
  }
  // Hot, cold, cold in a file shared with another user, bulk-loaded, updated and deleted rows.
  void Fill(UserId user) {
    for (int64_t i = 0; i < 50; ++i) ASSERT_TRUE(Write(i, "cold", user));
    ASSERT_TRUE(Delete(3, user));
  }
  void FillBoth() {
    Fill(kAlice);
    Fill(kBob);
    Flush();
    for (UserId user : {kAlice, kBob}) {
      ASSERT_EQ(Commit(Load(100, 400, user)).kind, Kind::kCommitted);
      ASSERT_TRUE(Write(5, "changed", user));
      ASSERT_TRUE(Delete(200, user));
      for (int64_t i = 1000; i < 1030; ++i) ASSERT_TRUE(Write(i, "hot", user));
    }
  }
  size_t Keys(kv::Family family, UserId user) {
    std::string prefix = row::PartitionPrefix(table_->id, user);
    auto it = db_->store().NewIterator(family, {.lower = prefix, .upper = row::PrefixEnd(prefix)});
    size_t count = 0;
    for (it->SeekToFirst(); it->Valid(); it->Next()) ++count;
    return count;
  }
  bool IsErasurePending(UserId user) {
    kv::Pinned value;
    auto found = db_->store().Get(kv::Family::kSystem, ErasureKey(user), nullptr, kv::ReadTier::kAll, &value);
    return found.ok() && *found == kv::Lookup::kFound;
  }
  // Until the jobs of erasures that are known of have ended, well or not.
  void WaitForJobs() {
    auto* core = static_cast<DatabaseCore*>(db_.get());
    core->maintenance().Tick();
    for (const JobRow& job : db_->Jobs()) {
      if (job.job_type == "erase") (void)core->jobs().Wait(job.job_id);
    }
  }
  void WaitForErasure(UserId user) {
    WaitForJobs();
    ASSERT_FALSE(IsErasurePending(user));
  }
  void ExpectErased(UserId user) {
    for (kv::Family family : {kv::Family::kRows, kv::Family::kKeys, kv::Family::kChanges}) {
      EXPECT_EQ(Keys(family, user), 0u) << kv::FamilyName(family);
    }
    for (const ColdSegment& segment : db_->View()->ColdOf(table_->id).segments) {
      EXPECT_EQ(RowsOfUser(*segment.record, user).first, RowsOfUser(*segment.record, user).second);
    }
    EXPECT_TRUE(Rows(user).empty());
  }
  size_t FilesOnDisk() {
    size_t files = 0;
    std::string directory = JoinPath(JoinPath(directory_, "cold"), "default/u-" + std::to_string(table_->id.value));
    auto entries = ListDirectory(directory);
    for (const auto& entry : *entries) files += entry.is_directory ? 0 : 1;
    return files;
  }
};

TEST_F(EraseTest, NothingIsLeftAndOthersKeepEveryRow) {
  FillBoth();
  RowMap bobs = Rows(kBob);
  ASSERT_EQ(Rows(kAlice), bobs);
  Seq from;
  DropUser(kAlice);
  WaitForErasure(kAlice);
  ExpectErased(kAlice);
  EXPECT_EQ(Rows(kBob), bobs);
  // The log still tells everything of the other one, bulk loads too.
  ReadViewPtr view = db_->View();
  size_t bulk = 0;
  auto count = [&](const LoggedChange& change) {
    if (change.kind == LoggedChange::Kind::kSchema) return true;  // the table was made
    if (TextOf(change.row.empty() ? change.old_row : change.row) == "bulk") ++bulk;
    return true;
  };
  ASSERT_TRUE(db_->change_log().Read(view, *table_, kBob, from, view->seq, count).ok());
  EXPECT_EQ(bulk, 301u) << "300 inserts and one delete";
  bool found = false;
  for (const JobRow& job : db_->Jobs()) {
    if (job.job_type != "erase") continue;
    found = true;
    EXPECT_EQ(job.status, "completed");
    EXPECT_EQ(job.parameters, "{\"user\":7}");
    EXPECT_EQ(job.rows, 49u + 1 + 300 + 30) << "a kept deleted row is one, too";
  }
  EXPECT_TRUE(found);
  view.reset();
  Reopen();
  ExpectErased(kAlice);
  EXPECT_EQ(Rows(kBob), bobs);
  EXPECT_EQ(FilesOnDisk(), db_->View()->ColdOf(table_->id).segments.size()) << "none of alice's is kept for the log";
}

TEST_F(EraseTest, GoesOnAfterARestart) {
  FillBoth();
  RowMap bobs = Rows(kBob);
  ASSERT_TRUE(ArmFailpoints("erase.after_bits=1@error").ok());
  DropUser(kAlice);
  WaitForJobs();
  EXPECT_TRUE(IsErasurePending(kAlice));
  CrashAndReopen();
  WaitForErasure(kAlice);
  ExpectErased(kAlice);
  EXPECT_EQ(Rows(kBob), bobs);
}

TEST_F(EraseTest, WhatBeganBeforeTheDropLeavesNothing) {
  CommitRequest late = Prepare(1, "late", kAlice);
  std::shared_ptr<BulkCommit> late_bulk = Load(100, 200, kAlice);
  DropUser(kAlice);
  CommitOutcome refused = db_->commits().Run(std::move(late));
  EXPECT_EQ(refused.kind, Kind::kFailed);
  EXPECT_EQ(refused.error.code, ErrorCode::kUnauthenticated);
  EXPECT_EQ(Commit(std::move(late_bulk)).error.code, ErrorCode::kUnauthenticated);
  WaitForErasure(kAlice);
  EXPECT_EQ(db_->commits().Run(Prepare(1, "later", kAlice)).error.code, ErrorCode::kUnauthenticated);
  EXPECT_TRUE(Write(1, "bob", kBob));
}

// A flush has read the user's rows and is about to publish them: the erasure waits for it.
TEST_F(EraseTest, AFlushUnderWayIsWaitedFor) {
  Fill(kAlice);
  Fill(kBob);
  RowMap bobs = Rows(kBob);
  ASSERT_TRUE(ArmFailpoints("flush.before_publish=1@signal:flushing+wait:dropped").ok());
  std::thread flushing([&] { Flush(); });
  WaitForPoint("flushing");
  DropUser(kAlice);
  SignalPoint("dropped");
  flushing.join();
  WaitForErasure(kAlice);
  ExpectErased(kAlice);
  EXPECT_EQ(Rows(kBob), bobs);
}

TEST_F(EraseTest, ManyRowsGoInSlices) {
  for (int64_t i = 0; i < 2'500; ++i) ASSERT_TRUE(Write(i, "hot", kAlice));
  ASSERT_TRUE(Write(1, "bob", kBob));
  DropUser(kAlice);
  WaitForErasure(kAlice);
  ExpectErased(kAlice);
  EXPECT_EQ(Rows(kBob), (RowMap{{1, "bob"}}));
}

}  // namespace
}  // namespace kalamdb::storage
