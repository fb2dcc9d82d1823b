// Everything one run of a statement shares between binder, scans and sinks: its view, who asks, its catalog entries,
// its changes.
//
// A RunState is made by the query runner, hung into the connection's SessionState for the run, and outlives every plan
// made in it. Scans read it from several threads; what changes is atomic or behind its mutex.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "auth/identity.h"
#include "base/metrics.h"
#include "duckdb.hpp"
#include "duckdb/main/client_context_state.hpp"
#include "engine/bridge/column_casts.h"
#include "engine/bridge/column_marks.h"
#include "engine/bridge/result_origins.h"
#include "engine/bridge/returning.h"
#include "engine/engine.h"
#include "storage/database.h"
#include "storage/read_view.h"

namespace kalamdb::engine {

class ParquetFormat;
class PendingWrites;
struct IdGenerators;
class SchemaEntry;
class TableEntry;

inline constexpr const char* kCatalogName = "_kalam";  // no namespace may begin with '_'
inline constexpr const char* kSessionKey = "kalam_session";

// What the bridge needs from the rest of the server; one for each engine, constant after opening.
struct BridgeServices {
  storage::Database* database = nullptr;
  ParquetFormat* parquet = nullptr;           // what scans read with
  storage::ColdFileFormat* format = nullptr;  // the same object, as storage sees it
  const Clock* clock = nullptr;
  IdGenerators* ids = nullptr;
  std::deque<VirtualTable> virtual_tables;  // filled before serving; entries refer to them
  uint64_t transaction_rows = 100'000;
  Counter rows_read_hot, rows_read_cold;   // kalamdb_rows_read_total{tier}
  Counter segments_read, segments_pruned;  // kalamdb_segments_total{result}
  Counter groups_read, groups_pruned;      // kalamdb_row_groups_total{result}
};

// For EXPLAIN ANALYZE and metrics.
struct ScanCounters {
  std::atomic<uint64_t> segments_read{0}, segments_pruned{0}, groups_read{0}, groups_pruned{0}, hot_rows{0},
      cold_rows{0};
};

class RunState {
 public:
  RunState(BridgeServices* bridge_services, storage::ReadViewPtr read_view, const ExecuteContext& execute_context);
  ~RunState();
  RunState(const RunState&) = delete;
  RunState& operator=(const RunState&) = delete;

  BridgeServices& services;
  const storage::ReadViewPtr view;
  const ExecuteContext& context;
  ScanCounters counters;
  std::vector<ResultOrigin> origins;                // of the result's columns; set while planning
  ReturnedFacts returned;                           // sinks add the ids, the commit the rest
  const duckdb::SQLStatement* statement = nullptr;  // as it was parsed; nullptr where it is only bound
  ParameterTargets parameter_targets;               // set while planning
  bool allow_files = false;                         // COPY by an admin: reads and writes files
  bool is_insert = false;                           // the statement is an INSERT, though its plan may be a MERGE
  bool binding_only = false;                        // Bind(): nothing may be executed
  std::atomic<std::thread::id> planning_thread;     // that binds and optimises the statement now; none = nobody
  const std::atomic<bool>* ended = nullptr;         // the statement is to end (run_watch.h)
  ColumnMarks marks;                                // binding_only: those of the plan

  const auth::Identity& identity() const { return context.identity; }

  // Keeps the first error of ours, for the reply; the engine's exception only carries it out of the executor.
  void Fail(Error error);
  std::optional<Error> error() const;

  // The one collection of changes of this statement; made at first use.
  PendingWrites& writes();
  bool has_writes() const { return writes_ != nullptr; }

  // Catalog entries of this run, by folded name; owned here because plans refer to them.
  std::map<std::string, std::unique_ptr<SchemaEntry>> schemas;
  std::mutex entries_mutex;
  // Of what binds while the statement runs, on whichever of its threads: the catalog is looked up by one at a time.
  std::mutex late_binding_mutex;

 private:
  mutable std::mutex mutex_;
  std::optional<Error> error_;
  std::unique_ptr<PendingWrites> writes_;
};

// Hangs in each connection; `run` is set while a statement runs on it.
class SessionState final : public duckdb::ClientContextState {
 public:
  RunState* run = nullptr;
  // NOW() and its kin read the start of the engine's transaction: it is the statement's start by our clock.
  void TransactionBegin(duckdb::MetaTransaction& transaction, duckdb::ClientContext& context) override;
};

// REQUIRES: a run is going on in this connection. Throws PermissionException otherwise.
RunState& RunOf(duckdb::ClientContext& context);

// Ends the statement with an error of ours. Never returns.
[[noreturn]] void Throw(RunState& run, Error error);

}  // namespace kalamdb::engine
