// Admission of requests, the threads that serve them, and the drain.
#include "service/sql_service.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "base/executor.h"
#include "service/request_run.h"

namespace kalamdb::service {
namespace {

constexpr std::chrono::milliseconds kWatchInterval{20};  // how soon a client that went away is noticed
constexpr std::chrono::milliseconds kIdleInterval{250};

class RoutingSqlService final : public SqlService {
 public:
  RoutingSqlService(SqlServiceOptions options, Parts parts)
      : audit_(parts.database, parts.clock),
        commands_(parts, options.allow_user_ddl, &audit_),
        metrics_(parts.metrics),
        workers_({.name = "workers",
                  .threads = options.workers,
                  .queue_limit = options.worker_queue,
                  .per_user = options.heavy_statements_per_user,
                  .metrics = parts.metrics}),
        limiter_(options.queries_per_second, std::max(1.0, options.queries_per_second)),
        run_parts_{std::move(options), parts, &workers_, &commands_, &metrics_, &active_} {
    rejections_ = parts.metrics->AddCounter("kalamdb_rate_limit_rejections_total", "Requests refused by a rate limit.",
                                            {{"limit", "limits.queries_per_second"}});
  }

  ~RoutingSqlService() override { Drain(0); }

  void Start() override {
    workers_.Start();
    watcher_ = std::thread([this] { Watch(); });
  }

  void Execute(SqlRequest request, std::shared_ptr<ReplyStream> reply) override {
    auto run = std::make_shared<RequestRun>(run_parts_, std::move(request), std::move(reply));
    if (draining_.load()) {
      run->Refuse({.code = ErrorCode::kDraining, .message = "the server is shutting down"}, 0);
      return;
    }
    const int64_t wait_s = RateLimitWait(run->request().identity);
    if (wait_s > 0) {
      rejections_.Add();
      run->Refuse({.code = ErrorCode::kRateLimited, .message = "over limits.queries_per_second"}, wait_s);
      return;
    }
    run->Start();
  }

  void Drain(int64_t deadline_ms) override {
    draining_.store(true);
    const Clock& clock = *run_parts_.parts.clock;
    const Micros deadline = clock.MonotonicMicros() + deadline_ms * kMicrosPerMilli;
    {
      std::unique_lock lock(mutex_);
      if (stopped_) return;
      while (active_.size() > 0 && clock.MonotonicMicros() < deadline) wake_.wait_for(lock, kWatchInterval);
      stopped_ = true;
    }
    active_.CancelAll();
    workers_.Stop();
    wake_.notify_all();
    if (watcher_.joinable()) watcher_.join();
  }

 private:
  int64_t RateLimitWait(const auth::Identity& identity) {
    if (run_parts_.options.queries_per_second <= 0) return 0;
    const Micros wait = limiter_.Admit(std::to_string(identity.user.value), run_parts_.parts.clock->MonotonicMicros());
    return (wait + kMicrosPerSecond - 1) / kMicrosPerSecond;
  }

  // The engine looks at one flag a statement; this copies the client's into it.
  void Watch() {
    SetThreadName("service-watch");
    std::unique_lock lock(mutex_);
    while (!stopped_) {
      wake_.wait_for(lock, active_.size() > 0 ? kWatchInterval : kIdleInterval);
      active_.PassOnCancellations();
    }
  }

  AuditLog audit_;
  ServiceCommands commands_;
  QueryMetrics metrics_;
  ActiveRuns active_;
  FairPool workers_;
  auth::RateLimiter limiter_;
  RunParts run_parts_;
  Counter rejections_;
  std::atomic<bool> draining_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopped_ = false;  // GUARDED_BY(mutex_)
  std::thread watcher_;
};

}  // namespace

std::unique_ptr<SqlService> SqlService::Create(SqlServiceOptions options, Parts parts) {
  return std::make_unique<RoutingSqlService>(std::move(options), parts);
}

}  // namespace kalamdb::service
