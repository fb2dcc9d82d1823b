// Plans, commits and retries of the fast path.
#include "engine/fast/fast_path.h"

#include "engine/access.h"
#include "engine/fast/compile.h"
#include "engine/fast/operands.h"
#include "engine/front/tokens.h"
#include "engine/front/value_places.h"
#include "row/schema.h"

namespace kalamdb::engine {
namespace {

constexpr size_t kRunRows = 10'000;  // of a range on a worker; above it the engine's scan is better
constexpr size_t kRunBytes = 8u << 20;

StatementResult ResultOf(const FastPlan& plan, const Statement& statement) {
  StatementResult result;
  result.query_type = statement.query_type();
  result.namespace_name = plan.table->namespace_name;
  result.table_name = plan.table->name;
  return result;
}

bool IsWrite(const FastPlan& plan) {
  return plan.kind != FastPlan::Kind::kSelectKey && plan.kind != FastPlan::Kind::kSelectRange;
}

FastRunOptions OptionsFor(const RowSink* sink, bool worker) {
  FastRunOptions options;
  if (worker) options = {.tier = kv::ReadTier::kAll, .max_rows = kRunRows, .max_bytes = kRunBytes};
  options.form = sink->form();
  options.separator = sink->separator();
  return options;
}

// Why a write failed, with the place of the one value that is to blame, if it stands in the text.
Error Placed(Error error, const Statement& statement, const FastPlan& plan, const FastWrite& write) {
  if (!write.violated) return error;
  const auto literal = FindLiteral(*statement.tree(), *plan.table->schema(), *write.violated);
  if (!literal) return error;
  error.position = PositionOf(statement.engine_text(), *literal);
  return statement.Relocate(std::move(error));
}

}  // namespace

// A write on its way through the commit queue.
struct FastPath::Pending {
  std::shared_ptr<const Statement> statement;
  const ExecuteContext* context = nullptr;
  RowSink* sink = nullptr;
  Completion completion;
  FastPlanPtr plan;
  FastWrite write;
  int retries = 0, schema_changes = 0;
};

FastPath::FastPath(FastServices services, Metrics* metrics)
    : services_(services), retries_({.name = "fast-retry", .threads = 1, .metrics = metrics}) {
  retries_.Start();
}

FastPath::~FastPath() { retries_.Stop(); }

FastPlanPtr FastPath::PlanFor(const Statement& statement, const ExecuteContext& context,
                              const storage::ReadView& view) {
  const auto usable = [&](const FastPlan& plan) {
    return plan.request_namespace.empty() || plan.request_namespace == context.namespace_name;
  };
  FastPlanPtr found;
  if (const auto plans = statement.fast().Load()) {
    for (const auto& plan : *plans) {
      if (usable(*plan) && plan->IsCurrent(*view.catalog)) {
        found = plan;
        break;
      }
    }
  }
  if (found != nullptr) {
    hits_.fetch_add(1, std::memory_order_relaxed);
  } else {
    if (!MayBeFast(statement)) return nullptr;
    misses_.fetch_add(1, std::memory_order_relaxed);
    found = CompileFast(statement, context.namespace_name, *view.catalog);
    if (found == nullptr) return nullptr;
    const size_t dropped = statement.fast().Add(found);
    evictions_.fetch_add(dropped, std::memory_order_relaxed);
    entries_.fetch_add(1 - dropped, std::memory_order_relaxed);
    bytes_.fetch_add(found->ByteSize(), std::memory_order_relaxed);
  }
  if (found->kind == FastPlan::Kind::kNone) return nullptr;
  if (!CanRead(context.identity, *found->table) || (IsWrite(*found) && !CanWrite(context.identity, *found->table)))
    return nullptr;
  return found;
}

Result<StatementResult> FastPath::FinishSelect(const FastPlan& plan, RowSink* sink, const FastRows& rows) const {
  RETURN_IF_ERROR(sink->OnSchema(plan.schema));
  if (rows.count > 0) RETURN_IF_ERROR(sink->OnRows(rows.json, rows.count));
  StatementResult result;
  result.query_type = QueryType::kSelect;
  result.has_rows = true;
  result.row_count = rows.count;
  result.namespace_name = plan.table->namespace_name;
  result.table_name = plan.table->name;
  return result;
}

Result<StatementResult> FastPath::Finish(const FastPlan& plan, const Statement& statement, RowSink* sink,
                                         const FastWrite& write, Seq seq) const {
  StatementResult result = ResultOf(plan, statement);
  result.seq = seq;
  result.row_count = write.count;
  const char* verb = plan.kind == FastPlan::Kind::kInsert   ? "Inserted "
                     : plan.kind == FastPlan::Kind::kUpdate ? "Updated "
                                                            : "Deleted ";
  result.message = verb + std::to_string(write.count) + " row(s)";
  if (plan.returning) {
    result.has_rows = true;
    RETURN_IF_ERROR(sink->OnSchema(plan.schema));
    if (write.returning.count > 0) RETURN_IF_ERROR(sink->OnRows(write.returning.json, write.returning.count));
  }
  return result;
}

FastOutcome FastPath::Try(const std::shared_ptr<const Statement>& statement, const ExecuteContext& context,
                          RowSink* sink, Completion completion) {
  const storage::ReadViewPtr view = services_.database->View();
  FastPlanPtr plan = PlanFor(*statement, context, *view);
  if (plan == nullptr) return FastOutcome::kNeedsWorker;
  const FastRunOptions options = OptionsFor(sink, false);
  if (!IsWrite(*plan)) {
    FastRows rows;
    auto step = FastSelect(services_, *plan, view, context, options, &rows);
    if (step.ok() && *step != FastStep::kReady) return FastOutcome::kNeedsWorker;
    completion(step.ok() ? FinishSelect(*plan, sink, rows) : Result<StatementResult>(std::move(step).error()));
    return FastOutcome::kDone;
  }
  auto pending = std::make_shared<Pending>();
  auto step = FastPrepare(services_, *plan, view, context, options, &pending->write);
  if (step.ok() && *step != FastStep::kReady) return FastOutcome::kNeedsWorker;
  if (!step.ok() || pending->write.request.writes.empty()) {
    completion(step.ok() ? Finish(*plan, *statement, sink, pending->write, Seq())
                         : Result<StatementResult>(Placed(step.error(), *statement, *plan, pending->write)));
    return FastOutcome::kDone;
  }
  pending->statement = statement;
  pending->context = &context;
  pending->sink = sink;
  pending->completion = std::move(completion);
  pending->plan = std::move(plan);
  storage::CommitRequest request = std::move(pending->write.request);
  services_.database->commits().Submit(std::move(request), false, [this, pending](storage::CommitOutcome outcome) {
    OnCommit(pending, std::move(outcome));
  });
  return FastOutcome::kPending;
}

void FastPath::OnCommit(const std::shared_ptr<Pending>& pending, storage::CommitOutcome outcome) {
  switch (outcome.kind) {
    case storage::CommitOutcome::Kind::kCommitted:
      pending->completion(Finish(*pending->plan, *pending->statement, pending->sink, pending->write, outcome.seq));
      return;
    case storage::CommitOutcome::Kind::kFailed:
      if (outcome.error.code == ErrorCode::kRateLimited && pending->retries == 0)
        break;  // the queue is full: a thread that may wait for room takes it
      pending->completion(std::move(outcome.error));
      return;
    case storage::CommitOutcome::Kind::kSchema: ++pending->schema_changes; break;
    case storage::CommitOutcome::Kind::kMoved: break;
  }
  // Observing again may read files, and waiting is for workers: not on the commit thread or a connection's.
  if (!retries_.Post(Task([this, pending] { Retry(pending); })))
    pending->completion(Error{ErrorCode::kRateLimited, "too many statements wait to be run again", "Send it again."});
}

// One attempt. It does not wait for its commit: an ALTER sends back all writes that were on their way, and they belong
// into one round again.
void FastPath::Retry(const std::shared_ptr<Pending>& pending) {
  const Error schema_changed{ErrorCode::kSchemaChanged, "the table was changed while the statement ran",
                             "Send it again."};
  if (pending->schema_changes > kMaxSchemaChanges) return pending->completion(schema_changed);
  if (++pending->retries > kMaxAttempts) {
    return pending->completion(
        Error{ErrorCode::kWriteConflict, "other writers kept changing the rows of this statement", "Send it again."});
  }
  const storage::ReadViewPtr view = services_.database->View();
  pending->plan = PlanFor(*pending->statement, *pending->context, *view);
  if (pending->plan == nullptr) return pending->completion(schema_changed);
  pending->write = {};
  auto step =
      FastPrepare(services_, *pending->plan, view, *pending->context, OptionsFor(pending->sink, true), &pending->write);
  if (!step.ok()) return pending->completion(Placed(step.error(), *pending->statement, *pending->plan, pending->write));
  if (*step != FastStep::kReady) return pending->completion(schema_changed);
  if (pending->write.request.writes.empty())
    return pending->completion(Finish(*pending->plan, *pending->statement, pending->sink, pending->write, Seq()));
  storage::CommitRequest request = std::move(pending->write.request);
  services_.database->commits().Submit(std::move(request), true, [this, pending](storage::CommitOutcome outcome) {
    OnCommit(pending, std::move(outcome));
  });
}

std::optional<Result<StatementResult>> FastPath::RunWrite(const Statement& statement, const ExecuteContext& context,
                                                          RowSink* sink, bool schema_changed) {
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    const storage::ReadViewPtr view = services_.database->View();
    const FastPlanPtr plan = PlanFor(statement, context, *view);
    if (plan == nullptr) return std::nullopt;
    FastWrite write;
    auto step = FastPrepare(services_, *plan, view, context, OptionsFor(sink, true), &write);
    if (!step.ok()) return Result<StatementResult>(Placed(step.error(), statement, *plan, write));
    if (*step != FastStep::kReady) return std::nullopt;
    if (write.request.writes.empty()) return Finish(*plan, statement, sink, write, Seq());
    storage::CommitRequest request = std::move(write.request);
    storage::CommitOutcome outcome = services_.database->commits().Run(std::move(request));
    switch (outcome.kind) {
      case storage::CommitOutcome::Kind::kCommitted: return Finish(*plan, statement, sink, write, outcome.seq);
      case storage::CommitOutcome::Kind::kFailed: return Result<StatementResult>(std::move(outcome.error));
      case storage::CommitOutcome::Kind::kMoved: break;
      case storage::CommitOutcome::Kind::kSchema:
        if (schema_changed)
          return Result<StatementResult>(Error{
              ErrorCode::kSchemaChanged,
              "table " + plan->table->QualifiedName() + " was changed while the statement ran", "Send it again."});
        schema_changed = true;
        break;
    }
  }
  return Result<StatementResult>(
      Error{ErrorCode::kWriteConflict, "other writers kept changing the rows of this statement", "Send it again."});
}

std::optional<Result<StatementResult>> FastPath::Run(const Statement& statement, const ExecuteContext& context,
                                                     RowSink* sink) {
  const storage::ReadViewPtr view = services_.database->View();
  const FastPlanPtr plan = PlanFor(statement, context, *view);
  if (plan == nullptr) return std::nullopt;
  if (IsWrite(*plan)) return RunWrite(statement, context, sink, false);
  FastRows rows;
  auto step = FastSelect(services_, *plan, view, context, OptionsFor(sink, true), &rows);
  if (!step.ok()) return Result<StatementResult>(std::move(step).error());
  if (*step != FastStep::kReady) return std::nullopt;
  return FinishSelect(*plan, sink, rows);
}

std::optional<Result<StatementResult>> FastPath::SelectLike(const Statement& model,
                                                            const std::vector<duckdb::Value>& literals,
                                                            const ExecuteContext& context, RowSink* sink, bool worker) {
  const storage::ReadViewPtr view = services_.database->View();
  const FastPlanPtr plan = PlanFor(model, context, *view);
  if (plan == nullptr || IsWrite(*plan) || plan->literals.size() != literals.size()) return std::nullopt;
  std::vector<row::Value> values;
  values.reserve(literals.size());
  for (size_t i = 0; i < literals.size(); ++i) {
    auto value = LiteralValue(literals[i], plan->literals[i]);
    if (!value) return std::nullopt;
    values.push_back(*std::move(value));
  }
  FastServices services = services_;
  services.literals = &values;
  FastRows rows;
  auto step = FastSelect(services, *plan, view, context, OptionsFor(sink, worker), &rows);
  if (!step.ok()) return Result<StatementResult>(std::move(step).error());
  if (*step != FastStep::kReady) return std::nullopt;
  return FinishSelect(*plan, sink, rows);
}

CacheRow FastPath::stats() const {
  return {.cache = "plan",
          .entries = entries_.load(),
          .bytes = bytes_.load(),
          .max_bytes = 0,
          .hits = hits_.load(),
          .misses = misses_.load(),
          .evictions = evictions_.load()};
}

}  // namespace kalamdb::engine
