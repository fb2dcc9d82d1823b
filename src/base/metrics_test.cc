// Metrics: series identity, text, removal, collect callbacks, process metrics.
#include "base/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kalamdb {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Metrics, TheSameNameAndLabelsAreTheSameSeries) {
  Metrics metrics;
  metrics.AddCounter("kalamdb_x_total", "X.", {{"kind", "a"}}).Add(2);
  metrics.AddCounter("kalamdb_x_total", "X.", {{"kind", "a"}}).Add();
  metrics.AddCounter("kalamdb_x_total", "X.", {{"kind", "b"}}).Add(5);
  std::string text = metrics.Serialize();
  EXPECT_THAT(text, HasSubstr("kalamdb_x_total{kind=\"a\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("kalamdb_x_total{kind=\"b\"} 5\n"));
  EXPECT_EQ(text.find("# TYPE kalamdb_x_total counter"), text.rfind("# TYPE kalamdb_x_total counter"));
}

TEST(Metrics, HistogramsCountIntoTheirBuckets) {
  Metrics metrics;
  Histogram latency = metrics.AddHistogram("kalamdb_y_seconds", "Y.", LatencyBuckets());
  latency.Observe(0.00007);
  latency.Observe(3);
  latency.Observe(100);
  std::string text = metrics.Serialize();
  EXPECT_THAT(text, HasSubstr("kalamdb_y_seconds_bucket{le=\"5e-05\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("kalamdb_y_seconds_bucket{le=\"0.0001\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("kalamdb_y_seconds_bucket{le=\"10\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("kalamdb_y_seconds_bucket{le=\"+Inf\"} 3\n"));
  EXPECT_EQ(latency.count(), 3u);
}

TEST(Metrics, RemovedSeriesAndEmptyFamiliesAreNotShown) {
  Metrics metrics;
  Counter counter = metrics.AddCounter("kalamdb_z_total", "Z.", {{"table_name", "t"}});
  counter.Add(4);
  metrics.Remove(counter);
  EXPECT_THAT(metrics.Serialize(), Not(HasSubstr("kalamdb_z_total")));
  EXPECT_EQ(metrics.AddCounter("kalamdb_z_total", "Z.", {{"table_name", "t"}}).value(), 0);
}

TEST(Metrics, CollectorsFillAtEachScrapeUntilTheyAreGone) {
  Metrics metrics;
  int scrapes = 0;
  auto collector = metrics.OnCollect([&] { metrics.AddGauge("kalamdb_scrapes", "S.").Set(++scrapes); });
  metrics.Serialize();
  EXPECT_THAT(metrics.Serialize(), HasSubstr("kalamdb_scrapes 2\n"));
  collector.reset();
  EXPECT_THAT(metrics.Serialize(), HasSubstr("kalamdb_scrapes 2\n"));
}

TEST(Metrics, CountersFollowAForeignTotalButNeverFall) {
  Metrics metrics;
  Counter counter = metrics.AddCounter("kalamdb_total", "T.");
  counter.RaiseTo(10);
  counter.RaiseTo(4);
  EXPECT_EQ(counter.value(), 10);
}

TEST(Metrics, HandlesWithoutARegistryDoNothing) {
  Counter().Add();
  Gauge().Set(1);
  Histogram().Observe(1);
  EXPECT_EQ(Counter().value(), 0);
}

TEST(Metrics, ProcessMetricsAreReal) {
  Metrics metrics;
  auto collector = AddProcessMetrics(metrics);
  metrics.Serialize();
  EXPECT_GT(metrics.AddGauge("process_resident_memory_bytes", "").value(), 1 << 20);
  EXPECT_GT(metrics.AddGauge("process_start_time_seconds", "").value(), 1.6e9);
  EXPECT_GE(metrics.AddGauge("process_open_fds", "").value(), 3);
  EXPECT_GE(metrics.AddGauge("process_threads", "").value(), 1);
}

}  // namespace
}  // namespace kalamdb
