// SQL: parse once, compile once by version, run fast where it can, everywhere else through the vectorised engine.
//
// Engine is thread-safe. Life of a statement:
//   1. Parse(text): the whole text at once, cached by text; a syntax error runs nothing.
//   2. each ParsedStatement in order: TryFast on the connection's own thread; if that says kNeedsWorker, Execute on a
//   worker.
// Permissions are asked at every execution, before any cache answers. No engine header but those in engine/ sees
// DuckDB.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/identity.h"
#include "base/error.h"
#include "base/log.h"
#include "base/metrics.h"
#include "engine/command.h"
#include "engine/live_select.h"
#include "engine/result.h"
#include "row/json.h"
#include "storage/commit.h"
#include "storage/database.h"

namespace kalamdb::engine {

// Records of the family `system` that become durable with what a statement changes, or not at all.
using CommitRecords = std::vector<std::pair<std::string, std::optional<std::string>>>;

// Everything about one execution that is not the statement. Lives until the completion is called.
struct ExecuteContext {
  auth::Identity identity;                              // effective: name, role and partition
  std::string namespace_name;                           // for unqualified names
  const std::vector<row::JsonParam>* params = nullptr;  // of the request; $1 is [0]
  storage::Durability durability = storage::Durability::kSync;
  Micros now = 0;                                // the statement's start: NOW()
  int64_t deadline_ns = 0;                       // monotonic; 0 = none. Past it: kTimeout
  const std::atomic<bool>* cancelled = nullptr;  // true: kCancelled
  row::BytesForm bytes_form = row::BytesForm::kBase64;
  std::string request_id;
  CommitRecords commit_records;  // of a command that changes the catalog; nothing where it changes nothing
};

// One statement of a text. Immutable, shared, kept by the parse cache; compiled forms hang off it, keyed by table
// versions.
class ParsedStatement {
 public:
  virtual ~ParsedStatement() = default;
  virtual const Command* command() const = 0;  // nullptr: SQL for the engine
  virtual bool returns_rows() const = 0;       // SELECT-like or RETURNING
  virtual QueryType query_type() const = 0;
  virtual std::string_view text() const = 0;                    // of this statement
  virtual const std::vector<uint32_t>& parameters() const = 0;  // numbers of $n it names, ascending
  virtual int64_t offset() const = 0;                           // characters of the request's text before it
  virtual bool is_transaction_control() const = 0;              // BEGIN, COMMIT, ROLLBACK
};
using StatementPtr = std::shared_ptr<const ParsedStatement>;
using ScriptPtr = std::shared_ptr<const std::vector<StatementPtr>>;

enum class FastOutcome : uint8_t { kDone, kPending, kNeedsWorker };
using Completion = std::function<void(Result<StatementResult>)>;

// The type of a view's column, as the view binds now for the one who asks.
struct ViewColumnType {
  std::string sql;
  std::optional<row::Type> type;  // where tables have it too
};

// A table made of code: `system.*`. Rows are row::Values in the order of columns.
struct VirtualTable {
  std::string schema_name, name;  // "system", "users"
  std::vector<std::pair<std::string, row::Type>> columns;
  bool admins_only = true;  // else everybody; the filler shows what the caller may read
  using Emit = std::function<void(std::vector<row::Value>)>;
  std::function<Status(const auth::Identity& caller, const storage::ReadViewPtr& view, const Emit& emit)> fill;
  // Of the columns of a view, in its order; empty: it does not bind.
  using ViewTypes = std::function<std::vector<ViewColumnType>(const catalog::View&)>;
  // In place of `fill`, for tables that show columns of views.
  std::function<Status(const auth::Identity& caller, const storage::ReadViewPtr& view, const ViewTypes& types,
                       const Emit& emit)>
      fill_columns;
};

// Asked during DDL: who hangs on a column or table right now. Implemented by live.
class DependentSubscriptions {
 public:
  virtual ~DependentSubscriptions() = default;
  // Descriptions ("live query 12 of alice") of subscriptions that name the column; empty = none.
  virtual std::vector<std::string> NamingColumn(TableId table, ColumnId column) = 0;
  // Until the result is given up no new subscription that names one of the columns starts: it waits, and is bound anew
  // then. So what NamingColumn says after it holds until the DDL is committed. Not to be kept longer than that.
  virtual std::shared_ptr<void> HoldColumns(TableId table, std::vector<ColumnId> columns) = 0;
  // Of those that name one of the columns and would not bind to `altered`, a version that is not committed yet.
  virtual std::vector<std::string> NotBinding(const catalog::TablePtr& altered,
                                              const std::vector<ColumnId>& columns) = 0;
};

inline constexpr uint64_t kSpillFactor = 16;  // what is spilled is at most so many times the memory

struct EngineOptions {
  uint64_t memory_bytes = 512ull << 20;  // limits.memory_bytes
  uint64_t value_bytes = 64ull << 20;    // limits.value_bytes
  uint32_t threads = 2;                  // of the vectorised engine
  std::string spill_directory;           // removed at the start, with what a crash left; empty: nothing is spilled
  uint64_t spill_bytes = 0;  // limits.spill_bytes; 0 = kSpillFactor times memory_bytes, half of the free disk at most
  std::string data_dir;      // of the database: cold files are read from and written to it
  std::vector<std::string> copy_directories;
  bool allow_user_ddl = false;
  size_t sql_bytes = 16u << 20;  // limits.sql_bytes
  size_t parse_cache_bytes = 32u << 20;
  uint64_t transaction_rows = 100'000;  // limits.transaction_rows: UPDATE and DELETE above it
};

struct CacheRow {  // system.cache_stats
  std::string cache;
  uint64_t entries = 0, bytes = 0, max_bytes = 0, hits = 0, misses = 0, evictions = 0;
};

class Engine {
 public:
  // Checks the library's version and source id. REQUIRES: database outlives the engine; Database::Connect is called
  // after with cold_file_format().
  static Result<std::unique_ptr<Engine>> Open(EngineOptions options, storage::Database* database, const Clock* clock,
                                              Metrics* metrics, Logger* logger);
  virtual ~Engine() = default;

  virtual storage::ColdFileFormat* cold_file_format() = 0;
  virtual void SetDependents(DependentSubscriptions* dependents) = 0;
  virtual void RegisterVirtualTable(VirtualTable table) = 0;  // before serving

  // Errors: kInvalidSql with position, kEmptySql, kTooLarge.
  virtual Result<ScriptPtr> Parse(std::string_view sql) = 0;

  // Never blocks (memtable and block cache only). kDone: completion was called; kPending: it will be, from the commit
  // thread; kNeedsWorker: nothing happened, call Execute on a worker. `context` and `sink` must live until the
  // completion.
  virtual FastOutcome TryFast(const StatementPtr& statement, const ExecuteContext& context, RowSink* sink,
                              Completion completion) = 0;

  // Blocks; workers only. Commands of auth (users, EXECUTE AS), USE and jobs belong to the service and are kInternal
  // here.
  virtual Result<StatementResult> Execute(const StatementPtr& statement, const ExecuteContext& context,
                                          RowSink* sink) = 0;

  // Compiles `SELECT … FROM t WHERE …` for live delivery. Errors: kUnsupported with the reason, those of binding.
  virtual Result<LiveSelectPtr> CompileLive(std::string_view sql, const ExecuteContext& context) = 0;

  virtual std::vector<CacheRow> CacheStats() const = 0;
};

}  // namespace kalamdb::engine
