// The whole bridge behind one object: DuckDB's instance with our catalog in it, the query runner, and the Parquet
// format.
//
// Thread-safe. An internal error of the engine invalidates its instance; the next run opens a new one, since nothing of
// ours is in it.
#pragma once

#include <memory>
#include <mutex>

#include "base/log.h"
#include "base/metrics.h"
#include "engine/bridge/functions.h"
#include "engine/bridge/instance.h"
#include "engine/bridge/run_state.h"
#include "engine/engine.h"
#include "engine/query_runner.h"

namespace kalamdb::engine {

class Bridge {
 public:
  // `database`, `clock`, `ids`, `metrics` and `logger` must outlive it. Before serving: RegisterVirtualTable.
  static Result<std::unique_ptr<Bridge>> Open(const EngineOptions& options, storage::Database* database,
                                              const Clock* clock, IdGenerators* ids, Metrics* metrics, Logger* logger);
  ~Bridge();

  QueryRunner& runner() { return *runner_; }
  storage::ColdFileFormat* format() { return services_.format; }
  void RegisterVirtualTable(VirtualTable table) { services_.virtual_tables.push_back(std::move(table)); }

  std::vector<CacheRow> ColdCaches() const;  // for system.cache_stats

  BridgeServices& services() { return services_; }
  // The instance at hand, for binding and evaluating expressions (live selects, the fast path): borrow, set
  // session().run, bind.
  std::shared_ptr<Instance> instance();

 private:
  Bridge();
  Result<std::unique_ptr<Instance>> OpenInstance();
  void WatchEngine(Metrics& metrics);

  EngineOptions options_;
  BridgeServices services_;
  Metrics* metrics_ = nullptr;
  Logger* logger_ = nullptr;
  std::unique_ptr<ParquetFormat> parquet_;
  std::unique_ptr<QueryRunner> runner_;
  std::mutex mutex_;
  std::shared_ptr<Instance> instance_;  // guarded by mutex_
  uint64_t opened_ = 0;                 // instances; guarded by mutex_
  std::unique_ptr<Metrics::Collector> collector_;
};

std::unique_ptr<QueryRunner> MakeQueryRunner(Bridge* bridge);

}  // namespace kalamdb::engine
