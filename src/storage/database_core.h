// The parts of an open database and how they hang together.
#pragma once

#include <atomic>
#include <memory>

#include "base/files.h"
#include "storage/database.h"
#include "storage/jobs.h"
#include "storage/maintenance.h"
#include "storage/recovery.h"
#include "storage/storage_context.h"

namespace kalamdb::storage {

class DatabaseCore final : public Database {
 public:
  DatabaseCore(DatabaseOptions options, DirectoryLock lock, const Clock* clock, Metrics* metrics, Logger* logger);
  ~DatabaseCore() override;

  Status Recover();  // once, before anything else

  void Connect(ColdFileFormat* format, ChangeSink* sink) override;
  Status Start() override;
  void Stop() override;

  ReadViewPtr View() const override { return committer_->View(); }
  kv::Store& store() override { return *store_; }
  ColdFileFormat* format() override { return context_.format; }
  CommitPipeline& commits() override { return *committer_; }
  ChangeLog& change_log() override { return *log_; }
  bool read_only() const override { return committer_->read_only(); }
  TableId NewTableId() override { return TableId(next_table_id_++); }

  const StorageContext& context() const { return context_; }
  Maintenance& maintenance() { return *maintenance_; }
  JobRunner& jobs() { return *jobs_; }

  Result<std::unique_ptr<BulkWriter>> NewBulkWriter(ReadViewPtr view, catalog::TablePtr table, UserId user) override;
  Result<JobResult> FlushTable(TableId table, bool wait) override;
  Result<JobResult> CompactTable(TableId table, bool wait) override;
  std::vector<JobRow> Jobs() const override { return jobs_->Rows(); }
  Result<TableStats> StatsOf(const ReadViewPtr& view, const catalog::Table& table, std::optional<UserId> user) override;
  Result<uint64_t> CountNulls(const ReadViewPtr& view, const catalog::Table& table, ColumnId column) override;
  std::pair<ReadViewPtr, std::shared_ptr<Watch>> WatchNulls(TableId table, ColumnId column) override {
    return committer_->ViewWithWatch(table, column);
  }
  Status ReadSystem(char prefix, const std::function<Status(std::string_view, std::string_view)>& visit) override;

 private:
  void KeepForLog(const Commit& commit);
  void AddMetrics();
  void FillMetrics();
  double OldestViewSeconds() const;
  Result<JobResult> RunJob(const char* type, TableId table, bool wait, JobRunner::Body body);

  const DatabaseOptions options_;
  const DirectoryLock lock_;
  StorageContext context_;
  ErasedUsers erased_users_;
  ChangeSink* sink_ = nullptr;
  std::atomic<uint32_t> next_table_id_{1};
  bool running_ = false;

  // In the order in which they are made; later ones use earlier ones.
  std::unique_ptr<kv::Store> store_;
  std::unique_ptr<KeyIndex> key_index_;
  std::unique_ptr<SegmentIds> segment_ids_;
  std::unique_ptr<Committer> committer_;
  std::unique_ptr<LogReader> log_;
  std::unique_ptr<JobRunner> jobs_;
  std::unique_ptr<Maintenance> maintenance_;
  Gauge oldest_view_seconds_;
  Counter stalls_, compactions_, block_hits_, block_misses_;
  Gauge block_bytes_;
  std::map<std::string, Gauge> family_bytes_;
  std::unique_ptr<Metrics::Collector> collector_;
};

}  // namespace kalamdb::storage
