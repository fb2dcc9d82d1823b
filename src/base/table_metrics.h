// Series that are labelled by table: the busiest tables have names of their
// own, the rest share `other`.
//
// Who is busy is counted by observations, decayed at each scrape. At a scrape a
// table that others have passed clearly loses its name, and what it had counted
// moves to `other`; the one that gets a name starts its series at zero, what it
// counted before stays in `other`. So sums over tables never shrink.
// Thread-safe: an observation takes a shared lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/metrics.h"

namespace kalamdb {

class TableMetrics {
 public:
  static constexpr size_t kMaxNamedTables = 100;
  static constexpr size_t kMaxCountedTables = 10'000;  // more are `other` without a chance of a name

  explicit TableMetrics(Metrics* metrics) : metrics_(metrics) {}

  // One metric: a histogram, or a counter where `buckets` is empty. A variant
  // is what else stands among the labels.
  struct Family {
    std::string name, help;
    std::vector<double> buckets;
    std::vector<MetricLabels> variants;
  };
  using FamilyId = size_t;
  // The same id for the same name.
  FamilyId AddFamily(Family family);

  // Counts one, or `value` of a histogram, under the table and the variant's
  // labels. Empty names: a statement of no table, which has series of its own.
  void Observe(FamilyId family, size_t variant, std::string_view namespace_name, std::string_view table_name,
               double value = 1);

  // Gives names to the busiest; called before each scrape.
  void Settle();

 private:
  struct Series {
    size_t family = 0, variant = 0;
    Histogram histogram;
    Counter counter;
  };
  struct Table {
    std::string namespace_name, table_name;
    bool named = false;
    std::atomic<uint64_t> recent{0};  // since the last Settle
    double score = 0;
    std::vector<Series> series;  // where named; those of `other` are in other_
  };

  static Series* Find(Table& table, size_t family, size_t variant);
  Series* Add(Table& table, size_t family, size_t variant);
  Table* FindOrAdd(std::string_view key, std::string_view namespace_name, std::string_view table_name);
  void MoveToOther(Table& table);
  void ForgetIdle();

  Metrics* const metrics_;
  mutable std::shared_mutex mutex_;
  std::deque<Family> families_;                                     // GUARDED_BY(mutex_)
  std::unordered_map<std::string, std::unique_ptr<Table>> tables_;  // GUARDED_BY(mutex_): namespace '\0' table
  Table other_{.namespace_name = "other", .table_name = "other", .named = true};
  size_t named_ = 0;  // GUARDED_BY(mutex_)
};

}  // namespace kalamdb
