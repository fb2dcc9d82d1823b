// The jobs' thread and its records.
#include "storage/jobs.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/executor.h"

namespace kalamdb::storage {
namespace {
// Types that run on the thread that gives way.
bool IsSlow(std::string_view type) { return type == "compact" || type == "erase"; }
constexpr int kCompactNice = 10;
enum FlushOutcome : uint8_t { kFlushOk, kFlushError, kFlushCancelled };  // variants of the flush metric
}  // namespace

JobRunner::JobRunner(const Clock* clock, Metrics* metrics, Logger* logger)
    : clock_(clock), metrics_(metrics), logger_(logger) {
  if (metrics == nullptr) return;
  flush_seconds_ = metrics->tables().AddFamily(
      {.name = "kalamdb_flush_duration_seconds",
       .help = "Time of a flush.",
       .buckets = JobBuckets(),
       .variants = {{{"outcome", "ok"}}, {{"outcome", "error"}}, {{"outcome", "cancelled"}}}});
}

void JobRunner::ObserveFlush(const JobSpec& spec, size_t outcome, double seconds) {
  if (metrics_ == nullptr) return;
  metrics_->tables().Observe(flush_seconds_, outcome, spec.namespace_name, spec.table_name, seconds);
}

JobRunner::~JobRunner() { Stop(); }

void JobRunner::Start() {
  for (bool compactions : {false, true}) threads_.emplace_back([this, compactions] { RunThread(compactions); });
}

void JobRunner::Stop() {
  stopping_ = true;
  {
    MutexLock lock(mutex_);
    wake_.NotifyAll();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  MutexLock lock(mutex_);
  for (const JobPtr& job : std::exchange(queue_, {})) {
    CountLocked(job->spec.type, "queued", -1);
    Finish(job, Error{ErrorCode::kDraining, "the server is shutting down"});
  }
}

Result<std::string> JobRunner::Post(const JobSpec& spec, Body body) {
  MutexLock lock(mutex_);
  if (stopping_) return Error{ErrorCode::kDraining, "the server is shutting down"};
  for (const JobPtr& waiting : queue_) {
    bool same = waiting->spec.table == spec.table && waiting->spec.type == spec.type &&
                waiting->spec.parameters == spec.parameters;
    if (same) return waiting->row.job_id;
  }
  if (queue_.size() >= kMaxQueued) {
    return Error{ErrorCode::kRateLimited, "more than " + std::to_string(kMaxQueued) + " jobs are waiting",
                 "try again later"};
  }
  auto job = std::make_shared<Job>();
  job->spec = spec;
  job->body = std::move(body);
  JobRow& row = job->row;
  row.created_at = clock_->NowMicros();
  row.job_id = spec.type + "-" + std::to_string(row.created_at) + "-" + std::to_string(next_++);
  row.job_type = spec.type;
  row.namespace_name = spec.namespace_name;
  row.table_name = spec.table_name;
  row.parameters = spec.parameters;
  row.status = "queued";
  queue_.push_back(job);
  all_.push_back(job);
  by_id_[row.job_id] = job;
  for (auto it = all_.begin(); all_.size() > kKeptJobs && it != all_.end();) {
    if (!(*it)->finished) {
      ++it;
      continue;
    }
    CountLocked((*it)->spec.type, (*it)->row.status, -1);
    by_id_.erase((*it)->row.job_id);
    it = all_.erase(it);
  }
  CountLocked(spec.type, "queued", 1);
  wake_.NotifyAll();
  return row.job_id;
}

Result<JobResult> JobRunner::Find(const std::string& job_id) const {
  MutexLock lock(mutex_);
  auto it = by_id_.find(job_id);
  if (it == by_id_.end()) return Error{ErrorCode::kNotFound, "there is no job '" + job_id + "'"};
  return ResultOf(*it->second);
}

Result<JobResult> JobRunner::Wait(const std::string& job_id) {
  MutexLock lock(mutex_);
  auto it = by_id_.find(job_id);
  if (it == by_id_.end()) return Error{ErrorCode::kNotFound, "there is no job '" + job_id + "'"};
  JobPtr job = it->second;
  while (!job->finished) finished_changed_.Wait(mutex_);
  return ResultOf(*job);
}

Result<JobResult> JobRunner::ResultOf(const Job& job) const {
  if (job.finished && job.row.status != "completed") return job.error;
  return JobResult{.job_id = job.row.job_id,
                   .table = job.spec.table,
                   .status = job.row.status,
                   .rows = job.output.rows,
                   .files = job.output.files,
                   .bytes = job.output.bytes,
                   .ms = job.ms};
}

std::vector<JobRow> JobRunner::Rows() const {
  MutexLock lock(mutex_);
  std::vector<JobRow> rows;
  for (const JobPtr& job : all_) rows.push_back(job->row);
  return rows;
}

bool JobRunner::IsBusy(TableId table) const {
  MutexLock lock(mutex_);
  return IsTaken(table) ||
         std::any_of(queue_.begin(), queue_.end(), [&](const JobPtr& job) { return job->spec.table == table; });
}

bool JobRunner::IsTaken(TableId table) const {
  if (!table.is_set()) return false;
  return claimed_.contains(table.value) ||
         std::any_of(running_.begin(), running_.end(), [&](const JobPtr& job) { return job->spec.table == table; });
}

Result<JobRunner::Claim> JobRunner::ClaimTable(TableId table) {
  MutexLock lock(mutex_);
  while (!stopping_ && IsTaken(table)) wake_.Wait(mutex_);
  if (stopping_) return Error{ErrorCode::kCancelled, "the server is shutting down"};
  claimed_.insert(table.value);
  return Claim(this, table);
}

void JobRunner::Release(TableId table) {
  MutexLock lock(mutex_);
  claimed_.erase(table.value);
  wake_.NotifyAll();
}

JobRunner::JobPtr JobRunner::TakeRunnable(bool compactions) {
  for (auto it = queue_.begin(); it != queue_.end(); ++it) {
    const JobSpec& spec = (*it)->spec;
    if (IsSlow(spec.type) != compactions || IsTaken(spec.table)) continue;
    JobPtr job = *it;
    queue_.erase(it);
    return job;
  }
  return nullptr;
}

void JobRunner::RunThread(bool compactions) {
  SetThreadName(compactions ? "compact" : "jobs");
  // Of this thread alone, as Linux has it, and those it starts. A failure costs nothing but the politeness.
  if (compactions) (void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kCompactNice);
  for (;;) {
    JobPtr job;
    {
      MutexLock lock(mutex_);
      while (!stopping_ && (job = TakeRunnable(compactions)) == nullptr) wake_.Wait(mutex_);
      if (job == nullptr) return;
      running_.push_back(job);
      job->row.status = "running";
      job->row.started_at = clock_->NowMicros();
      CountLocked(job->spec.type, "queued", -1);
      CountLocked(job->spec.type, "running", 1);
    }
    RunOne(job);
  }
}

void JobRunner::RunOne(const JobPtr& job) {
  Micros started = clock_->MonotonicMicros();
  Result<JobOutput> result = job->body([this] { return stopping_.load(); });
  double ms = static_cast<double>(clock_->MonotonicMicros() - started) / 1000;
  MutexLock lock(mutex_);
  job->ms = ms;
  std::erase(running_, job);
  wake_.NotifyAll();  // what waited for this table may start
  CountLocked(job->spec.type, "running", -1);
  bool cancelled = !result.ok() && result.error().code == ErrorCode::kCancelled;
  if (job->spec.type == "flush") {
    ObserveFlush(job->spec, result.ok() ? kFlushOk : cancelled ? kFlushCancelled : kFlushError, ms / 1000);
  }
  const std::string about =
      job->spec.table_name.empty() ? job->spec.parameters : job->spec.namespace_name + "." + job->spec.table_name;
  const char* of = job->spec.table_name.empty() ? "parameters" : "table";
  if (result.ok() && (result->files != 0 || result->rows != 0)) {
    logger_->Info(
        job->spec.type,
        {{of, about}, {"rows", result->rows}, {"files", result->files}, {"bytes", result->bytes}, {"ms", ms}});
  } else if (!result.ok() && !cancelled) {
    logger_->Warn("job_failed", {{"job", job->spec.type}, {of, about}, {"error", result.error().message}, {"ms", ms}});
  }
  Finish(job, std::move(result));
}

void JobRunner::Finish(const JobPtr& job, Result<JobOutput> result) {
  job->finished = true;
  job->body = {};
  JobRow& row = job->row;
  row.finished_at = clock_->NowMicros();
  if (result.ok()) {
    job->output = *result;
    row.status = "completed";
    row.progress = 1;
    row.rows = result->rows;
    row.bytes = result->bytes;
  } else {
    job->error = std::move(result).error();
    row.status = "failed";
    row.error = job->error.message;
  }
  CountLocked(job->spec.type, row.status, 1);
  finished_changed_.NotifyAll();
}

void JobRunner::CountLocked(const std::string& type, const std::string& status, double by) {
  if (metrics_ == nullptr) return;
  auto [it, is_new] = gauges_.try_emplace({type, status});
  if (is_new)
    it->second = metrics_->AddGauge("kalamdb_jobs", "Jobs by state.", {{"job_type", type}, {"status", status}});
  it->second.Add(by);
}

}  // namespace kalamdb::storage
