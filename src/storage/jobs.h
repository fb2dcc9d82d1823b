// Jobs: background work on tables, one at a time for a table, and what system.jobs tells about them.
//
// Two threads: one for compactions, which gives way to everything else that runs on the machine, one for all others: a
// flush never waits for a long compaction of another table.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "storage/database.h"
#include "storage/flush.h"

namespace kalamdb::storage {

struct JobSpec {
  std::string type;  // flush, compact, cleanup, ttl …
  TableId table;
  std::string namespace_name, table_name;
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

  // Queues a job, or joins the one of this type and table that waits already. Errors: kRateLimited, kDraining.
  Result<std::string> Post(const JobSpec& spec, Body body) EXCLUDES(mutex_);
  // The job's result so far, or when it is done. A failed job is its error. Errors: kNotFound.
  Result<JobResult> Find(const std::string& job_id) const EXCLUDES(mutex_);
  Result<JobResult> Wait(const std::string& job_id) EXCLUDES(mutex_);
  std::vector<JobRow> Rows() const EXCLUDES(mutex_);
  bool IsBusy(TableId table) const EXCLUDES(mutex_);  // a job of the table waits or runs

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

  void RunThread(bool compactions) EXCLUDES(mutex_);
  JobPtr TakeRunnable(bool compactions) REQUIRES(mutex_);  // nullptr: nothing may start now
  void RunOne(const JobPtr& job) EXCLUDES(mutex_);
  void Finish(const JobPtr& job, Result<JobOutput> result) REQUIRES(mutex_);
  void CountLocked(const std::string& type, const std::string& status, double by) REQUIRES(mutex_);
  Result<JobResult> ResultOf(const Job& job) const REQUIRES(mutex_);
  Histogram FlushSeconds(const JobSpec& spec, const std::string& outcome) REQUIRES(mutex_);

  const Clock* const clock_;
  Metrics* const metrics_;
  Logger* const logger_;
  std::vector<std::thread> threads_;
  std::atomic<bool> stopping_{false};

  mutable Mutex mutex_;
  CondVar wake_, finished_changed_;
  std::deque<JobPtr> queue_ GUARDED_BY(mutex_);
  std::vector<JobPtr> running_ GUARDED_BY(mutex_);
  std::deque<JobPtr> all_ GUARDED_BY(mutex_);  // oldest first
  std::map<std::string, JobPtr> by_id_ GUARDED_BY(mutex_);
  std::map<std::pair<std::string, std::string>, Gauge> gauges_ GUARDED_BY(mutex_);
  std::map<uint32_t, std::pair<std::string, std::string>> labels_ GUARDED_BY(mutex_);  // table → its metric labels
  uint64_t next_ GUARDED_BY(mutex_) = 1;
};

}  // namespace kalamdb::storage
