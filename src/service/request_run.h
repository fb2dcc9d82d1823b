// One SQL request from its parsed text to its reply: statement after statement, on the calling thread while they are
// fast, on a worker from the first one that is not, and on again when a pending commit is done.
//
//   Start (network thread): TryFast … kDone → next; kPending → park, the commit's callback resumes; kNeedsWorker → a
//   worker worker: Execute … to the end
// One thread at a time works on a run; the hand-over points are the worker queue and `attempt_`.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "engine/engine.h"
#include "service/audit_log.h"
#include "service/fair_pool.h"
#include "service/query_metrics.h"
#include "service/reply_writer.h"
#include "service/service_commands.h"
#include "service/sql_service.h"

namespace kalamdb::service {

class RequestRun;

// The runs that are not answered yet. Thread-safe.
class ActiveRuns {
 public:
  void Add(RequestRun* run);
  void Remove(RequestRun* run);
  size_t size() const;
  void CancelAll();
  void PassOnCancellations();  // clients that went away: their runs are cancelled

 private:
  mutable std::mutex mutex_;
  std::set<RequestRun*> runs_;  // GUARDED_BY(mutex_)
};

// What every run of a service uses.
struct RunParts {
  SqlServiceOptions options;
  SqlService::Parts parts;
  FairPool* workers;
  ServiceCommands* commands;
  QueryMetrics* metrics;
  ActiveRuns* active;
};

class RequestRun : public std::enable_shared_from_this<RequestRun> {
 public:
  RequestRun(const RunParts& parts, SqlRequest request, std::shared_ptr<ReplyStream> reply);
  ~RequestRun();

  // Answers through the reply stream, perhaps before it returns.
  void Start();
  // Answers with an error instead of starting.
  void Refuse(Error error, int64_t retry_after_s);

  const SqlRequest& request() const { return request_; }
  void Cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  bool ClientIsGone() const { return reply_->cancelled().load(std::memory_order_relaxed); }

 private:
  enum class Attempt : uint8_t { kRunning, kParked, kCompleted };

  Status Prepare();
  bool PrepareOrReply();  // false: answered
  Status CheckParams() const;
  Status CheckForm() const;
  void AdvanceFast();
  void AdvanceOnWorker();
  void OnFastDone(Result<engine::StatementResult> result);
  void StartOverOnWorker();  // the current statement; what it wrote is forgotten
  void HopToWorker();

  const engine::StatementPtr& current() const { return (*script_)[index_]; }
  void BeginStatement(bool on_worker);
  Result<engine::StatementResult> RunOnWorker();
  Result<engine::StatementResult> RunCommand(const engine::StatementPtr& statement);
  Result<engine::StatementResult> RunAs(const engine::ExecuteAs& command);
  // False: the request has failed and was answered.
  bool EndStatement(Result<engine::StatementResult> result);
  void Observe(const engine::StatementResult& result, const Error* error);
  void FailStatement(Error error);
  void Reply(const Error* error, int statement, int64_t retry_after_s);
  void Explain(Error* error) const;  // internal ones: into the log, and its id into the message

  const RunParts& run_parts_;
  const SqlRequest request_;
  const std::shared_ptr<ReplyStream> reply_;
  std::unique_ptr<ReplyWriter> writer_;
  engine::ScriptPtr script_;
  engine::ExecuteContext context_;
  std::string as_user_;
  size_t index_ = 0;
  int64_t inner_offset_ = -1;                         // of EXECUTE AS's statement; -1: none
  Micros started_at_ = 0, statement_started_at_ = 0;  // monotonic
  std::atomic<bool> cancelled_{false};
  std::atomic<Attempt> attempt_{Attempt::kRunning};
  std::optional<Result<engine::StatementResult>> fast_result_;
};

}  // namespace kalamdb::service
