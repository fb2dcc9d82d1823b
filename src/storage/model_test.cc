// Random statements, flushes, compactions, bulk loads, restarts and crashes against a map in memory.
#include <algorithm>
#include <cstdlib>
#include <random>

#include "storage/storage_fixture.h"

namespace kalamdb::storage {
namespace {

class ModelTest : public StorageFixture {
 protected:
  void Step(std::mt19937_64& random) {
    auto id = static_cast<int64_t>(random() % 60);
    UserId user(1 + random() % 3);
    RowMap& model = model_[user.value];
    switch (random() % 40) {
      case 0: Flush(); break;
      case 1: Reopen(); break;
      case 2: CrashAndReopen(); break;
      case 3: old_views_.emplace_back(db_->View(), model_); break;
      case 4: Compact(); break;
      case 5: FailFlush(random); break;
      case 6: Load(random, user); break;
      default:
        if (random() % 3 == 0) {
          keep_deleted_ = random() % 2 == 0;
          EXPECT_EQ(Delete(id, user), model.erase(id) == 1);
        } else {
          std::string value = "v" + std::to_string(random() % 1000);
          ASSERT_TRUE(Write(id, value, user));
          model[id] = value;
        }
    }
  }
  void Compact() {
    auto compacted = db_->CompactTable(table_->id, true);
    ASSERT_TRUE(compacted.ok() || compacted.error().code == ErrorCode::kUnsupported) << compacted.error().message;
  }
  // A bulk load of some keys; one that is there already refuses all.
  void Load(std::mt19937_64& random, UserId user) {
    auto writer = db_->NewBulkWriter(db_->View(), table_, user);
    ASSERT_TRUE(writer.ok());
    RowMap loaded;
    for (int i = 0; i < 8; ++i) loaded[static_cast<int64_t>(random() % 90)] = "bulk" + std::to_string(i);
    Status status;
    for (const auto& [id, value] : loaded) {
      status = (*writer)->Append(Key(id, user), Encode(id, value), false);
      if (!status.ok()) break;
    }
    RowMap& model = model_[user.value];
    bool meets = std::any_of(loaded.begin(), loaded.end(), [&](const auto& row) { return model.contains(row.first); });
    ASSERT_EQ(status.ok(), !meets);
    if (meets) return;
    auto bulk = (*writer)->Finish();
    ASSERT_TRUE(bulk.ok());
    CommitRequest request;
    request.bulk = *bulk;
    ASSERT_EQ(db_->commits().Run(std::move(request)).kind, CommitOutcome::Kind::kCommitted);
    model.insert(loaded.begin(), loaded.end());
  }
  void FailFlush(std::mt19937_64& random) {
    constexpr const char* kPlaces[] = {"storage.segment_finish", "flush.publish"};
    ScopedFailpoint fail(kPlaces[random() % 2], "error");
    (void)db_->FlushTable(table_->id, true);
  }
  void Check() {
    for (uint64_t user = 1; user <= 3; ++user) {
      ASSERT_EQ(Rows(db_->View(), UserId(user)), model_[user]);
      ASSERT_EQ(Rows(db_->View(), UserId(user), true), model_[user]);
    }
    for (auto& [view, model] : old_views_) {
      for (uint64_t user = 1; user <= 3; ++user) ASSERT_EQ(Rows(view, UserId(user)), model[user]);
    }
  }
  void Reopen() {
    old_views_.clear();
    StorageFixture::Reopen();
  }
  void CrashAndReopen() {
    old_views_.clear();
    StorageFixture::CrashAndReopen();
  }

  std::map<uint64_t, RowMap> model_;
  std::vector<std::pair<ReadViewPtr, std::map<uint64_t, RowMap>>> old_views_;
};

TEST_F(ModelTest, RandomStepsAgreeWithAMap) {
  const char* given = std::getenv("KALAMDB_TEST_SEED");
  uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  SCOPED_TRACE("KALAMDB_TEST_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  table_ = MakeTable("m", catalog::TableKind::kUser);
  for (int i = 0; i < 400 && !HasFailure(); ++i) {
    Step(random);
    if (i % 10 == 0) Check();
    if (old_views_.size() > 3) old_views_.erase(old_views_.begin());
  }
  Check();
  old_views_.clear();
}

}  // namespace
}  // namespace kalamdb::storage
