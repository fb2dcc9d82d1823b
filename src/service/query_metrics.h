// kalamdb_query_latency_seconds: one observation a statement, under the first table it names;
// kalamdb_schema_changes_total.
//
// The first kMaxNamedTables tables seen have series of their own, later ones share `other`. Thread-safe.
#pragma once

#include <map>
#include <shared_mutex>
#include <string>
#include <string_view>

#include "base/metrics.h"
#include "engine/result.h"

namespace kalamdb::service {

class QueryMetrics {
 public:
  static constexpr size_t kMaxNamedTables = 100;
  enum class Outcome : uint8_t { kOk, kError, kCancelled };

  explicit QueryMetrics(Metrics* metrics) : metrics_(metrics) {}
  // Names are empty where the statement names no table that exists.
  void Observe(std::string_view namespace_name, std::string_view table_name, engine::QueryType type, Outcome outcome,
               double seconds);

  // A statement that made a schema version of this table.
  void SchemaChanged(std::string_view namespace_name, std::string_view table_name);

 private:
  bool HasName(std::string table_key);  // REQUIRES: mutex_ held alone
  Histogram Add(std::string key, std::string_view namespace_name, std::string_view table_name, engine::QueryType type,
                Outcome outcome);

  Metrics* const metrics_;
  std::shared_mutex mutex_;
  std::map<std::string, Histogram, std::less<>> series_;  // GUARDED_BY(mutex_)
  std::map<std::string, bool, std::less<>> named_;        // GUARDED_BY(mutex_): namespace '\0' table → has a name
};

std::string_view QueryTypeName(engine::QueryType type);  // "select" …

}  // namespace kalamdb::service
