// Maintenance: looks several times a second what has to be done by itself: flushes by policy, trimming, eviction of
// expired events, dropped tables and users, retention of the change log, files nobody names.
//
// One thread of its own; flushes and removals are posted as jobs, the small rest is done here. Thread-safe.
#pragma once

#include <map>
#include <set>
#include <string>
#include <thread>

#include "base/mutex.h"
#include "storage/jobs.h"
#include "storage/storage_context.h"

namespace kalamdb::storage {

struct MaintenanceOptions {
  uint64_t log_hours = 24;
  uint64_t log_bytes = 4ull << 30;
  bool auto_compaction = true;
  uint64_t hot_bytes = 0;  // hot rows of all tables together: above it the largest table is flushed; 0: never
  Micros tick = 200'000;
};

// Names for job rows and logs; `table-<id>` where the catalog has it no more.
JobSpec SpecOf(const char* type, const ReadView& view, TableId table);

class Maintenance {
 public:
  static constexpr uint64_t kMinIntervalRows = 1000;          // an interval alone makes no smaller file …
  static constexpr Micros kMaxHotAge = 86'400LL * 1'000'000;  // … unless rows are older than this

  Maintenance(const StorageContext* context, JobRunner* jobs, MaintenanceOptions options);
  ~Maintenance();

  void Start() EXCLUDES(tick_mutex_);  // before the first commit
  void Stop() EXCLUDES(mutex_);

  // One round, on the calling thread. The thread does this every tick; callers take turns.
  void Tick() EXCLUDES(mutex_, tick_mutex_);

  // The body of a flush job: takes the table's activity, flushes, asks for trimming.
  Result<JobOutput> Flush(TableId table, const JobRunner::Cancelled& cancelled) EXCLUDES(mutex_);
  Result<JobOutput> Compact(TableId table, const JobRunner::Cancelled& cancelled) EXCLUDES(mutex_);
  // Of an erasure: all tables, one after the other.
  Result<JobOutput> Erase(UserId user, const JobRunner::Cancelled& cancelled) EXCLUDES(mutex_);

 private:
  void RunThread();
  void CountHotRows(const ReadView& view) EXCLUDES(mutex_);  // once: what was hot at start
  void RemoveGarbage();
  void ScheduleFlushes(const ReadView& view);
  void PostFlush(const ReadView& view, TableId table);
  void RelievePressure(const ReadView& view) EXCLUDES(mutex_);
  void ScheduleCompactions(const ReadViewPtr& view) REQUIRES(tick_mutex_);
  void TrimTables() EXCLUDES(mutex_);
  void EvictStreams(const ReadView& view) REQUIRES(tick_mutex_);
  void ScheduleRemovals(const ReadView& view);
  void ScheduleErasures() EXCLUDES(mutex_);
  Result<JobOutput> EraseFromTables(UserId user, const JobRunner::Cancelled& cancelled);
  void KeepLogBounded(const ReadView& view) REQUIRES(tick_mutex_);
  bool LogIsTooLarge(const ReadView& view) const;
  Status FindFloor(const ReadView& view, Micros now, bool too_large, Seq* floor);

  const StorageContext* const context_;
  JobRunner* const jobs_;
  const MaintenanceOptions options_;
  std::thread thread_;
  Gauge hot_bytes_;
  Counter pressure_flushes_;

  Mutex tick_mutex_;
  struct Stream {
    Micros next_at = 0;  // monotonic
  };
  std::map<uint32_t, Stream> streams_ GUARDED_BY(tick_mutex_);
  Micros next_mark_at_ GUARDED_BY(tick_mutex_) = 0, next_weigh_at_ GUARDED_BY(tick_mutex_) = 0;
  Seq last_mark_ GUARDED_BY(tick_mutex_);
  PersistentMap<uint32_t, TableColdPtr> compared_ GUARDED_BY(tick_mutex_);  // looked at for compaction
  ReadViewPtr start_view_ GUARDED_BY(tick_mutex_);                          // until its rows are counted

  Mutex mutex_;
  CondVar wake_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::set<uint32_t> to_trim_ GUARDED_BY(mutex_);
  struct Retry {
    Micros at = 0, delay = 0;  // monotonic
  };
  bool MayTry(TableId table) EXCLUDES(mutex_);
  void NoteResult(TableId table, bool ok) REQUIRES(mutex_);
  void NoteKeptOld(const Result<JobOutput>& output) REQUIRES(mutex_);
  std::set<SegmentId> kept_old_ GUARDED_BY(mutex_);       // JobOutput::kept_old of all jobs since the start
  std::map<uint32_t, Retry> retries_ GUARDED_BY(mutex_);  // tables whose flush or compaction failed; 0: an erasure
  std::set<uint64_t> erasing_ GUARDED_BY(mutex_);         // users whose job is posted
};

}  // namespace kalamdb::storage
