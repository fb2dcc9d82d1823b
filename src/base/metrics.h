// Counters, gauges and histograms of one server, and their Prometheus text.
//
// A Metrics object is made by the program and handed to the modules; there is no global one. Adding a series costs
// about half a microsecond and a lock, so it is done once and the handle is kept; using a handle costs 10–40 ns and is
// safe from any thread. A handle is a small value that must not outlive its Metrics; a default-made handle does
// nothing, so that a class can be built without metrics in a test. Never a label for a user, a connection or a text
// that a client chose.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace kalamdb {

class TableMetrics;

using MetricLabels = std::map<std::string, std::string>;

class Counter {
 public:
  Counter() = default;
  void Add(double amount = 1) const;  // REQUIRES: amount >= 0
  // For totals that another library keeps: goes up to `total`, never down. One caller at a time.
  void RaiseTo(double total) const;
  double value() const;

 private:
  friend class Metrics;
  explicit Counter(prometheus::Counter* counter) : counter_(counter) {}
  prometheus::Counter* counter_ = nullptr;
};

class Gauge {
 public:
  Gauge() = default;
  void Set(double value) const;
  void Add(double amount = 1) const;
  void Subtract(double amount = 1) const;
  double value() const;

 private:
  friend class Metrics;
  explicit Gauge(prometheus::Gauge* gauge) : gauge_(gauge) {}
  prometheus::Gauge* gauge_ = nullptr;
};

class Histogram {
 public:
  Histogram() = default;
  void Observe(double value) const;
  void AddAll(const Histogram& other) const;  // what the other one has counted; of the same buckets
  uint64_t count() const;

 private:
  friend class Metrics;
  explicit Histogram(prometheus::Histogram* histogram) : histogram_(histogram) {}
  prometheus::Histogram* histogram_ = nullptr;
};

// Upper bounds in seconds: 50 µs … 10 s, and 1 ms … 60 s for flushes and other jobs; each about twice the one before.
const std::vector<double>& LatencyBuckets();
const std::vector<double>& JobBuckets();

// Thread-safe. Names are the caller's to keep apart: one name has one kind, one help text, one set of label names.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // The series of this name and these labels; the same one if it was added before.
  Counter AddCounter(const std::string& name, const std::string& help, const MetricLabels& labels = {});
  Gauge AddGauge(const std::string& name, const std::string& help, const MetricLabels& labels = {});
  Histogram AddHistogram(const std::string& name, const std::string& help, const std::vector<double>& buckets,
                         const MetricLabels& labels = {});

  // Takes the series off; nobody may use a handle to it any more.
  void Remove(Counter counter);
  void Remove(Gauge gauge);
  void Remove(Histogram histogram);

  // Runs at each scrape, before it is read: fills gauges that would be dear to keep current. May add series. Callbacks
  // run one at a time, in order of registration. Gone when the returned object is; that waits for a running one.
  class Collector;
  [[nodiscard]] std::unique_ptr<Collector> OnCollect(std::function<void()> fill);

  // Metrics labelled by table (base/table_metrics.h).
  TableMetrics& tables() { return *tables_; }

  // The whole registry as Prometheus text exposition 0.0.4, families sorted by name.
  std::string Serialize();

 private:
  friend class Collector;
  struct State;
  std::unique_ptr<State> state_;
  std::unique_ptr<TableMetrics> tables_;
};

class Metrics::Collector {
 public:
  Collector(Metrics& metrics, uint64_t id) : metrics_(metrics), id_(id) {}
  ~Collector();
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

 private:
  Metrics& metrics_;
  const uint64_t id_;
};

// process_cpu_seconds_total, process_resident_memory_bytes, process_virtual_memory_bytes, process_start_time_seconds,
// process_open_fds, process_max_fds, process_threads: read from /proc at each scrape.
[[nodiscard]] std::unique_ptr<Metrics::Collector> AddProcessMetrics(Metrics& metrics);

}  // namespace kalamdb
