// The families and their variants: type and outcome.
#include "service/query_metrics.h"

#include <array>
#include <string>

namespace kalamdb::service {
namespace {

using engine::QueryType;

constexpr std::array kTypes = {QueryType::kSelect,        QueryType::kInsert,      QueryType::kUpdate,
                               QueryType::kDelete,        QueryType::kCreateTable, QueryType::kAlterTable,
                               QueryType::kDescribeTable, QueryType::kOther};
constexpr std::array<std::string_view, 3> kOutcomes = {"ok", "error", "cancelled"};

size_t VariantOf(QueryType type, QueryMetrics::Outcome outcome) {
  size_t place = 0;
  while (place + 1 < kTypes.size() && kTypes[place] != type) ++place;
  return place * kOutcomes.size() + static_cast<size_t>(outcome);
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

QueryMetrics::QueryMetrics(Metrics* metrics) : tables_(&metrics->tables()) {
  TableMetrics::Family latency{.name = "kalamdb_query_latency_seconds",
                               .help = "Time from the start of a statement to its result.",
                               .buckets = LatencyBuckets()};
  for (QueryType type : kTypes) {
    for (std::string_view outcome : kOutcomes) {
      latency.variants.push_back({{"query_type", std::string(QueryTypeName(type))}, {"outcome", std::string(outcome)}});
    }
  }
  latency_ = tables_->AddFamily(std::move(latency));
  schema_changes_ = tables_->AddFamily({.name = "kalamdb_schema_changes_total",
                                        .help = "Schema versions made by ALTER TABLE and COMMENT.",
                                        .buckets = {},
                                        .variants = {{}}});
}

void QueryMetrics::Observe(std::string_view namespace_name, std::string_view table_name, QueryType type,
                           Outcome outcome, double seconds) {
  tables_->Observe(latency_, VariantOf(type, outcome), namespace_name, table_name, seconds);
}

void QueryMetrics::SchemaChanged(std::string_view namespace_name, std::string_view table_name) {
  tables_->Observe(schema_changes_, 0, namespace_name, table_name);
}

}  // namespace kalamdb::service
