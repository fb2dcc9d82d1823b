// Jobs: background work on tables, one at a time for a table, and what system.jobs tells about them.
//
// Two threads: one for compactions and erasures, which gives way to everything else that runs on the machine, one for
// all others: a flush never waits for a long compaction of another table.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/table_metrics.h"
#include "storage/database.h"
#include "storage/flush.h"

namespace kalamdb::storage {

struct JobSpec {
  std::string type;  // flush, compact, cleanup, erase …
  TableId table;
  std::string namespace_name, table_name;
  std::string parameters;  // JSON, as system.jobs shows it
};

// Thread-safe.
class JobRunner {
 public:
  static constexpr size_t kMaxQueued = 4096;
  static constexpr size_t kKeptJobs = 1000;  // finished ones that system.jobs still shows

  using Cancelled = std::function<bool()>;
  using Body = std::function<Result<JobOutput>(const Cancelled&)>;

  JobRunner(const Clock* clock, Metrics* metrics, Logger* logger);  // metrics may be null
  ~JobRunner();

  void Start();
  void Stop() EXCLUDES(mutex_);  // cancels what runs and what waits

  // Queues a job, or joins the one of this type, table and parameters that waits already. Errors: kRateLimited,
  // kDraining.
  Result<std::string> Post(const JobSpec& spec, Body body) EXCLUDES(mutex_);
  // The job's result so far, or when it is done. A failed job is its error. Errors: kNotFound.
  Result<JobResult> Find(const std::string& job_id) const EXCLUDES(mutex_);
  Result<JobResult> Wait(const std::string& job_id) EXCLUDES(mutex_);
  std::vector<JobRow> Rows() const EXCLUDES(mutex_);
  bool IsBusy(TableId table) const EXCLUDES(mutex_);  // a job of the table waits or runs

  // For a running job of no one table: waits until no job of the table runs and keeps others out until it is released.
  // One claim a job at a time, so that none waits for another. Errors: kCancelled at the stop.
  class Claim;
  Result<Claim> ClaimTable(TableId table) EXCLUDES(mutex_);

 private:
  struct Job {
    JobSpec spec;
    JobRow row;
    Body body;
    JobOutput output;
    Error error;
    double ms = 0;
    bool finished = false;
  };
  using JobPtr = std::shared_ptr<Job>;

  bool IsTaken(TableId table) const REQUIRES(mutex_);  // a job of the table runs, or it is claimed
  void Release(TableId table) EXCLUDES(mutex_);
  void RunThread(bool compactions) EXCLUDES(mutex_);
  JobPtr TakeRunnable(bool compactions) REQUIRES(mutex_);  // nullptr: nothing may start now
  void RunOne(const JobPtr& job) EXCLUDES(mutex_);
  void Finish(const JobPtr& job, Result<JobOutput> result) REQUIRES(mutex_);
  void CountLocked(const std::string& type, const std::string& status, double by) REQUIRES(mutex_);
  Result<JobResult> ResultOf(const Job& job) const REQUIRES(mutex_);
  void ObserveFlush(const JobSpec& spec, size_t outcome, double seconds);

  const Clock* const clock_;
  Metrics* const metrics_;
  Logger* const logger_;
  TableMetrics::FamilyId flush_seconds_ = 0;  // constant after construction
  std::vector<std::thread> threads_;
  std::atomic<bool> stopping_{false};

  mutable Mutex mutex_;
  CondVar wake_, finished_changed_;
  std::deque<JobPtr> queue_ GUARDED_BY(mutex_);
  std::vector<JobPtr> running_ GUARDED_BY(mutex_);
  std::set<uint32_t> claimed_ GUARDED_BY(mutex_);  // tables
  std::deque<JobPtr> all_ GUARDED_BY(mutex_);      // oldest first
  std::map<std::string, JobPtr> by_id_ GUARDED_BY(mutex_);
  std::map<std::pair<std::string, std::string>, Gauge> gauges_ GUARDED_BY(mutex_);
  uint64_t next_ GUARDED_BY(mutex_) = 1;
};

class JobRunner::Claim {
 public:
  Claim(JobRunner* runner, TableId table) : runner_(runner), table_(table) {}
  Claim(Claim&& other) noexcept : runner_(std::exchange(other.runner_, nullptr)), table_(other.table_) {}
  Claim& operator=(Claim&&) = delete;
  ~Claim() {
    if (runner_ != nullptr) runner_->Release(table_);
  }

 private:
  JobRunner* runner_;
  TableId table_;
};

}  // namespace kalamdb::storage
