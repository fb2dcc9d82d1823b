// Metrics over prometheus-cpp: families are made at the first series of a name.
#include "base/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "base/metrics_text.h"
#include "base/mutex.h"
#include "base/table_metrics.h"

namespace kalamdb {

void Counter::Add(double amount) const {
  if (counter_ != nullptr) counter_->Increment(amount);
}
void Counter::RaiseTo(double total) const {
  if (counter_ == nullptr) return;
  double missing = total - counter_->Value();
  if (missing > 0) counter_->Increment(missing);
}
double Counter::value() const { return counter_ == nullptr ? 0 : counter_->Value(); }

void Gauge::Set(double value) const {
  if (gauge_ != nullptr) gauge_->Set(value);
}
void Gauge::Add(double amount) const {
  if (gauge_ != nullptr) gauge_->Increment(amount);
}
void Gauge::Subtract(double amount) const {
  if (gauge_ != nullptr) gauge_->Decrement(amount);
}
double Gauge::value() const { return gauge_ == nullptr ? 0 : gauge_->Value(); }

void Histogram::Observe(double value) const {
  if (histogram_ != nullptr) histogram_->Observe(value);
}
void Histogram::AddAll(const Histogram& other) const {
  if (histogram_ == nullptr || other.histogram_ == nullptr) return;
  const prometheus::ClientMetric::Histogram counted = other.histogram_->Collect().histogram;
  std::vector<double> increments;
  uint64_t below = 0;
  for (const auto& bucket : counted.bucket) {
    increments.push_back(static_cast<double>(bucket.cumulative_count - below));
    below = bucket.cumulative_count;
  }
  histogram_->ObserveMultiple(increments, counted.sample_sum);
}
uint64_t Histogram::count() const { return histogram_ == nullptr ? 0 : histogram_->Collect().histogram.sample_count; }

const std::vector<double>& LatencyBuckets() {
  static const std::vector<double> buckets = {50e-6, 100e-6, 200e-6, 500e-6, 1e-3, 2e-3, 5e-3, 10e-3, 20e-3,
                                              50e-3, 0.1,    0.2,    0.5,    1,    2,    5,    10};
  return buckets;
}
const std::vector<double>& JobBuckets() {
  static const std::vector<double> buckets = {1e-3, 2e-3, 5e-3, 10e-3, 20e-3, 50e-3, 0.1, 0.2,
                                              0.5,  1,    2,    5,     10,    20,    30,  60};
  return buckets;
}

struct Metrics::State {
  // A family's series by labels is kept by prometheus; which family a series came from is needed to take it off.
  template <typename T>
  struct Kind {
    std::unordered_map<std::string, prometheus::Family<T>*> by_name;
    std::unordered_map<T*, prometheus::Family<T>*> by_series;

    template <typename Builder, typename... Args>
    T* Add(prometheus::Registry& home, Builder builder, const std::string& name, const std::string& help,
           const MetricLabels& labels, Args&&... args) {
      prometheus::Family<T>*& family = by_name[name];
      if (family == nullptr) family = &builder().Name(name).Help(help).Register(home);
      T* series = &family->Add(labels, std::forward<Args>(args)...);
      by_series[series] = family;
      return series;
    }
    void Remove(T* series) {
      auto it = by_series.find(series);
      if (it == by_series.end()) return;
      it->second->Remove(series);
      by_series.erase(it);
    }
  };

  Mutex mutex;
  prometheus::Registry registry GUARDED_BY(mutex);
  Kind<prometheus::Counter> counters GUARDED_BY(mutex);
  Kind<prometheus::Gauge> gauges GUARDED_BY(mutex);
  Kind<prometheus::Histogram> histograms GUARDED_BY(mutex);

  // Taken before `mutex`: a callback adds series. Held while callbacks run, so that a Collector's end waits for its
  // own.
  Mutex collect_mutex;
  std::map<uint64_t, std::function<void()>> collectors GUARDED_BY(collect_mutex);
  uint64_t next_collector GUARDED_BY(collect_mutex) = 0;
};

Metrics::Metrics() : state_(std::make_unique<State>()), tables_(std::make_unique<TableMetrics>(this)) {}
Metrics::~Metrics() = default;

Counter Metrics::AddCounter(const std::string& name, const std::string& help, const MetricLabels& labels) {
  MutexLock lock(state_->mutex);
  return Counter(state_->counters.Add(state_->registry, prometheus::BuildCounter, name, help, labels));
}

Gauge Metrics::AddGauge(const std::string& name, const std::string& help, const MetricLabels& labels) {
  MutexLock lock(state_->mutex);
  return Gauge(state_->gauges.Add(state_->registry, prometheus::BuildGauge, name, help, labels));
}

Histogram Metrics::AddHistogram(const std::string& name, const std::string& help, const std::vector<double>& buckets,
                                const MetricLabels& labels) {
  MutexLock lock(state_->mutex);
  return Histogram(state_->histograms.Add(state_->registry, prometheus::BuildHistogram, name, help, labels, buckets));
}

void Metrics::Remove(Counter counter) {
  MutexLock lock(state_->mutex);
  state_->counters.Remove(counter.counter_);
}
void Metrics::Remove(Gauge gauge) {
  MutexLock lock(state_->mutex);
  state_->gauges.Remove(gauge.gauge_);
}
void Metrics::Remove(Histogram histogram) {
  MutexLock lock(state_->mutex);
  state_->histograms.Remove(histogram.histogram_);
}

std::unique_ptr<Metrics::Collector> Metrics::OnCollect(std::function<void()> fill) {
  MutexLock lock(state_->collect_mutex);
  uint64_t id = ++state_->next_collector;
  state_->collectors.emplace(id, std::move(fill));
  return std::make_unique<Collector>(*this, id);
}

Metrics::Collector::~Collector() {
  MutexLock lock(metrics_.state_->collect_mutex);
  metrics_.state_->collectors.erase(id_);
}

std::string Metrics::Serialize() {
  {
    MutexLock lock(state_->collect_mutex);
    for (auto& [id, fill] : state_->collectors) fill();
  }
  tables_->Settle();
  std::vector<prometheus::MetricFamily> families;
  {
    MutexLock lock(state_->mutex);
    families = state_->registry.Collect();
  }
  std::erase_if(families, [](const prometheus::MetricFamily& family) { return family.metric.empty(); });
  std::sort(families.begin(), families.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return MetricsText(families);
}

}  // namespace kalamdb
