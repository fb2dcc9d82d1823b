// Tests of the store: batches over families, snapshots, bounds, tiers, durability over reopening, compaction drops.
#include "kv/store.h"

#include <gtest/gtest.h>

#include <atomic>

#include "base/files.h"

namespace kalamdb::kv {
namespace {

class StoreTest : public testing::Test {
 protected:
  void Open(StoreOptions options = {}) {
    store_.reset();
    auto opened = Store::Open(dir_.File("kv"), std::move(options));
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    store_ = *std::move(opened);
  }
  std::string Get(Family family, std::string_view key, const Snapshot* snapshot = nullptr) {
    Pinned value;
    auto found = store_->Get(family, key, snapshot, ReadTier::kAll, &value);
    EXPECT_TRUE(found.ok());
    return *found == Lookup::kFound ? std::string(value.view()) : "(absent)";
  }
  void Put(Family family, std::string_view key, std::string_view value, WriteOptions options = {}) {
    Batch batch;
    batch.Put(family, key, value);
    ASSERT_TRUE(store_->Write(batch, options).ok());
  }
  TempDirectory dir_{"kv"};
  std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, BatchIsAtomicOverFamiliesAndSurvivesReopening) {
  Open();
  Batch batch;
  batch.Put(Family::kRows, "a", "1");
  batch.Put(Family::kSystem, "a", "2");
  batch.Put(Family::kCatalog, "b", "3");
  batch.Delete(Family::kRows, "z");
  EXPECT_EQ(batch.Count(), 4u);
  EXPECT_GT(batch.ByteSize(), 12u);
  ASSERT_TRUE(store_->Write(batch, {.sync = true}).ok());
  Open();
  EXPECT_EQ(Get(Family::kRows, "a"), "1");
  EXPECT_EQ(Get(Family::kSystem, "a"), "2");
  EXPECT_EQ(Get(Family::kCatalog, "b"), "3");
  EXPECT_EQ(Get(Family::kChanges, "a"), "(absent)");
}

TEST_F(StoreTest, SnapshotStaysAndOutlivesTheStore) {
  Open();
  Put(Family::kRows, "k", "old");
  SnapshotPtr snapshot = store_->TakeSnapshot();
  Put(Family::kRows, "k", "new");
  EXPECT_EQ(Get(Family::kRows, "k", snapshot.get()), "old");
  EXPECT_EQ(Get(Family::kRows, "k"), "new");
  store_.reset();
  snapshot.reset();
}

TEST_F(StoreTest, IteratorKeepsBoundsBothWays) {
  Open();
  for (char c = 'a'; c <= 'f'; ++c) Put(Family::kKeys, std::string(1, c), std::string(2, c));
  auto it = store_->NewIterator(Family::kKeys, {.lower = "b", .upper = "e"});
  std::string seen;
  for (it->SeekToFirst(); it->Valid(); it->Next()) seen += it->key();
  EXPECT_EQ(seen, "bcd");
  seen.clear();
  for (it->SeekToLast(); it->Valid(); it->Prev()) seen += it->value();
  EXPECT_EQ(seen, "ddccbb");
  it->SeekForPrev("cc");
  ASSERT_TRUE(it->Valid());
  EXPECT_EQ(it->key(), "c");
  EXPECT_TRUE(it->status().ok());
}

TEST_F(StoreTest, CacheOnlyTellsWhatIsNotCached) {
  Open();
  Put(Family::kRows, "k", std::string(100, 'v'));
  Pinned value;
  EXPECT_EQ(*store_->Get(Family::kRows, "k", nullptr, ReadTier::kCacheOnly, &value), Lookup::kFound);
  ASSERT_TRUE(store_->FlushFamily(Family::kRows).ok());
  Open();
  EXPECT_EQ(*store_->Get(Family::kRows, "k", nullptr, ReadTier::kCacheOnly, &value), Lookup::kNotCached);
  auto it = store_->NewIterator(Family::kRows, {.tier = ReadTier::kCacheOnly});
  it->SeekToFirst();
  EXPECT_FALSE(it->Valid());
  EXPECT_TRUE(it->not_cached());
  EXPECT_TRUE(it->status().ok());
  EXPECT_EQ(Get(Family::kRows, "k"), std::string(100, 'v'));
  EXPECT_EQ(*store_->Get(Family::kRows, "k", nullptr, ReadTier::kCacheOnly, &value), Lookup::kFound);
}

TEST_F(StoreTest, WritesWithoutWalAreDurableAfterFlushFamily) {
  Open();
  Put(Family::kKeys, "k", "1", {.use_wal = false});
  ASSERT_TRUE(store_->FlushFamily(Family::kKeys).ok());
  Open();
  EXPECT_EQ(Get(Family::kKeys, "k"), "1");
}

TEST_F(StoreTest, CompactionDropsWhatTheRuleSays) {
  std::atomic<int> asked{0};
  StoreOptions options;
  options.drop_in_compaction = [&](Family family, std::string_view key, std::string_view value) {
    ++asked;
    return family == Family::kRows && key == "dead" && value == "x";
  };
  Open(options);
  Put(Family::kRows, "dead", "x");
  Put(Family::kRows, "live", "x");
  Put(Family::kSystem, "dead", "x");
  for (Family family : {Family::kRows, Family::kSystem}) {
    ASSERT_TRUE(store_->FlushFamily(family).ok());
    ASSERT_TRUE(store_->CompactRange(family, "", "").ok());
  }
  EXPECT_EQ(Get(Family::kRows, "dead"), "(absent)");
  EXPECT_EQ(Get(Family::kRows, "live"), "x");
  EXPECT_EQ(Get(Family::kSystem, "dead"), "x");
  EXPECT_GE(asked, 2);
  EXPECT_GE(store_->Stats().compactions, 1u);
}

TEST_F(StoreTest, DeleteRangeLeavesTheEnd) {
  Open();
  for (const char* key : {"a", "b", "c"}) Put(Family::kChanges, key, "1");
  Batch batch;
  batch.DeleteRange(Family::kChanges, "a", "c");
  ASSERT_TRUE(store_->Write(batch, {}).ok());
  EXPECT_EQ(Get(Family::kChanges, "b"), "(absent)");
  EXPECT_EQ(Get(Family::kChanges, "c"), "1");
  EXPECT_EQ(store_->Stats().families.size(), static_cast<size_t>(kFamilyCount));
}

TEST_F(StoreTest, OpeningTwiceIsRefused) {
  Open();
  auto second = Store::Open(dir_.File("kv"), {});
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::kStorageUnavailable);
  // Names the file, never a directory of the host.
  EXPECT_NE(second.error().message.find("LOCK"), std::string::npos) << second.error().message;
  EXPECT_EQ(second.error().message.find('/'), std::string::npos) << second.error().message;
}

}  // namespace
}  // namespace kalamdb::kv
