// The jobs' thread and its records.
#include "storage/jobs.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/executor.h"

namespace kalamdb::storage {
namespace {
constexpr std::string_view kCompactType = "compact";
constexpr int kCompactNice = 10;
constexpr size_t kMaxTableLabels = 100;  // tables named in metrics; the rest is `other`
}  // namespace

JobRunner::JobRunner(const Clock* clock, Metrics* metrics, Logger* logger)
    : clock_(clock), metrics_(metrics), logger_(logger) {}

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
    if (waiting->spec.table == spec.table && waiting->spec.type == spec.type) return waiting->row.job_id;
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
  row.status = "queued";
  queue_.push_back(job);
  all_.push_back(job);
  by_id_[row.job_id] = job;
  for (size_t excess = all_.size() > kKeptJobs ? all_.size() - kKeptJobs : 0; excess > 0 && all_.front()->finished;
       --excess) {
    CountLocked(all_.front()->spec.type, all_.front()->row.status, -1);
    by_id_.erase(all_.front()->row.job_id);
    all_.pop_front();
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
  auto is_of_table = [&](const JobPtr& job) { return job->spec.table == table; };
  return std::any_of(running_.begin(), running_.end(), is_of_table) ||
         std::any_of(queue_.begin(), queue_.end(), is_of_table);
}

JobRunner::JobPtr JobRunner::TakeRunnable(bool compactions) {
  for (auto it = queue_.begin(); it != queue_.end(); ++it) {
    const JobSpec& spec = (*it)->spec;
    bool table_is_busy =
        std::any_of(running_.begin(), running_.end(), [&](const JobPtr& job) { return job->spec.table == spec.table; });
    if ((spec.type == kCompactType) != compactions || table_is_busy) continue;
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
    FlushSeconds(job->spec, result.ok() ? "ok" : cancelled ? "cancelled" : "error").Observe(ms / 1000);
  }
  if (result.ok() && result->files != 0) {
    logger_->Info(job->spec.type, {{"table", job->spec.namespace_name + "." + job->spec.table_name},
                                   {"rows", result->rows},
                                   {"files", result->files},
                                   {"bytes", result->bytes},
                                   {"ms", ms}});
  } else if (!result.ok() && !cancelled) {
    logger_->Warn("job_failed", {{"job", job->spec.type},
                                 {"table", job->spec.namespace_name + "." + job->spec.table_name},
                                 {"error", result.error().message},
                                 {"ms", ms}});
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

Histogram JobRunner::FlushSeconds(const JobSpec& spec, const std::string& outcome) {
  if (metrics_ == nullptr) return {};
  auto it = labels_.find(spec.table.value);
  if (it == labels_.end()) {
    auto names = labels_.size() < kMaxTableLabels ? std::pair(spec.namespace_name, spec.table_name)
                                                  : std::pair(std::string("other"), std::string("other"));
    it = labels_.emplace(spec.table.value, std::move(names)).first;
  }
  return metrics_->AddHistogram(
      "kalamdb_flush_duration_seconds", "Time of a flush.", JobBuckets(),
      {{"namespace", it->second.first}, {"table_name", it->second.second}, {"outcome", outcome}});
}

}  // namespace kalamdb::storage
