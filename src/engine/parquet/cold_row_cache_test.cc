// The cache of cold rows: what it finds, and its bound.
#include "engine/parquet/cold_row_cache.h"

#include <gtest/gtest.h>

namespace kalamdb::engine {
namespace {

TEST(ColdRowCacheTest, FindsARowOfItsSegmentOnly) {
  ColdRowCache cache;
  cache.Add(SegmentId(1), 7, "one");
  cache.Add(SegmentId(2), 7, "two");
  cache.Add(SegmentId(1), 7, "never another");
  std::string row = "untouched";
  EXPECT_FALSE(cache.Find(SegmentId(1), 8, &row));
  EXPECT_FALSE(cache.Find(SegmentId(3), 7, &row));
  EXPECT_EQ(row, "untouched");
  ASSERT_TRUE(cache.Find(SegmentId(2), 7, &row));
  EXPECT_EQ(row, "two");
  ASSERT_TRUE(cache.Find(SegmentId(1), 7, &row));
  EXPECT_EQ(row, "one");
  const CacheRow stats = cache.stats();
  EXPECT_EQ(stats.entries, 2u);
  EXPECT_EQ(stats.hits, 2u);
  EXPECT_EQ(stats.misses, 2u);
}

TEST(ColdRowCacheTest, KeepsWhatIsUsedWithinItsBound) {
  ColdRowCache cache;
  const std::string filler(1'000, 'x');
  std::string row;
  cache.Add(SegmentId(9), 0, "kept");
  for (uint32_t number = 1; number <= 100'000; ++number) {
    cache.Add(SegmentId(9), number, filler);
    ASSERT_TRUE(cache.Find(SegmentId(9), 0, &row)) << number;
    ASSERT_LE(cache.stats().bytes, ColdRowCache::kMaxBytes);
  }
  EXPECT_FALSE(cache.Find(SegmentId(9), 1, &row));
  EXPECT_TRUE(cache.Find(SegmentId(9), 100'000, &row));
  EXPECT_GT(cache.stats().bytes, ColdRowCache::kMaxBytes * 9 / 10);
  EXPECT_EQ(cache.stats().entries + cache.stats().evictions, 100'001u);
  cache.Add(SegmentId(10), 1, std::string(ColdRowCache::kMaxRowBytes + 1, 'y'));
  EXPECT_FALSE(cache.Find(SegmentId(10), 1, &row)) << "a long row would push many out";
}

}  // namespace
}  // namespace kalamdb::engine
