// Series are found by a composed key, made at their first observation.
#include "service/query_metrics.h"

#include <mutex>
#include <utility>

namespace kalamdb::service {
namespace {

constexpr std::string_view kOther = "other";

std::string_view OutcomeName(QueryMetrics::Outcome outcome) {
  switch (outcome) {
    case QueryMetrics::Outcome::kOk: return "ok";
    case QueryMetrics::Outcome::kError: return "error";
    case QueryMetrics::Outcome::kCancelled: return "cancelled";
  }
  return "error";
}

}  // namespace

std::string_view QueryTypeName(engine::QueryType type) {
  switch (type) {
    case engine::QueryType::kSelect: return "select";
    case engine::QueryType::kInsert: return "insert";
    case engine::QueryType::kUpdate: return "update";
    case engine::QueryType::kDelete: return "delete";
    case engine::QueryType::kCreateTable: return "create_table";
    case engine::QueryType::kAlterTable: return "alter_table";
    case engine::QueryType::kDescribeTable: return "describe_table";
    case engine::QueryType::kOther: return "other";
  }
  return "other";
}

void QueryMetrics::Observe(std::string_view namespace_name, std::string_view table_name, engine::QueryType type,
                           Outcome outcome, double seconds) {
  std::string key;
  key.reserve(namespace_name.size() + table_name.size() + 4);
  key += static_cast<char>('0' + static_cast<int>(type));
  key += static_cast<char>('0' + static_cast<int>(outcome));
  key += namespace_name;
  key += '\0';
  key += table_name;
  {
    std::shared_lock lock(mutex_);
    auto found = series_.find(key);
    if (found != series_.end()) {
      found->second.Observe(seconds);
      return;
    }
  }
  Add(std::move(key), namespace_name, table_name, type, outcome).Observe(seconds);
}

bool QueryMetrics::HasName(std::string table_key) {
  auto named = named_.find(table_key);
  if (named != named_.end()) return named->second;
  if (named_.size() >= kMaxNamedTables) return false;
  named_.emplace(std::move(table_key), true);
  return true;
}

void QueryMetrics::SchemaChanged(std::string_view namespace_name, std::string_view table_name) {
  std::unique_lock lock(mutex_);
  const bool has_name = HasName(std::string(namespace_name) + '\0' + std::string(table_name));
  metrics_
      ->AddCounter("kalamdb_schema_changes_total", "Schema versions made by ALTER TABLE and COMMENT.",
                   {{"namespace", std::string(has_name ? namespace_name : kOther)},
                    {"table_name", std::string(has_name ? table_name : kOther)}})
      .Add();
}

Histogram QueryMetrics::Add(std::string key, std::string_view namespace_name, std::string_view table_name,
                            engine::QueryType type, Outcome outcome) {
  std::unique_lock lock(mutex_);
  const bool has_name = table_name.empty() || HasName(key.substr(2));
  Histogram histogram = metrics_->AddHistogram("kalamdb_query_latency_seconds",
                                               "Time from the start of a statement to its result.", LatencyBuckets(),
                                               {{"namespace", std::string(has_name ? namespace_name : kOther)},
                                                {"table_name", std::string(has_name ? table_name : kOther)},
                                                {"query_type", std::string(QueryTypeName(type))},
                                                {"outcome", std::string(OutcomeName(outcome))}});
  // Tables without a name of their own are not remembered: there may be any number of them.
  if (has_name) series_.emplace(std::move(key), histogram);
  return histogram;
}

}  // namespace kalamdb::service
