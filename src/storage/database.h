// The database below SQL: opens a data directory, owns store, catalog, commit pipeline, change log, segments and jobs.
//
// Thread-safe after Start(). Layout of the data directory: LOCK, VERSION, kv/ (RocksDB), cold/ (Parquet), tmp/, keys/.
// Order of life: Open → connect format and sink → Start → … → Stop (waits for jobs and the last group) → destruction.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/metrics.h"
#include "kv/store.h"
#include "storage/bulk.h"
#include "storage/change_log.h"
#include "storage/cold_file.h"
#include "storage/commit.h"
#include "storage/read_view.h"

namespace kalamdb::storage {

struct DatabaseOptions {
  std::string data_dir;
  uint64_t memory_bytes = 256ull << 20;  // share of storage: memtables and block cache
  uint64_t log_hours = 24;               // change log retention
  uint64_t log_bytes = 4ull << 30;
  uint64_t hot_bytes = 0;  // limits.hot_bytes: above it the table with the most hot rows is flushed; 0 = never
  uint64_t segment_target_bytes = 128ull << 20;
  bool auto_compaction = true;  // small, worn and old-schema segments are merged without being asked
};

// What STORAGE FLUSH / COMPACT answer, one a table.
struct JobResult {
  std::string job_id;
  TableId table;
  std::string status;  // queued, running, completed, failed
  uint64_t rows = 0, files = 0, bytes = 0;
  double ms = 0;
};
struct JobRow {  // system.jobs
  std::string job_id, job_type, namespace_name, table_name, status, parameters, message, error;
  double progress = 0;
  uint64_t rows = 0, bytes = 0;
  Micros created_at = 0, started_at = 0, finished_at = 0;
};
struct TableStats {  // SHOW STATS; of one user where asked
  uint64_t hot_rows = 0, cold_rows = 0, deleted_rows = 0, files = 0, bytes = 0;
};

class Database {
 public:
  // Takes the directory lock first (kStorageUnavailable: "in use by another server"; "written by a newer version"),
  // then recovers.
  static Result<std::unique_ptr<Database>> Open(DatabaseOptions options, const Clock* clock, Metrics* metrics,
                                                Logger* logger);
  virtual ~Database() = default;

  virtual void Connect(ColdFileFormat* format, ChangeSink* sink) = 0;  // before Start(); sink may be nullptr
  virtual Status Start() = 0;
  virtual void Stop() = 0;

  virtual ReadViewPtr View() const = 0;  // the newest; an atomic load
  virtual kv::Store& store() = 0;
  virtual ColdFileFormat* format() = 0;
  virtual CommitPipeline& commits() = 0;
  virtual ChangeLog& change_log() = 0;
  virtual bool read_only() const = 0;  // after a failed fsync: writes fail until restart

  // Table and view ids: from here, never given twice, also over restarts.
  virtual TableId NewTableId() = 0;

  virtual Result<std::unique_ptr<BulkWriter>> NewBulkWriter(ReadViewPtr view, catalog::TablePtr table, UserId user) = 0;

  // Returns when every row committed before the call is cold (wait), or when the job is queued. Nothing to do: success,
  // 0 rows.
  virtual Result<JobResult> FlushTable(TableId table, bool wait) = 0;
  virtual Result<JobResult> CompactTable(TableId table, bool wait) = 0;
  virtual std::vector<JobRow> Jobs() const = 0;
  virtual Result<TableStats> StatsOf(const ReadViewPtr& view, const catalog::Table& table,
                                     std::optional<UserId> user) = 0;
  // Rows whose column is NULL, live rows only, over hot and cold (null counts, or the file where a count is unknown).
  virtual Result<uint64_t> CountNulls(const ReadViewPtr& view, const catalog::Table& table, ColumnId column) = 0;

  // A view to count in, and a watch on NULLs that come into the column after it; the watch goes into
  // CommitRequest::not_null of the change that forbids them.
  virtual std::pair<ReadViewPtr, std::shared_ptr<Watch>> WatchNulls(TableId table, ColumnId column) = 0;

  // `system` family records with a prefix byte, at start (users, tokens) and for system tables.
  virtual Status ReadSystem(char prefix,
                            const std::function<Status(std::string_view key, std::string_view value)>& visit) = 0;
};

// A system record for the commit that drops a user: from that commit on nothing is written to the user's partitions
// (kUnauthenticated), and a job of type `erase` removes what they hold, also after a restart.
std::pair<std::string, std::optional<std::string>> ErasureRecord(UserId user, Micros now);

// Absolute path of a segment's file.
std::string SegmentPath(const std::string& data_dir, const SegmentRecord& segment);

}  // namespace kalamdb::storage
