// Metrics by table: who has a name, what happens to the counts of one that
// loses it, and what a scrape costs.
#include "base/table_metrics.h"

#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <sstream>
#include <thread>

namespace kalamdb {
namespace {

constexpr double kMostMillis = 20;  // an order of magnitude above what it takes:
                                    // only a scrape gone wrong is slower

class TableMetricsTest : public testing::Test {
 protected:
  void Count(const std::string& table, int times, size_t variant = 0) {
    for (int i = 0; i < times; ++i) tables_.Observe(latency_, variant, "app", table, 0.001);
  }
  // Sum of the series of `name` whose line holds `label`.
  double Sum(const std::string& name, const std::string& label = "") {
    std::istringstream text(metrics_.Serialize());
    double sum = 0;
    for (std::string line; std::getline(text, line);) {
      if (line.starts_with(name + "{") && line.find(label) != std::string::npos) {
        sum += std::stod(line.substr(line.rfind(' ')));
      }
    }
    return sum;
  }
  static std::string Label(const std::string& table) { return "table_name=\"" + table + "\""; }

  Metrics metrics_;
  TableMetrics& tables_ = metrics_.tables();
  TableMetrics::FamilyId latency_ = tables_.AddFamily({.name = "kalamdb_x_seconds",
                                                       .help = "X.",
                                                       .buckets = LatencyBuckets(),
                                                       .variants = {{{"type", "a"}}, {{"type", "b"}}}});
  TableMetrics::FamilyId changes_ =
      tables_.AddFamily({.name = "kalamdb_y_total", .help = "Y.", .buckets = {}, .variants = {{}}});
};

TEST_F(TableMetricsTest, TheFirstHaveNamesTheRestIsOther) {
  for (int i = 0; i < 150; ++i) Count("t" + std::to_string(i), 1);
  EXPECT_EQ(Sum("kalamdb_x_seconds_count", Label("t99")), 1);
  EXPECT_EQ(Sum("kalamdb_x_seconds_count", Label("t100")), 0);
  EXPECT_EQ(Sum("kalamdb_x_seconds_count", Label("other")), 50);
  EXPECT_EQ(Sum("kalamdb_x_seconds_count"), 150);
}

TEST_F(TableMetricsTest, ABusierTableTakesANameAndSumsNeverShrink) {
  for (int i = 0; i < 100; ++i) Count("t" + std::to_string(i), i == 7 ? 1 : 50, i % 2);
  tables_.Observe(changes_, 0, "app", "t7");
  Count("late", 300);
  double before = Sum("kalamdb_x_seconds_count");  // the scrape that gives the name
  EXPECT_EQ(Sum("kalamdb_x_seconds_count", Label("t7")), 0);
  EXPECT_EQ(Sum("kalamdb_x_seconds_count", Label("other")), 301);
  EXPECT_EQ(Sum("kalamdb_x_seconds_bucket", Label("other")), 301 * 14) << "every bucket from 1 ms on";
  EXPECT_NEAR(Sum("kalamdb_x_seconds_sum", Label("other")), 0.301, 1e-9);
  EXPECT_EQ(Sum("kalamdb_y_total", Label("other")), 1);
  EXPECT_EQ(Sum("kalamdb_y_total"), 1);
  Count("late", 2);
  Count("t7", 1);
  EXPECT_EQ(Sum("kalamdb_x_seconds_count", Label("late")), 2);
  EXPECT_EQ(Sum("kalamdb_x_seconds_count", Label("other")), 302);
  EXPECT_EQ(Sum("kalamdb_x_seconds_count"), before + 3);
}

TEST_F(TableMetricsTest, NamesDoNotFlap) {
  for (int i = 0; i < 101; ++i) Count("t" + std::to_string(i), 100);
  Count("t100", 50);  // busier, but not clearly
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Sum("kalamdb_x_seconds_count", Label("t100")), 0);
}

TEST_F(TableMetricsTest, AStatementOfNoTableIsNotATable) {
  tables_.Observe(latency_, 0, "", "", 0.001);
  for (int i = 0; i < 100; ++i) Count("t" + std::to_string(i), 1);
  EXPECT_EQ(Sum("kalamdb_x_seconds_count", Label("")), 1);
  EXPECT_EQ(Sum("kalamdb_x_seconds_count", Label("other")), 0);
}

TEST_F(TableMetricsTest, NothingIsLostBetweenThreadsAndScrapes) {
  constexpr int kThreads = 4, kEach = 20'000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < kEach; ++i) {
        int table = (i / 50 * 7 + t * 31) % 300;  // who is busy changes all the time
        tables_.Observe(latency_, 0, "app", "t" + std::to_string(table), 0.001);
      }
    });
  }
  double last = 0;
  for (int i = 0; i < 20; ++i) {
    double now = Sum("kalamdb_x_seconds_count");
    EXPECT_GE(now, last);
    last = now;
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Sum("kalamdb_x_seconds_count"), kThreads * kEach);
}

TEST_F(TableMetricsTest, AScrapeOfAThousandTablesIsCheap) {
  for (int i = 0; i < 1'000; ++i) {
    Count("a_table_with_a_name_" + std::to_string(i), 1, 0);
    Count("a_table_with_a_name_" + std::to_string(i), 1, 1);
  }
  double millis = kMostMillis;
  for (int i = 0; i < 20; ++i) {
    timespec begin{}, end{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    const std::string text = metrics_.Serialize();
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    EXPECT_GT(text.size(), 100'000u);
    millis = std::min(millis, static_cast<double>(end.tv_sec - begin.tv_sec) * 1e3 +
                                  static_cast<double>(end.tv_nsec - begin.tv_nsec) / 1e6);
  }
  std::printf(
      "  a scrape of 1,000 tables, 2 kinds of statements each: %.2f ms "
      "of CPU\n",
      millis);
  EXPECT_LT(millis, kMostMillis);
}

}  // namespace
}  // namespace kalamdb
