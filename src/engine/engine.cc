// Class Engine: parses, checks, and sends each statement the way it goes: fast path, command, or query runner.
#include "engine/engine.h"

#include <algorithm>
#include <mutex>

#include "engine/access.h"
#include "engine/bridge/bridge.h"
#include "engine/fast/fast_path.h"
#include "engine/fast/shaped_statement.h"
#include "engine/front/ddl.h"
#include "engine/front/parameters.h"
#include "engine/front/parse_cache.h"
#include "engine/front/rights.h"
#include "engine/front/statement.h"
#include "engine/front/tokens.h"
#include "engine/front/view_ddl.h"
#include "engine/live/live_compiler.h"
#include "row/schema.h"

namespace kalamdb::engine {
namespace {

constexpr uint32_t kNodeId = 0;  // of the generated ids; a cluster would give each server its own

bool IsSystemSchema(const std::string& ns) {
  const std::string folded = row::FoldName(ns);
  return folded == row::FoldName("system") || folded == row::FoldName("information_schema");
}

// Tables of the specification that this server does not have yet.
bool IsLaterTable(const std::string& name) {
  const std::string folded = row::FoldName(name);
  for (const char* later : {"transactions", "schemata"}) {
    if (folded == row::FoldName(later)) return true;
  }
  return false;
}

// The characters before the SELECT that a command ends with.
int64_t SelectAt(const Statement& statement) {
  const auto* table = std::get_if<CreateTable>(statement.command());
  const auto* view = std::get_if<CreateView>(statement.command());
  const std::string_view select = table != nullptr  ? std::string_view(table->as_select)
                                  : view != nullptr ? std::string_view(view->select)
                                                    : std::string_view();
  if (select.empty() || !statement.text().ends_with(select)) return 0;
  return PositionOf(statement.text(), statement.text().size() - select.size()) - 1;
}

class EngineOfDuckDb final : public Engine {
 public:
  EngineOfDuckDb(EngineOptions options, storage::Database* database, const Clock* clock, Metrics* metrics)
      : options_(std::move(options)),
        database_(database),
        ids_(*clock, kNodeId),
        parses_(options_.parse_cache_bytes),
        fast_({database, &ids_}, metrics) {}

  Status Start(const Clock* clock, Metrics* metrics, Logger* logger) {
    ASSIGN_OR_RETURN(bridge_, Bridge::Open(options_, database_, clock, &ids_, metrics, logger));
    expressions_ = std::make_unique<Expressions>(bridge_.get());
    if (metrics != nullptr) WatchCaches(*metrics);
    live_parts_ = std::make_shared<LiveParts>(
        LiveParts::Services{.instance = [bridge = bridge_.get()] { return bridge->instance(); },
                            .runner = &bridge_->runner(),
                            .database = database_,
                            .clock = clock});
    commands_ = {.options = &options_,
                 .database = database_,
                 .expressions = expressions_.get(),
                 .runner = &bridge_->runner(),
                 .logger = logger,
                 .dependents = &dependents_,
                 .run_sql = [this](const std::string& sql, const ExecuteContext& context,
                                   RowSink* sink) -> Result<StatementResult> {
                   ASSIGN_OR_RETURN(const auto statement, ParseEngineStatement(sql));
                   return RunTree(*statement, context, sink);
                 },
                 .run_copy = [this](const std::string& sql, const ExecuteContext& context,
                                    RowSink* sink) -> Result<StatementResult> {
                   ASSIGN_OR_RETURN(const auto statement, ParseEngineStatement(sql));
                   // The walk would refuse the reader of the file; the table and the path were checked by COPY.
                   QueryInput input;
                   input.statement = statement->tree();
                   input.allow_files = true;
                   if (statement->target()) input.target_table = statement->target()->name;
                   return bridge_->runner().Run(input, context, sink);
                 }};
    return {};
  }

  storage::ColdFileFormat* cold_file_format() override { return bridge_->format(); }
  void SetDependents(DependentSubscriptions* dependents) override { dependents_.store(dependents); }
  void RegisterVirtualTable(VirtualTable table) override {
    virtual_names_.push_back({row::FoldName(table.schema_name), row::FoldName(table.name), table.admins_only});
    bridge_->RegisterVirtualTable(std::move(table));
  }

  Result<ScriptPtr> Parse(std::string_view sql) override {
    if (sql.size() > options_.sql_bytes) {
      return Error{ErrorCode::kTooLarge, "the text has " + std::to_string(sql.size()) +
                                             " bytes, limits.sql_bytes are " + std::to_string(options_.sql_bytes)};
    }
    if (ScriptPtr cached = parses_.Find(sql)) return cached;
    const std::optional<TextShape> shape = ShapeOf(sql);
    if (StatementPtr shaped = shapes_.Find(sql, shape))
      return std::make_shared<const std::vector<StatementPtr>>(1, std::move(shaped));
    ASSIGN_OR_RETURN(ScriptPtr script, ParseScript(sql));
    parses_.Add(sql, script);
    shapes_.Add(sql, shape, script);
    return script;
  }

  FastOutcome TryFast(const StatementPtr& statement, const ExecuteContext& context, RowSink* sink,
                      Completion completion) override {
    if (const auto* shaped = dynamic_cast<const ShapedStatement*>(statement.get())) {
      auto result = fast_.SelectLike(shaped->model(), shaped->literals(), context, sink, false);
      if (!result) return FastOutcome::kNeedsWorker;
      completion(*std::move(result));
      return FastOutcome::kDone;
    }
    auto own = std::static_pointer_cast<const Statement>(statement);
    if (own->tree() == nullptr || own->refusal()) return FastOutcome::kNeedsWorker;
    return fast_.Try(own, context, sink, std::move(completion));
  }

  Result<StatementResult> Execute(const StatementPtr& statement, const ExecuteContext& context,
                                  RowSink* sink) override {
    RETURN_IF_ERROR(CheckAlive(context));
    if (const auto* shaped = dynamic_cast<const ShapedStatement*>(statement.get())) {
      if (auto result = fast_.SelectLike(shaped->model(), shaped->literals(), context, sink, true))
        return *std::move(result);
      ASSIGN_OR_RETURN(const StatementPtr parsed, shaped->Parsed());
      return Execute(parsed, context, sink);
    }
    const auto& own = static_cast<const Statement&>(*statement);
    if (own.command() == nullptr) return RunTree(own, context, sink);
    return RunCommand(own, context, sink);
  }

  Result<LiveSelectPtr> CompileLive(std::string_view sql, const ExecuteContext& context) override;

  std::vector<CacheRow> CacheStats() const override {
    CacheRow row = parses_.stats();
    const CacheRow plans = fast_.stats(), shapes = shapes_.stats();
    row.entries += plans.entries + shapes.entries;
    row.bytes += shapes.bytes;
    row.max_bytes += shapes.max_bytes;
    row.hits = plans.hits;
    row.misses = plans.misses;
    row.evictions += plans.evictions;
    std::vector<CacheRow> caches = bridge_->ColdCaches();
    caches.insert(caches.begin(), row);
    return caches;
  }

 private:
  // What system.cache_stats says, as metrics.
  void WatchCaches(Metrics& metrics) {
    struct Series {
      Counter hits, misses, evictions;
      Gauge bytes;
    };
    std::vector<Series> series;
    for (const CacheRow& row : CacheStats()) {
      const MetricLabels labels = {{"cache", row.cache}};
      series.push_back(
          {metrics.AddCounter("kalamdb_cache_hits_total", "Look-ups a cache answered.", labels),
           metrics.AddCounter("kalamdb_cache_misses_total", "Look-ups a cache did not answer.", labels),
           metrics.AddCounter("kalamdb_cache_evictions_total", "Entries a cache dropped for want of room.", labels),
           metrics.AddGauge("kalamdb_cache_bytes", "Memory a cache holds.", labels)});
    }
    cache_metrics_ = metrics.OnCollect([this, series = std::move(series)] {
      const std::vector<CacheRow> rows = CacheStats();
      for (size_t i = 0; i < series.size(); ++i) {
        series[i].hits.RaiseTo(static_cast<double>(rows[i].hits));
        series[i].misses.RaiseTo(static_cast<double>(rows[i].misses));
        series[i].evictions.RaiseTo(static_cast<double>(rows[i].evictions));
        series[i].bytes.Set(static_cast<double>(rows[i].bytes));
      }
    });
  }

  static Status CheckAlive(const ExecuteContext& context) {
    if (context.cancelled != nullptr && context.cancelled->load(std::memory_order_relaxed))
      return Error{ErrorCode::kCancelled, "the statement was cancelled"};
    return {};
  }

  struct CommandRunner;
  Result<StatementResult> RunCommand(const Statement& statement, const ExecuteContext& context, RowSink* sink);

  Result<StatementResult> RunTruncate(const TruncateTable& command, const ExecuteContext& context, RowSink* sink) {
    const std::string ns = NamespaceOf(command.name, context);
    auto result = commands_.run_sql(
        "DELETE FROM " + catalog::QuoteIdentifier(ns) + "." + catalog::QuoteIdentifier(command.name.name), context,
        sink);
    if (!result.ok() && result.error().position != 0) result.error().position = command.name.position;
    return result;
  }

  // --- statements of the engine's grammar ---

  Status CheckRead(const catalog::Snapshot& snapshot, const TableReference& reference,
                   const ExecuteContext& context) const {
    const std::string ns = reference.namespace_name.empty() ? context.namespace_name : reference.namespace_name;
    if (IsSystemSchema(ns)) return CheckSystemRead(ns, reference, context);
    if (const catalog::TablePtr table = snapshot.FindTable(ns, reference.name)) {
      if (CanRead(context.identity, *table)) return {};
      return TableNotFound(ns, reference.name).At(reference.position);
    }
    if (snapshot.FindNamespace(ns) == nullptr) return NamespaceNotFound(ns).At(reference.position);
    if (const auto found = snapshot.FindView(ns, reference.name);
        found != nullptr && CanReadView(context.identity, snapshot, *found))
      return {};
    return TableNotFound(ns, reference.name).At(reference.position);
  }

  Status CheckSystemRead(const std::string& ns, const TableReference& reference, const ExecuteContext& context) const {
    const std::string folded_ns = row::FoldName(ns), folded = row::FoldName(reference.name);
    for (const VirtualName& name : virtual_names_) {
      if (name.schema != folded_ns || name.name != folded) continue;
      if (!name.admins_only || context.identity.IsAdmin()) return {};
      return Error{ErrorCode::kPermissionDenied, ns + "." + reference.name + " is for the roles dba and system"}
          .WithHint("")
          .At(reference.position);
    }
    if (folded_ns == row::FoldName("information_schema")) return {};  // the bridge's own
    if (IsLaterTable(reference.name))
      return Error{ErrorCode::kUnsupported, ns + "." + reference.name + " is not offered yet"}.WithHint("").At(
          reference.position);
    return TableNotFound(ns, reference.name).At(reference.position);
  }

  Status CheckWrite(const catalog::Snapshot& snapshot, const Statement& statement,
                    const ExecuteContext& context) const {
    const TableReference& target = *statement.target();
    const std::string ns = target.namespace_name.empty() ? context.namespace_name : target.namespace_name;
    if (IsSystemSchema(ns)) {
      RETURN_IF_ERROR(CheckSystemRead(ns, target, context));
      return Error{ErrorCode::kUnsupported, "tables of " + ns + " are changed by their own statements"}.WithHint("").At(
          target.position);
    }
    RETURN_IF_ERROR(CheckRead(snapshot, target, context));
    const catalog::TablePtr table = snapshot.FindTable(ns, target.name);
    if (table == nullptr)
      return Error{ErrorCode::kUnsupported, target.name + " is a view: it cannot be changed"}.WithHint("").At(
          target.position);
    if (!CanWrite(context.identity, *table)) {
      return Error{ErrorCode::kPermissionDenied, "table " + table->QualifiedName() + " may be read, not written"}
          .WithHint("")
          .At(target.position);
    }
    if (table->kind == catalog::TableKind::kStream && statement.query_type() != QueryType::kInsert) {
      return Error{ErrorCode::kUnsupported, "table " + table->QualifiedName() +
                                                " is a STREAM: its events are inserted and expire, nothing else"};
    }
    return {};
  }

  Result<duckdb::vector<duckdb::Value>> Parameters(const Statement& statement, const ExecuteContext& context,
                                                   const storage::ReadViewPtr& view) {
    RETURN_IF_ERROR(CheckParameters(statement.parameters(), context));
    if (statement.parameters().empty()) return duckdb::vector<duckdb::Value>();
    // What a parameter is asked depends on the catalog only, not on the user.
    const uint64_t generation = view->catalog->generation();
    auto known = statement.signature();
    if (known == nullptr || known->catalog_generation != generation ||
        known->namespace_name != context.namespace_name) {
      ASSIGN_OR_RETURN(QueryRunner::Signature bound, bridge_->runner().Bind(*statement.tree(), context, view));
      known = std::make_shared<const BoundSignature>(BoundSignature{
          generation, context.namespace_name, std::move(bound.parameter_types), std::move(bound.parameter_targets)});
      statement.set_signature(known);
    }
    const auto cast = [this](const duckdb::Value& value, const duckdb::LogicalType& type, duckdb::Value* result) {
      const auto instance = bridge_->instance();
      auto lease = instance->Borrow();
      return CastInContext(*lease->context, value, type, result);
    };
    return BindParameters(statement.parameters(), known->parameter_types, context, known->parameter_targets, cast);
  }

  Result<StatementResult> RunTree(const Statement& statement, const ExecuteContext& context, RowSink* sink) {
    if (statement.refusal()) return *statement.refusal();
    const storage::ReadViewPtr view = database_->View();
    if (context.namespace_name.empty() || view->catalog->FindNamespace(context.namespace_name) == nullptr) {
      if (!IsSystemSchema(context.namespace_name)) return NamespaceNotFound(context.namespace_name);
    }
    if (statement.target()) {
      if (Status may = CheckWrite(*view->catalog, statement, context); !may.ok())
        return statement.Relocate(std::move(may).error());
    }
    for (const TableReference& read : statement.reads()) {
      if (Status may = CheckRead(*view->catalog, read, context); !may.ok())
        return statement.Relocate(std::move(may).error());
    }
    RETURN_IF_ERROR(CheckParameters(statement.parameters(), context));
    if (auto fast = fast_.Run(statement, context, sink)) return *std::move(fast);
    auto params = Parameters(statement, context, view);
    if (!params.ok()) return statement.Relocate(std::move(params).error());
    QueryInput input;
    input.statement = statement.tree();
    input.params = *std::move(params);
    input.explain_analyze = statement.explain_analyze();
    if (statement.target()) input.target_table = statement.target()->name;
    auto result = bridge_->runner().Run(input, context, sink);
    if (!result.ok()) return statement.Relocate(std::move(result).error());
    if (result->table_name.empty()) NameTable(statement, context, *view->catalog, &*result);
    return result;
  }

  // The first table the statement names, for metrics and logs.
  static void NameTable(const Statement& statement, const ExecuteContext& context, const catalog::Snapshot& snapshot,
                        StatementResult* result) {
    const TableReference* first = statement.target()          ? &*statement.target()
                                  : statement.reads().empty() ? nullptr
                                                              : &statement.reads()[0];
    if (first == nullptr) return;
    const auto table =
        snapshot.FindTable(first->namespace_name.empty() ? context.namespace_name : first->namespace_name, first->name);
    if (table == nullptr) return;
    result->namespace_name = table->namespace_name;
    result->table_name = table->name;
  }

  struct VirtualName {
    std::string schema, name;  // folded
    bool admins_only = true;
  };

  const EngineOptions options_;
  storage::Database* const database_;
  IdGenerators ids_;
  ParseCache parses_;
  ShapeCache shapes_;
  std::unique_ptr<Bridge> bridge_;
  LivePartsPtr live_parts_;
  std::unique_ptr<Expressions> expressions_;
  CommandServices commands_;
  std::atomic<DependentSubscriptions*> dependents_{nullptr};
  std::vector<VirtualName> virtual_names_;  // constant once serving
  FastPath fast_;
  std::unique_ptr<Metrics::Collector> cache_metrics_;  // last: it reads the caches
};

// Sends each command to what runs it.
struct EngineOfDuckDb::CommandRunner {
  EngineOfDuckDb& engine;
  const ExecuteContext& context;
  RowSink* sink;
  int64_t select_at;

  Result<StatementResult> operator()(const CreateNamespace& c) const {
    return RunCreateNamespace(engine.commands_, c, context);
  }
  Result<StatementResult> operator()(const AlterNamespace& c) const {
    return RunAlterNamespace(engine.commands_, c, context);
  }
  Result<StatementResult> operator()(const DropNamespace& c) const {
    return RunDropNamespace(engine.commands_, c, context);
  }
  Result<StatementResult> operator()(const CreateTable& c) const {
    return RunCreateTable(engine.commands_, c, select_at, context);
  }
  Result<StatementResult> operator()(const AlterTable& c) const { return RunAlterTable(engine.commands_, c, context); }
  Result<StatementResult> operator()(const DropTable& c) const { return RunDropTable(engine.commands_, c, context); }
  Result<StatementResult> operator()(const TruncateTable& c) const { return engine.RunTruncate(c, context, sink); }
  Result<StatementResult> operator()(const Describe& c) const {
    return RunDescribe(engine.commands_, c, context, sink);
  }
  Result<StatementResult> operator()(const Show& c) const { return RunShow(engine.commands_, c, context, sink); }
  Result<StatementResult> operator()(const CopyTable& c) const { return RunCopy(engine.commands_, c, context, sink); }
  Result<StatementResult> operator()(const CreateView& c) const {
    return RunCreateView(engine.commands_, c, select_at, context);
  }
  Result<StatementResult> operator()(const DropView& c) const { return RunDropView(engine.commands_, c, context); }
  Result<StatementResult> operator()(const Unsupported& c) const {
    return Error{ErrorCode::kUnsupported, c.what, c.hint};
  }
  Result<StatementResult> operator()(const UseNamespace&) const { return Elsewhere(); }
  Result<StatementResult> operator()(const StorageJob&) const { return Elsewhere(); }
  Result<StatementResult> operator()(const CreateUser&) const { return Elsewhere(); }
  Result<StatementResult> operator()(const AlterUser&) const { return Elsewhere(); }
  Result<StatementResult> operator()(const DropUser&) const { return Elsewhere(); }
  Result<StatementResult> operator()(const ExecuteAs&) const { return Elsewhere(); }

  static Result<StatementResult> Elsewhere() {
    return Error{ErrorCode::kInternal, "a statement of the service reached the engine"};
  }
};

Result<StatementResult> EngineOfDuckDb::RunCommand(const Statement& statement, const ExecuteContext& context,
                                                   RowSink* sink) {
  if (statement.refusal()) return *statement.refusal();
  const storage::ReadViewPtr view = database_->View();
  const int64_t select_at = SelectAt(statement);
  for (const TableReference& read : statement.reads()) {
    if (Status may = CheckRead(*view->catalog, read, context); !may.ok())
      return Shifted(std::move(may).error(), select_at);
  }
  return std::visit(CommandRunner{*this, context, sink, select_at}, *statement.command());
}

Result<LiveSelectPtr> EngineOfDuckDb::CompileLive(std::string_view sql, const ExecuteContext& context) {
  if (sql.size() > options_.sql_bytes) {
    return Error{ErrorCode::kTooLarge, "the text has " + std::to_string(sql.size()) + " bytes, limits.sql_bytes are " +
                                           std::to_string(options_.sql_bytes)};
  }
  return CompileLiveSelect(sql, context, live_parts_);
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::Open(EngineOptions options, storage::Database* database, const Clock* clock,
                                             Metrics* metrics, Logger* logger) {
  auto engine = std::make_unique<EngineOfDuckDb>(std::move(options), database, clock, metrics);
  RETURN_IF_ERROR(engine->Start(clock, metrics, logger));
  return std::unique_ptr<Engine>(std::move(engine));
}

}  // namespace kalamdb::engine
