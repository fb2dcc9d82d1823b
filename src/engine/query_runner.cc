// Runs statements: one view, one connection, rows out as JSON, changes into one commit.
#include "engine/query_runner.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <thread>

#include "base/failpoint.h"
#include "duckdb/catalog/catalog_search_path.hpp"
#include "duckdb/main/client_data.hpp"
#include "duckdb/main/materialized_query_result.hpp"
#include "duckdb/main/prepared_statement.hpp"
#include "duckdb/main/stream_query_result.hpp"
#include "duckdb/parser/statement/explain_statement.hpp"
#include "engine/bridge/bridge.h"
#include "engine/bridge/engine_memory.h"
#include "engine/bridge/heap_scope.h"
#include "engine/bridge/json_writer.h"
#include "engine/bridge/pending_writes.h"
#include "engine/bridge/qualify_names.h"
#include "engine/bridge/result_origins.h"
#include "engine/bridge/run_watch.h"
#include "engine/bridge/spell_names.h"
#include "engine/front/error_mapping.h"

namespace kalamdb::engine {
namespace {

using duckdb::StatementType;

constexpr size_t kRowsPerSink = 64u << 10;  // bytes of JSON in one call of the sink, about
constexpr int kMaxRuns = 50;                // of a statement that loses races
constexpr uint64_t kPlanBytes = 64u << 20;  // planning may take them when others hold all of the engine's memory

enum class RunEnd : uint8_t { kDone, kMoved, kSchema };

bool ChangesRows(StatementType type) {
  return type == StatementType::INSERT_STATEMENT || type == StatementType::UPDATE_STATEMENT ||
         type == StatementType::DELETE_STATEMENT || type == StatementType::MERGE_INTO_STATEMENT;
}

std::string MessageOf(StatementType type, uint64_t rows) {
  const char* verb = type == StatementType::INSERT_STATEMENT   ? "Inserted "
                     : type == StatementType::UPDATE_STATEMENT ? "Updated "
                     : type == StatementType::DELETE_STATEMENT ? "Deleted "
                                                               : "Merged ";
  return verb + std::to_string(rows) + " row(s)";
}

QueryType QueryTypeOf(StatementType type) {
  switch (type) {
    case StatementType::SELECT_STATEMENT: return QueryType::kSelect;
    case StatementType::INSERT_STATEMENT: return QueryType::kInsert;
    case StatementType::UPDATE_STATEMENT: return QueryType::kUpdate;
    case StatementType::DELETE_STATEMENT: return QueryType::kDelete;
    default: return QueryType::kOther;
  }
}

// The parameters that a statement names, as the engine wants them.
duckdb::case_insensitive_map_t<duckdb::BoundParameterData> ParamsOf(const duckdb::SQLStatement& statement,
                                                                    const duckdb::vector<duckdb::Value>& params) {
  duckdb::case_insensitive_map_t<duckdb::BoundParameterData> values;
  for (const auto& [name, index] : statement.named_param_map) {
    size_t number = 0;
    std::from_chars(name.data(), name.data() + name.size(), number);
    if (number >= 1 && number <= params.size()) values[name] = duckdb::BoundParameterData(params[number - 1]);
  }
  return values;
}

// See SpellNames and NameReturning.
void Rename(const duckdb::vector<std::string>& shown, duckdb::vector<std::string>* names) {
  if (shown.size() != names->size()) return;
  for (size_t i = 0; i < shown.size(); ++i) {
    if (!shown[i].empty()) (*names)[i] = shown[i];
  }
}

// Columns of ours that no name of a user's can be have a mark in their names.
void ShowMarks(duckdb::DataChunk* plans) {
  for (duckdb::idx_t row = 0; row < plans->size(); ++row) {
    std::string text = plans->GetValue(1, row).ToString();
    if (text.find('\x01') == std::string::npos) continue;
    std::replace(text.begin(), text.end(), '\x01', '_');
    plans->SetValue(1, row, duckdb::Value(text));
  }
}

// Binds, optimises and plans; ends with an error of the engine once the run is to end, or takes too much memory.
template <typename Body>
auto Plan(RunState& state, const RunWatch::Entry& watched, Body body) {
  const HeapScope scope(std::max(EngineMemoryLeft(), kPlanBytes), &watched.ended);
  state.ended = &watched.ended;
  state.planning_thread = std::this_thread::get_id();
  auto planned = body();
  state.planning_thread = std::thread::id();
  return planned;
}

// Hands the rows of a result to the sink, a few vectors at a time.
class RowWriter {
 public:
  RowWriter(RowSink* sink, const duckdb::vector<duckdb::string>& names, row::BytesForm bytes_form)
      : sink_(sink), writer_(names, sink->form(), sink->separator(), bytes_form), separator_(sink->separator()) {}

  Status Write(duckdb::DataChunk& chunk) {
    for (size_t row = 0; row < chunk.size();) {
      if (count_ != 0) json_.push_back(separator_);
      const size_t next = writer_.AppendRows(chunk, row, kRowsPerSink, &json_);
      count_ += next - row;
      total_ += next - row;
      row = next;
      if (json_.size() >= kRowsPerSink) RETURN_IF_ERROR(Flush());
    }
    return {};
  }
  Status Flush() {
    if (count_ == 0) return {};
    Status given = sink_->OnRows(json_, count_);
    json_.clear();
    count_ = 0;
    return given;
  }
  uint64_t total() const { return total_; }

 private:
  RowSink* const sink_;
  JsonWriter writer_;
  const char separator_;
  std::string json_;
  size_t count_ = 0;
  uint64_t total_ = 0;
};

class Runner final : public QueryRunner {
 public:
  explicit Runner(Bridge* bridge) : bridge_(*bridge), watch_(*bridge->services().clock) {}

  Result<StatementResult> Run(const QueryInput& input, const ExecuteContext& context, RowSink* sink) override;
  Result<Signature> Bind(const duckdb::SQLStatement& statement, const ExecuteContext& context,
                         const storage::ReadViewPtr& view) override;

 private:
  struct OneRun {
    const QueryInput& input;
    const ExecuteContext& context;
    RowSink* sink;
    RunState& state;
    Instance::Lease& lease;
    RunWatch::Entry& watched;
  };
  void Prepare(Instance::Lease& lease, RunState& state, const ExecuteContext& context, RunWatch::Entry* watched) const;
  Error ErrorOfRun(const OneRun& run, const duckdb::ErrorData& error) const;
  Result<RunEnd> RunOnce(const OneRun& run, StatementResult* result);
  Status GiveRows(const OneRun& run, duckdb::QueryResult& rows, const duckdb::vector<std::string>& shown_names,
                  StatementResult* result);
  Status GiveSchema(const OneRun& run, const duckdb::QueryResult& rows) const;
  Result<RunEnd> Commit(const OneRun& run, StatementResult* result);
  static void FillFacts(const OneRun& run, Seq seq, Micros updated);
  struct Rewritten {
    duckdb::vector<std::string> shown_names;  // see SpellNames and NameReturning
    std::optional<LateReturning> late;
  };
  static Rewritten Rewrite(const QueryInput& input, duckdb::SQLStatement& statement, const RunState& state);
  Result<duckdb::unique_ptr<duckdb::QueryResult>> Send(const OneRun& run,
                                                       duckdb::unique_ptr<duckdb::SQLStatement> statement, bool stream);
  Result<duckdb::unique_ptr<duckdb::QueryResult>> EvaluateLate(const OneRun& run, const LateReturning& late,
                                                               duckdb::QueryResult& rows);

  Bridge& bridge_;
  RunWatch watch_;
};

void Runner::Prepare(Instance::Lease& lease, RunState& state, const ExecuteContext& context,
                     RunWatch::Entry* watched) const {
  lease.session().run = &state;
  watched->connection = &*lease;
  watched->deadline_ns = context.deadline_ns;
  watched->started_ns = bridge_.services().clock->MonotonicMicros() * 1000;
  watched->cancelled = context.cancelled;
  auto& search_path = *duckdb::ClientData::Get(*lease->context).catalog_search_path;
  const std::string& ns = context.namespace_name.empty() ? "default" : context.namespace_name;
  search_path.Set(duckdb::CatalogSearchEntry(kCatalogName, ns), duckdb::CatalogSetPathType::SET_DIRECTLY);
}

Error Runner::ErrorOfRun(const OneRun& run, const duckdb::ErrorData& error) const {
  const RunWatch::Reason reason = run.watched.reason;
  if (reason != RunWatch::Reason::kNone && error.Type() == duckdb::ExceptionType::INTERRUPT) return ErrorOf(reason);
  if (auto own = run.state.error()) return *std::move(own);
  // What a streaming result says once its query has been ended has many words and no type.
  if (reason != RunWatch::Reason::kNone) return ErrorOf(reason);
  return MapError(error, run.input.statement->query);
}

Status Runner::GiveSchema(const OneRun& run, const duckdb::QueryResult& rows) const {
  ResultSchema schema;
  for (size_t i = 0; i < rows.names.size(); ++i) {
    ResultColumn column{rows.names[i], DataTypeJson(rows.types[i])};
    if (i < run.state.origins.size()) {
      column.primary_key = run.state.origins[i].primary_key;
      column.not_null = run.state.origins[i].not_null;
    }
    schema.columns.push_back(std::move(column));
  }
  return run.sink->OnSchema(schema);
}

Status Runner::GiveRows(const OneRun& run, duckdb::QueryResult& rows, const duckdb::vector<std::string>& shown_names,
                        StatementResult* result) {
  ReturningFiller filler(ChangesRows(run.input.statement->type) ? &rows.names : nullptr);
  Rename(shown_names, &rows.names);
  RETURN_IF_ERROR(GiveSchema(run, rows));
  RowWriter writer(run.sink, rows.names, run.context.bytes_form);
  while (true) {
    duckdb::ErrorData error;
    duckdb::unique_ptr<duckdb::DataChunk> chunk;
    // An error behind the first rows of a stream stands in the result, not in `error`.
    if (!rows.TryFetch(chunk, error)) return ErrorOfRun(run, rows.HasError() ? rows.GetErrorObject() : error);
    if (!chunk || chunk->size() == 0) break;
    filler.Fill(run.state.returned, chunk.get());
    if (run.input.statement->type == StatementType::EXPLAIN_STATEMENT) ShowMarks(chunk.get());
    RETURN_IF_ERROR(writer.Write(*chunk));
  }
  if (rows.HasError()) return ErrorOfRun(run, rows.GetErrorObject());
  if (run.input.explain_analyze) {
    duckdb::DataChunk facts;
    facts.Initialize(duckdb::Allocator::DefaultAllocator(),
                     {duckdb::LogicalType::VARCHAR, duckdb::LogicalType::VARCHAR});
    const auto& counters = run.state.counters;
    const auto line = [&](size_t row, const char* key, uint64_t read, uint64_t pruned) {
      facts.SetValue(0, row, duckdb::Value(key));
      facts.SetValue(1, row, duckdb::Value("read " + std::to_string(read) + ", pruned " + std::to_string(pruned)));
    };
    line(0, "segments", counters.segments_read, counters.segments_pruned);
    line(1, "row_groups", counters.groups_read, counters.groups_pruned);
    facts.SetCardinality(2);
    if (rows.types.size() == 2) RETURN_IF_ERROR(writer.Write(facts));
  }
  RETURN_IF_ERROR(writer.Flush());
  result->has_rows = true;
  result->row_count = writer.total();
  return {};
}

// What RETURNING says of the system columns.
void Runner::FillFacts(const OneRun& run, Seq seq, Micros updated) {
  ReturnedFacts& facts = run.state.returned;
  const catalog::Table& table = *run.state.writes().table();
  facts.seq = seq;
  facts.updated = updated;
  facts.deleted = run.input.statement->type == StatementType::DELETE_STATEMENT;
  facts.version = static_cast<int32_t>(table.version().value);
  if (table.IsPerUser()) facts.owner = run.context.identity.name;
}

Result<RunEnd> Runner::Commit(const OneRun& run, StatementResult* result) {
  ASSIGN_OR_RETURN(storage::CommitRequest request, run.state.writes().Finish(run.context.durability));
  SyncPoint("query.before_commit");
  const storage::CommitOutcome outcome = bridge_.services().database->commits().Run(std::move(request));
  switch (outcome.kind) {
    case storage::CommitOutcome::Kind::kCommitted:
      result->seq = outcome.seq;
      FillFacts(run, outcome.seq, outcome.updated);
      return RunEnd::kDone;
    case storage::CommitOutcome::Kind::kMoved: return RunEnd::kMoved;
    case storage::CommitOutcome::Kind::kSchema: return RunEnd::kSchema;
    case storage::CommitOutcome::Kind::kFailed: return outcome.error;
  }
  return RunEnd::kDone;
}

// What is done to a tree before it is bound.
Runner::Rewritten Runner::Rewrite(const QueryInput& input, duckdb::SQLStatement& statement, const RunState& state) {
  const std::string& ns = state.context.namespace_name;
  Rewritten done;
  const catalog::TablePtr target = TargetTable(statement, *state.view->catalog, ns);
  if (target != nullptr) done.shown_names = NameReturning(statement, *target);
  if (auto names = SpellNames(statement, *state.view->catalog, ns); !names.empty()) done.shown_names = std::move(names);
  if (target != nullptr) done.late = PrepareReturning(statement, *target, input.params);
  QualifyNames(statement);
  return done;
}

Result<duckdb::unique_ptr<duckdb::QueryResult>> Runner::Send(const OneRun& run,
                                                             duckdb::unique_ptr<duckdb::SQLStatement> statement,
                                                             bool stream) {
  auto params = ParamsOf(*statement, run.input.params);
  auto pending = Plan(run.state, run.watched,
                      [&] { return run.lease->context->PendingQuery(std::move(statement), params, stream); });
  if (pending->HasError()) return ErrorOfRun(run, pending->GetErrorObject());
  auto rows = pending->Execute();
  if (rows->HasError()) return ErrorOfRun(run, rows->GetErrorObject());
  return rows;
}

// RETURNING over the rows that the statement gave, with the facts as they stand.
Result<duckdb::unique_ptr<duckdb::QueryResult>> Runner::EvaluateLate(const OneRun& run, const LateReturning& late,
                                                                     duckdb::QueryResult& rows) {
  const size_t first = rows.types.size() - late.extra;
  const duckdb::vector<duckdb::LogicalType> types(rows.types.begin() + static_cast<ptrdiff_t>(first), rows.types.end());
  duckdb::vector<std::string> names(rows.names.begin() + static_cast<ptrdiff_t>(first), rows.names.end());
  ReturningFiller filler(&names);
  duckdb::ColumnDataCollection known(duckdb::Allocator::DefaultAllocator(), types);
  for (auto& chunk : rows.Cast<duckdb::MaterializedQueryResult>().Collection().Chunks()) {
    duckdb::DataChunk whole;
    whole.InitializeEmpty(types);
    for (size_t i = 0; i < types.size(); ++i) whole.data[i].Reference(chunk.data[first + i]);
    whole.SetCardinality(chunk.size());
    filler.Fill(run.state.returned, &whole);
    known.Append(whole);
  }
  std::vector<ResultOrigin> origins = run.state.origins;  // of the statement: they begin with those of RETURNING
  ASSIGN_OR_RETURN(auto evaluated, Send(run, SelectOfReturning(late, known, names), false));
  run.state.origins = std::move(origins);
  return evaluated;
}

Result<RunEnd> Runner::RunOnce(const OneRun& run, StatementResult* result) {
  const StatementType type = run.input.statement->type;
  const bool changes = ChangesRows(type);
  auto statement = run.input.statement->Copy();
  const auto [shown_names, late] = Rewrite(run.input, *statement, run.state);
  std::optional<RunWatch::Guard> guard(std::in_place, watch_, &run.watched);
  if (const auto due = watch_.Due(run.watched); due != RunWatch::Reason::kNone) return ErrorOf(due);

  ASSIGN_OR_RETURN(auto rows, Send(run, std::move(statement), !changes && type != StatementType::EXPLAIN_STATEMENT));
  RunEnd end = RunEnd::kDone;
  if (run.state.has_writes() && !run.state.writes().empty()) {
    if (const auto due = watch_.Due(run.watched); due != RunWatch::Reason::kNone) return ErrorOf(due);
    if (late) {  // what cannot be evaluated fails before anything is committed
      FillFacts(run, Seq(run.state.view->seq.value + 1), run.context.now);
      RETURN_IF_ERROR(EvaluateLate(run, *late, *rows));
    }
    ASSIGN_OR_RETURN(end, Commit(run, result));
    if (end != RunEnd::kDone) return end;
    guard.reset();  // it has happened: to say that it ended would be untrue
    run.watched.reason = RunWatch::Reason::kNone;
    run.watched.ended = false;
  }
  if (changes && rows->properties.return_type == duckdb::StatementReturnType::CHANGED_ROWS) {
    auto chunk = rows->Fetch();
    if (chunk && chunk->size() == 1)
      result->row_count = static_cast<uint64_t>(chunk->GetValue(0, 0).GetValue<int64_t>());
  } else {
    if (late) {
      ASSIGN_OR_RETURN(rows, EvaluateLate(run, *late, *rows));
    }
    RETURN_IF_ERROR(GiveRows(run, *rows, shown_names, result));
  }
  if (changes) result->message = MessageOf(type, result->row_count);
  return end;
}

Result<StatementResult> Runner::Run(const QueryInput& input, const ExecuteContext& context, RowSink* sink) {
  int schema_changes = 0;
  std::string target = input.target_table;
  for (int attempt = 0; attempt < kMaxRuns; ++attempt) {
    const auto instance = bridge_.instance();
    auto view = input.view != nullptr ? input.view : bridge_.services().database->View();
    RunState state(&bridge_.services(), std::move(view), context);
    state.allow_files = input.allow_files;
    state.statement = input.statement;
    state.is_insert = input.statement->type == StatementType::INSERT_STATEMENT;
    StatementResult result;
    result.query_type = QueryTypeOf(input.statement->type);
    Result<RunEnd> end = RunEnd::kDone;
    RunWatch::Entry watched;
    try {
      auto lease = instance->Borrow();
      Prepare(lease, state, context, &watched);
      end = RunOnce({input, context, sink, state, lease, watched}, &result);
    } catch (const std::exception& exception) {
      auto own = state.error();
      if (!own && watched.ended) own = ErrorOf(watched.reason);
      end = own ? *std::move(own) : MapException(exception, input.statement->query);
    }
    if (!end.ok()) return std::move(end).error();
    if (*end == RunEnd::kDone) return result;
    if (target.empty() && state.has_writes()) target = state.writes().table()->QualifiedName();
    if (*end == RunEnd::kSchema && ++schema_changes > 1) break;
    if (input.view != nullptr)
      return Error{ErrorCode::kWriteConflict,
                   "another commit has changed rows of " + target + " that this statement changes"};
  }
  if (schema_changes > 1)
    return Error{ErrorCode::kSchemaChanged, "table " + target + " was altered while the statement ran"};
  return Error{ErrorCode::kWriteConflict, "other commits have changed the rows of this statement in " + target + " " +
                                              std::to_string(kMaxRuns) + " times"};
}

Result<QueryRunner::Signature> Runner::Bind(const duckdb::SQLStatement& statement, const ExecuteContext& context,
                                            const storage::ReadViewPtr& view) {
  const auto instance = bridge_.instance();
  RunState state(&bridge_.services(), view != nullptr ? view : bridge_.services().database->View(), context);
  state.binding_only = true;
  Signature signature;
  try {
    auto lease = instance->Borrow();
    RunWatch::Entry watched;
    Prepare(lease, state, context, &watched);
    auto copy = statement.Copy();
    const auto [shown_names, late] = Rewrite({}, *copy, state);
    const RunWatch::Guard guard(watch_, &watched);
    auto prepared = Plan(state, watched, [&] { return lease->context->Prepare(std::move(copy)); });
    if (prepared->HasError()) {
      if (const auto reason = watched.reason.load(); reason != RunWatch::Reason::kNone) return ErrorOf(reason);
      if (auto own = state.error()) return *std::move(own);
      return MapError(prepared->GetErrorObject(), statement.query);
    }
    for (const auto& [name, type] : prepared->GetExpectedParameterTypes()) {
      size_t number = 0;
      std::from_chars(name.data(), name.data() + name.size(), number);
      if (number == 0 || number > 65'535) continue;
      if (signature.parameter_types.size() < number)
        signature.parameter_types.resize(number, duckdb::LogicalType::INVALID);
      signature.parameter_types[number - 1] =
          type.id() == duckdb::LogicalTypeId::UNKNOWN ? duckdb::LogicalType(duckdb::LogicalType::INVALID) : type;
    }
    signature.column_names = prepared->GetNames();
    Rename(shown_names, &signature.column_names);
    signature.column_types = prepared->GetTypes();
    signature.marks = std::move(state.marks);
    signature.parameter_targets = std::move(state.parameter_targets);
  } catch (const std::exception& exception) {
    if (auto own = state.error()) return *std::move(own);
    return MapException(exception, statement.query);
  }
  return signature;
}

}  // namespace

std::unique_ptr<QueryRunner> MakeQueryRunner(Bridge* bridge) { return std::make_unique<Runner>(bridge); }

}  // namespace kalamdb::engine
