// Executor: order, limit, refusal, and that Stop runs what was accepted.
#include "base/executor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <memory>

namespace kalamdb {
namespace {

TEST(Executor, RunsEverythingAcceptedBeforeStopReturns) {
  std::atomic<int> ran = 0;
  Executor executor({.name = "test", .threads = 4, .queue_limit = 10'000});
  executor.Start();
  for (int i = 0; i < 10'000; ++i) ASSERT_TRUE(executor.Post([&ran] { ++ran; }));
  executor.Stop();
  EXPECT_EQ(ran, 10'000);
  EXPECT_FALSE(executor.Post([] {}));
  executor.Stop();
}

TEST(Executor, AFullQueueRefusesAndCountsIt) {
  Metrics metrics;
  Executor executor({.name = "small", .threads = 1, .queue_limit = 2, .metrics = &metrics});
  executor.Start();
  std::latch started(1), release(1);
  ASSERT_TRUE(executor.Post([&] {
    started.count_down();
    release.wait();
  }));
  started.wait();
  EXPECT_TRUE(executor.Post([] {}));
  EXPECT_TRUE(executor.Post([] {}));
  EXPECT_FALSE(executor.Post([] {}));
  EXPECT_EQ(executor.queued(), 2u);
  std::string text = metrics.Serialize();
  EXPECT_NE(text.find("kalamdb_queue_length{queue=\"small\"} 2"), std::string::npos) << text;
  EXPECT_NE(text.find("kalamdb_queue_refusals_total{queue=\"small\"} 1"), std::string::npos) << text;
  release.count_down();
  executor.Stop();
  EXPECT_EQ(executor.queued(), 0u);
}

TEST(Executor, OneThreadKeepsTheOrderAndTasksMayOwnWhatCannotBeCopied) {
  std::vector<int> order;
  Executor executor({.name = "order", .threads = 1});
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(executor.Post([&order, value = std::make_unique<int>(i)] { order.push_back(*value); }));
  }
  executor.Start();
  executor.Stop();
  ASSERT_EQ(order.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST(Executor, ARefusedTaskIsDestroyed) {
  auto owned = std::make_shared<int>(1);
  Executor executor({.name = "none", .threads = 1, .queue_limit = 0});
  EXPECT_FALSE(executor.Post([owned] {}));
  EXPECT_EQ(owned.use_count(), 1);
}

}  // namespace
}  // namespace kalamdb
