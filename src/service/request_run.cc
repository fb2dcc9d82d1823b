// The state machine of a request.
#include "service/request_run.h"

#include <algorithm>
#include <utility>

#include "service/error_table.h"
#include "service/sql_mask.h"

namespace kalamdb::service {
namespace {

constexpr int64_t kQueueFullRetrySeconds = 1;
constexpr int64_t kLeastWriteMs = 60'000;
constexpr size_t kParseHereBytes = 256u << 10;  // a longer text is parsed by a worker, not where sockets are served
constexpr Micros kSlowStatement = kMicrosPerSecond;
constexpr std::string_view kDefaultNamespace = "default";

// Numbers of the parameters a statement names, those of an EXECUTE AS's inner one included.
void CollectParameters(const engine::ParsedStatement& statement, std::vector<bool>* named, uint32_t* highest) {
  for (uint32_t number : statement.parameters()) {
    *highest = std::max(*highest, number);
    if (number >= 1 && number <= named->size()) (*named)[number - 1] = true;
  }
  if (statement.command() == nullptr) return;
  const auto* as = std::get_if<engine::ExecuteAs>(statement.command());
  if (as != nullptr) CollectParameters(*as->statement, named, highest);
}

bool ReturnsRows(const engine::ParsedStatement& statement) {
  if (statement.command() != nullptr) {
    const auto* as = std::get_if<engine::ExecuteAs>(statement.command());
    if (as != nullptr) return as->statement->returns_rows();
  }
  return statement.returns_rows();
}

bool NeedsWorker(const engine::ParsedStatement& statement) { return statement.command() != nullptr; }

}  // namespace

void ActiveRuns::Add(RequestRun* run) {
  std::lock_guard lock(mutex_);
  runs_.insert(run);
}

void ActiveRuns::Remove(RequestRun* run) {
  std::lock_guard lock(mutex_);
  runs_.erase(run);
}

size_t ActiveRuns::size() const {
  std::lock_guard lock(mutex_);
  return runs_.size();
}

void ActiveRuns::CancelAll() {
  std::lock_guard lock(mutex_);
  for (RequestRun* run : runs_) run->Cancel();
}

void ActiveRuns::PassOnCancellations() {
  std::lock_guard lock(mutex_);
  for (RequestRun* run : runs_) {
    if (run->ClientIsGone()) run->Cancel();
  }
}

RequestRun::RequestRun(const RunParts& parts, SqlRequest request, std::shared_ptr<ReplyStream> reply)
    : run_parts_(parts), request_(std::move(request)), reply_(std::move(reply)) {
  started_at_ = run_parts_.parts.clock->MonotonicMicros();
  as_user_ = request_.identity.name;
  run_parts_.active->Add(this);
}

RequestRun::~RequestRun() { run_parts_.active->Remove(this); }

void RequestRun::Refuse(Error error, int64_t retry_after_s) { Reply(&error, 0, retry_after_s); }

void RequestRun::Start() {
  if (request_.sql.size() > kParseHereBytes) return HopToWorker();
  if (PrepareOrReply()) AdvanceFast();
}

bool RequestRun::PrepareOrReply() {
  Status prepared = Prepare();
  if (prepared.ok()) return true;
  Explain(&prepared.error());
  Reply(&prepared.error(), 0, 0);
  return false;
}

Status RequestRun::Prepare() {
  const SqlServiceOptions& options = run_parts_.options;
  auto script = run_parts_.parts.engine->Parse(request_.sql);
  if (!script.ok()) {
    Observe({}, &script.error());
    return std::move(script).error();
  }
  script_ = *std::move(script);
  context_.identity = request_.identity;
  context_.namespace_name = kDefaultNamespace;
  if (!request_.namespace_id.empty()) {
    ASSIGN_OR_RETURN(context_.namespace_name, run_parts_.commands->ResolveNamespace(request_.namespace_id));
  }
  context_.params = &request_.params;
  context_.durability = request_.durability.value_or(options.durability);
  context_.cancelled = &cancelled_;
  context_.bytes_form = request_.bytes_form;
  context_.request_id = request_.request_id;
  RETURN_IF_ERROR(CheckParams());
  RETURN_IF_ERROR(CheckForm());
  if (request_.form == ReplyForm::kNdjson) {
    writer_ = NewNdjsonReply(reply_, options.view_idle_ms * kMicrosPerMilli);
  } else {
    SpoolOptions spool{.memory_bytes = options.spool_memory_bytes,
                       .limit_bytes = options.result_bytes,
                       .limit_name = "limits.result_bytes",
                       .directory = options.spool_directory};
    const Micros write_limit = std::max<int64_t>(options.statement_ms, kLeastWriteMs) * kMicrosPerMilli;
    writer_ = NewJsonReply(reply_, std::move(spool), run_parts_.parts.clock, write_limit);
  }
  return {};
}

Status RequestRun::CheckParams() const {
  std::vector<bool> named(request_.params.size(), false);
  uint32_t highest = 0;
  for (const engine::StatementPtr& statement : *script_) CollectParameters(*statement, &named, &highest);
  if (highest > named.size()) {
    return Error{.code = ErrorCode::kInvalidParameter,
                 .message = "parameter $" + std::to_string(highest) + " is missing: `params` has " +
                            std::to_string(named.size())};
  }
  const auto unused = std::find(named.begin(), named.end(), false);
  if (unused == named.end()) return {};
  return Error{.code = ErrorCode::kInvalidParameter,
               .message = "no statement names parameter $" + std::to_string(unused - named.begin() + 1)};
}

Status RequestRun::CheckForm() const {
  if (request_.form == ReplyForm::kJson) return {};
  if (script_->size() != 1 || !ReturnsRows(*script_->front())) {
    return Error{.code = ErrorCode::kInvalidParameter,
                 .message = "this form of reply takes exactly one statement that returns rows"};
  }
  if (request_.form == ReplyForm::kParquet) {
    return Error{.code = ErrorCode::kUnsupported,
                 .message = "a reply as a Parquet file is not offered yet",
                 .hint = "ask for application/x-ndjson or application/json"};
  }
  return {};
}

void RequestRun::AdvanceFast() {
  while (index_ < script_->size()) {
    if (NeedsWorker(*current()) || current()->is_transaction_control()) return HopToWorker();
    BeginStatement(/*on_worker=*/false);
    attempt_.store(Attempt::kRunning, std::memory_order_relaxed);
    const engine::FastOutcome outcome = run_parts_.parts.engine->TryFast(
        current(), context_, writer_.get(),
        [self = shared_from_this()](Result<engine::StatementResult> result) { self->OnFastDone(std::move(result)); });
    if (outcome == engine::FastOutcome::kNeedsWorker) return StartOverOnWorker();
    // Once parked, the commit's callback owns the run.
    if (outcome == engine::FastOutcome::kPending &&
        attempt_.exchange(Attempt::kParked, std::memory_order_acq_rel) == Attempt::kRunning) {
      return;
    }
    KALAM_CHECK(fast_result_.has_value());
    if (writer_->too_large_for_fast()) {
      fast_result_.reset();
      return StartOverOnWorker();
    }
    Result<engine::StatementResult> result = *std::move(fast_result_);
    fast_result_.reset();
    if (!EndStatement(std::move(result))) return;
  }
  if (writer_->NeedsWorkerToFinish()) return HopToWorker();
  Reply(nullptr, 0, 0);
}

void RequestRun::OnFastDone(Result<engine::StatementResult> result) {
  fast_result_ = std::move(result);
  if (attempt_.exchange(Attempt::kCompleted, std::memory_order_acq_rel) != Attempt::kParked) return;
  // On the commit thread: short, and never a commit of its own.
  Result<engine::StatementResult> parked = *std::move(fast_result_);
  fast_result_.reset();
  if (!EndStatement(std::move(parked))) return;
  if (index_ < script_->size() || writer_->NeedsWorkerToFinish()) return HopToWorker();
  Reply(nullptr, 0, 0);
}

void RequestRun::StartOverOnWorker() {
  const Status forgotten = writer_->AbandonStatement();
  if (!forgotten.ok()) return FailStatement(forgotten.error());
  HopToWorker();
}

void RequestRun::HopToWorker() {
  const bool continuation = index_ > 0;
  if (run_parts_.workers->Post(
          request_.identity.user, [self = shared_from_this()] { self->AdvanceOnWorker(); }, continuation)) {
    return;
  }
  const Error full{
      .code = ErrorCode::kRateLimited,
      .message = "too many statements wait for a worker (" + std::to_string(run_parts_.options.worker_queue) + ")",
      .hint = "try again"};
  Reply(&full, static_cast<int>(index_) + 1, kQueueFullRetrySeconds);
}

void RequestRun::AdvanceOnWorker() {
  if (script_ == nullptr && !PrepareOrReply()) return;
  while (index_ < script_->size()) {
    BeginStatement(/*on_worker=*/true);
    if (!EndStatement(RunOnWorker())) return;
  }
  Reply(nullptr, 0, 0);
}

void RequestRun::BeginStatement(bool on_worker) {
  const Clock& clock = *run_parts_.parts.clock;
  statement_started_at_ = clock.MonotonicMicros();
  context_.now = clock.NowMicros();
  int64_t timeout_ms = run_parts_.options.statement_ms;
  if (request_.timeout_ms > 0) timeout_ms = std::min(timeout_ms, request_.timeout_ms);
  context_.deadline_ns = timeout_ms > 0 ? (statement_started_at_ + timeout_ms * kMicrosPerMilli) * 1'000 : 0;
  inner_offset_ = -1;
  writer_->BeginStatement(on_worker, !on_worker && current()->query_type() == engine::QueryType::kSelect);
}

Result<engine::StatementResult> RequestRun::RunOnWorker() {
  const engine::StatementPtr& statement = current();
  if (ClientIsGone() || cancelled_.load(std::memory_order_relaxed)) {
    return Error{.code = ErrorCode::kCancelled, .message = "the statement was cancelled"};
  }
  if (statement->is_transaction_control()) {
    return Error{.code = ErrorCode::kUnsupported,
                 .message = "transactions are not offered yet: each statement commits by itself"};
  }
  if (statement->command() == nullptr) return run_parts_.parts.engine->Execute(statement, context_, writer_.get());
  return RunCommand(statement);
}

Result<engine::StatementResult> RequestRun::RunCommand(const engine::StatementPtr& statement) {
  const engine::Command& command = *statement->command();
  const CommandInput input{.identity = &context_.identity,
                           .address = &request_.address,
                           .namespace_name = context_.namespace_name,
                           .sink = writer_.get()};
  if (const auto* use = std::get_if<engine::UseNamespace>(&command)) {
    ASSIGN_OR_RETURN(context_.namespace_name, run_parts_.commands->ResolveNamespace(use->name));
    engine::StatementResult result;
    result.message = "Using namespace '" + context_.namespace_name + "'";
    return result;
  }
  if (const auto* as = std::get_if<engine::ExecuteAs>(&command)) return RunAs(*as);
  if (IsServiceCommand(command)) return run_parts_.commands->Run(command, input);
  context_.commit_records = run_parts_.commands->RecordsOf(command, input);
  Result<engine::StatementResult> result = run_parts_.parts.engine->Execute(statement, context_, writer_.get());
  context_.commit_records.clear();
  if (!result.ok() && result.error().code == ErrorCode::kPermissionDenied) {
    run_parts_.commands->AuditRefusal(command, input);
  }
  return result;
}

Result<engine::StatementResult> RequestRun::RunAs(const engine::ExecuteAs& as) {
  const engine::StatementPtr& inner = as.statement;
  if (inner->command() != nullptr && std::holds_alternative<engine::ExecuteAs>(*inner->command())) {
    return Error{.code = ErrorCode::kInvalidSql, .message = "EXECUTE AS USER cannot stand within EXECUTE AS USER"};
  }
  if (inner->is_transaction_control()) {
    return Error{.code = ErrorCode::kInvalidSql, .message = "EXECUTE AS USER takes no BEGIN, COMMIT or ROLLBACK"};
  }
  const CommandInput input{
      .identity = &context_.identity, .address = &request_.address, .namespace_name = context_.namespace_name};
  ASSIGN_OR_RETURN(auth::Identity target, run_parts_.commands->Impersonate(as, input));
  inner_offset_ = inner->offset();
  as_user_ = target.name;
  const auth::Identity caller = std::exchange(context_.identity, std::move(target));
  Result<engine::StatementResult> result = inner->command() == nullptr
                                               ? run_parts_.parts.engine->Execute(inner, context_, writer_.get())
                                               : RunCommand(inner);
  context_.identity = caller;
  return result;
}

bool RequestRun::EndStatement(Result<engine::StatementResult> result) {
  if (result.ok()) {
    const Status finished = writer_->FinishStatement(*result, as_user_);
    Observe(*result, finished.ok() ? nullptr : &finished.error());
    if (finished.ok()) {
      as_user_ = request_.identity.name;
      ++index_;
      return true;
    }
    FailStatement(finished.error());
    return false;
  }
  Observe({.query_type = current()->query_type()}, &result.error());
  FailStatement(std::move(result).error());
  return false;
}

void RequestRun::FailStatement(Error error) {
  if (error.position > 0) error.position += inner_offset_ >= 0 ? inner_offset_ : current()->offset();
  Explain(&error);
  const Status abandoned = writer_->AbandonStatement();
  if (!abandoned.ok()) error = abandoned.error();
  const int64_t retry_after_s = error.code == ErrorCode::kRateLimited ? kQueueFullRetrySeconds : 0;
  Reply(&error, static_cast<int>(index_) + 1, retry_after_s);
}

void RequestRun::Observe(const engine::StatementResult& result, const Error* error) {
  const Micros now = run_parts_.parts.clock->MonotonicMicros();
  const Micros took = now - (statement_started_at_ != 0 ? statement_started_at_ : started_at_);
  auto outcome = QueryMetrics::Outcome::kOk;
  if (error != nullptr) {
    outcome = error->code == ErrorCode::kCancelled ? QueryMetrics::Outcome::kCancelled : QueryMetrics::Outcome::kError;
  }
  run_parts_.metrics->Observe(result.namespace_name, result.table_name, result.query_type, outcome,
                              static_cast<double>(took) / kMicrosPerSecond);
  if (error == nullptr && result.query_type == engine::QueryType::kAlterTable && result.seq != Seq()) {
    run_parts_.metrics->SchemaChanged(result.namespace_name, result.table_name);
  }
  Logger& logger = *run_parts_.parts.logger;
  const bool slow = took >= kSlowStatement;
  const bool ddl = error == nullptr && script_ != nullptr && current()->command() != nullptr;
  const LogLevel level = slow ? LogLevel::kWarn : ddl ? LogLevel::kInfo : LogLevel::kDebug;
  if (!logger.Enabled(level)) return;
  const std::string_view text = script_ != nullptr ? current()->text() : std::string_view(request_.sql);
  const std::string table = result.table_name.empty() ? std::string() : result.namespace_name + "." + result.table_name;
  logger.Write(level, slow ? "slow_statement" : "statement",
               {{"request_id", request_.request_id},
                {"user", request_.identity.name},
                {"table", table},
                {"rows", result.row_count},
                {"ms", static_cast<double>(took) / kMicrosPerMilli},
                {"sql", MaskSql(text)},
                {"error", error != nullptr ? ErrorCodeName(error->code) : std::string_view()}});
}

void RequestRun::Reply(const Error* error, int statement, int64_t retry_after_s) {
  ReplyOutcome outcome;
  outcome.took_ms = static_cast<double>(run_parts_.parts.clock->MonotonicMicros() - started_at_) / kMicrosPerMilli;
  outcome.error = error;
  outcome.statement = statement;
  outcome.retry_after_s = retry_after_s;
  if (writer_ != nullptr) {
    writer_->Finish(outcome);
    return;
  }
  ReplyStream::Head head{.error = std::nullopt, .content_type = "application/json", .retry_after_s = retry_after_s};
  if (error != nullptr) head.error = error->code;
  reply_->Complete(head, ErrorEnvelope(outcome));
}

void RequestRun::Explain(Error* error) const {
  if (error->code != ErrorCode::kInternal) return;
  run_parts_.parts.logger->Error("internal_error", {{"request_id", request_.request_id}, {"error", error->message}});
  error->message += " (the log has more under request id " + request_.request_id + ")";
}

}  // namespace kalamdb::service
