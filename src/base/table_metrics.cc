// Counting by table, and who has a name.
#include "base/table_metrics.h"

#include <algorithm>
#include <mutex>

#include "base/error.h"

namespace kalamdb {
namespace {

constexpr double kDecay = 0.8;        // of a score, at each scrape
constexpr double kClearlyBusier = 2;  // times the score of the one that loses its name: names do not flap

std::string KeyOf(std::string_view namespace_name, std::string_view table_name) {
  std::string key;
  key.reserve(namespace_name.size() + table_name.size() + 1);
  key += namespace_name;
  key += '\0';
  key += table_name;
  return key;
}

}  // namespace

TableMetrics::FamilyId TableMetrics::AddFamily(Family family) {
  const std::unique_lock lock(mutex_);
  for (size_t i = 0; i < families_.size(); ++i) {
    if (families_[i].name == family.name) return i;
  }
  families_.push_back(std::move(family));
  return families_.size() - 1;
}

TableMetrics::Series* TableMetrics::Find(Table& table, size_t family, size_t variant) {
  for (Series& series : table.series) {
    if (series.family == family && series.variant == variant) return &series;
  }
  return nullptr;
}

TableMetrics::Series* TableMetrics::Add(Table& table, size_t family, size_t variant) {
  if (Series* found = Find(table, family, variant); found != nullptr) return found;
  const Family& of = families_[family];
  KALAM_CHECK(variant < of.variants.size());
  MetricLabels labels = of.variants[variant];
  labels["namespace"] = table.namespace_name;
  labels["table_name"] = table.table_name;
  Series series{.family = family, .variant = variant};
  if (of.buckets.empty()) {
    series.counter = metrics_->AddCounter(of.name, of.help, labels);
  } else {
    series.histogram = metrics_->AddHistogram(of.name, of.help, of.buckets, labels);
  }
  table.series.push_back(series);
  return &table.series.back();
}

TableMetrics::Table* TableMetrics::FindOrAdd(std::string_view key, std::string_view namespace_name,
                                             std::string_view table_name) {
  const auto found = tables_.find(std::string(key));
  if (found != tables_.end()) return found->second.get();
  if (tables_.size() >= kMaxCountedTables) return nullptr;
  auto table = std::make_unique<Table>();
  table->namespace_name = namespace_name;
  table->table_name = table_name;
  const bool of_no_table = table_name.empty();
  table->named = of_no_table || named_ < kMaxNamedTables;
  if (table->named && !of_no_table) ++named_;
  return tables_.emplace(std::string(key), std::move(table)).first->second.get();
}

void TableMetrics::Observe(FamilyId family, size_t variant, std::string_view namespace_name,
                           std::string_view table_name, double value) {
  const std::string key = KeyOf(namespace_name, table_name);
  const auto count = [value](const Series& series) {
    series.counter.Add(value);
    series.histogram.Observe(value);
  };
  {
    const std::shared_lock lock(mutex_);
    const auto found = tables_.find(key);
    if (found != tables_.end()) {
      Table& table = *found->second;
      const Series* series = Find(table.named ? table : other_, family, variant);
      if (series != nullptr) {
        table.recent.fetch_add(1, std::memory_order_relaxed);
        return count(*series);
      }
    }
  }
  const std::unique_lock lock(mutex_);
  Table* table = FindOrAdd(key, namespace_name, table_name);
  if (table != nullptr) table->recent.fetch_add(1, std::memory_order_relaxed);
  count(*Add(table != nullptr && table->named ? *table : other_, family, variant));
}

void TableMetrics::MoveToOther(Table& table) {
  for (const Series& series : table.series) {
    Series* other = Add(other_, series.family, series.variant);
    other->counter.Add(series.counter.value());
    other->histogram.AddAll(series.histogram);
    metrics_->Remove(series.counter);
    metrics_->Remove(series.histogram);
  }
  table.series.clear();
  table.named = false;
}

void TableMetrics::ForgetIdle() {
  std::erase_if(tables_, [](const auto& entry) {
    const Table& table = *entry.second;
    return !table.named && table.score < 1;
  });
}

void TableMetrics::Settle() {
  const std::unique_lock lock(mutex_);
  std::vector<Table*> named, unnamed;
  for (const auto& [key, table] : tables_) {
    table->score = table->score * kDecay + static_cast<double>(table->recent.exchange(0));
    if (!table->table_name.empty()) (table->named ? named : unnamed).push_back(table.get());
  }
  if (tables_.size() >= kMaxCountedTables) return ForgetIdle();  // names are given next time
  const size_t most = std::min(named.size(), unnamed.size());
  const auto quieter = [](const Table* a, const Table* b) { return a->score < b->score; };
  std::partial_sort(unnamed.begin(), unnamed.begin() + static_cast<ptrdiff_t>(most), unnamed.end(),
                    [&](const Table* a, const Table* b) { return quieter(b, a); });
  std::sort(named.begin(), named.end(), quieter);
  for (size_t i = 0; i < most; ++i) {
    if (unnamed[i]->score <= named[i]->score * kClearlyBusier) break;
    MoveToOther(*named[i]);
    unnamed[i]->named = true;
  }
}

}  // namespace kalamdb
