// Snowflake ids: order under a stepping clock, overflow of the counter, many threads, the restart floor.
#include "base/snowflake.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

namespace kalamdb {
namespace {

TEST(Snowflake, BitsAreTimeNodeCounter) {
  ManualClock clock((kSnowflakeEpochMillis + 5) * kMicrosPerMilli);
  SnowflakeGenerator ids(clock, 3);
  EXPECT_EQ(ids.Next(), (int64_t{5} << 22) | (3 << 12) | 0);
  EXPECT_EQ(ids.Next(), (int64_t{5} << 22) | (3 << 12) | 1);
  EXPECT_EQ(SnowflakeMillis(ids.Next()), kSnowflakeEpochMillis + 5);
}

TEST(Snowflake, GrowsWhenTheClockStepsBackAndWhenTheCounterOverflows) {
  ManualClock clock;
  SnowflakeGenerator ids(clock, 1023);
  int64_t last = ids.Next();
  for (int i = 0; i < 10'000; ++i) {
    if (i == 5'000) clock.SetWall(clock.NowMicros() - 3'600 * kMicrosPerSecond);
    int64_t id = ids.Next();
    ASSERT_GT(id, last);
    ASSERT_EQ((id >> 12) & 1023, 1023);
    last = id;
  }
}

TEST(Snowflake, StartsAfterWhatWasGivenOutBefore) {
  ManualClock clock;
  SnowflakeGenerator before(clock, 900);
  int64_t last = 0;
  for (int i = 0; i < 5'000; ++i) last = before.Next();
  clock.SetWall(clock.NowMicros() - 60 * kMicrosPerSecond);
  SnowflakeGenerator after(clock, 2);
  after.StartAfter(last);
  EXPECT_GT(after.Next(), last);
}

TEST(Snowflake, ThreadsNeverShareAnId) {
  SystemClock clock;
  SnowflakeGenerator ids(clock, 0);
  std::vector<std::vector<int64_t>> made(4);
  std::vector<std::thread> threads;
  for (auto& mine : made) {
    threads.emplace_back([&ids, &mine] {
      for (int i = 0; i < 20'000; ++i) mine.push_back(ids.Next());
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<int64_t> all;
  for (const auto& mine : made) all.insert(mine.begin(), mine.end());
  EXPECT_EQ(all.size(), 80'000u);
}

}  // namespace
}  // namespace kalamdb
