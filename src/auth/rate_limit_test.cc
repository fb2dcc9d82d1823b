// GCRA: burst, rate, waiting times, keys apart, bounded memory.
#include "auth/rate_limit.h"

#include <gtest/gtest.h>

#include <thread>

namespace kalamdb::auth {
namespace {

constexpr Micros kSecond = 1'000'000;

TEST(RateLimiterTest, ABurstThenTheRate) {
  RateLimiter limiter(10, 5);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(limiter.Admit("a", kSecond), 0) << i;
  EXPECT_EQ(limiter.Admit("a", kSecond), 100'000);
  EXPECT_EQ(limiter.Admit("a", kSecond), 100'000) << "a refused one costs nothing";
  EXPECT_EQ(limiter.Admit("a", kSecond + 60'000), 40'000);
  EXPECT_EQ(limiter.Admit("a", kSecond + 100'000), 0);
  EXPECT_GT(limiter.Admit("a", kSecond + 100'000), 0);
  EXPECT_EQ(limiter.Admit("b", kSecond), 0) << "keys do not know each other";
  EXPECT_EQ(limiter.rejections(), 4u);
}

TEST(RateLimiterTest, OverALongTimeTheRateHolds) {
  RateLimiter limiter(7, 3);
  int admitted = 0;
  for (Micros now = 0; now < 100 * kSecond; now += 1'000) admitted += limiter.Admit("a", now) == 0;
  EXPECT_NEAR(admitted, 700 + 3, 2);
  EXPECT_EQ(limiter.Admit("a", 1'000 * kSecond), 0);
}

TEST(RateLimiterTest, ZeroNeverLimits) {
  RateLimiter limiter(0, 0);
  for (int i = 0; i < 10'000; ++i) ASSERT_EQ(limiter.Admit("a", 5), 0);
  EXPECT_EQ(limiter.keys(), 0u);
}

TEST(RateLimiterTest, KeysAreBoundedAndTheBusyOnesStay) {
  RateLimiter limiter(1, 100);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(limiter.Admit("busy", kSecond), 0);
  for (size_t i = 0; i < 2 * RateLimiter::kMaxKeys; ++i) limiter.Admit(std::to_string(i), kSecond);
  EXPECT_LE(limiter.keys(), RateLimiter::kMaxKeys);
  EXPECT_GT(limiter.Admit("busy", kSecond), 0) << "one cannot wash away one's own debt with other keys";
}

TEST(RateLimiterTest, ThreadsTogetherGetNoMore) {
  RateLimiter limiter(1, 50);
  std::atomic<int> admitted = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1'000; ++i) admitted += limiter.Admit("a", kSecond) == 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(admitted, 50);
}

}  // namespace
}  // namespace kalamdb::auth
