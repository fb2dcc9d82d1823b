// Metrics by statement: kalamdb_query_latency_seconds and
// kalamdb_schema_changes_total, by table.
//
// Which tables have series of their own: base/table_metrics.h. Thread-safe.
#pragma once

#include <string_view>

#include "base/metrics.h"
#include "base/table_metrics.h"
#include "engine/result.h"

namespace kalamdb::service {

class QueryMetrics {
 public:
  enum class Outcome : uint8_t { kOk, kError, kCancelled };

  explicit QueryMetrics(Metrics* metrics);
  // Names are empty where the statement names no table that exists.
  void Observe(std::string_view namespace_name, std::string_view table_name, engine::QueryType type, Outcome outcome,
               double seconds);

  // A statement that made a schema version of this table.
  void SchemaChanged(std::string_view namespace_name, std::string_view table_name);

 private:
  TableMetrics* const tables_;
  TableMetrics::FamilyId latency_ = 0, schema_changes_ = 0;
};

std::string_view QueryTypeName(engine::QueryType type);  // "select" …

}  // namespace kalamdb::service
