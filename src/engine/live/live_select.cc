// A compiled subscription: what it tells the registry, its snapshot as a statement of the engine, and its next version.
#include "engine/live_select.h"

#include "duckdb/parser/expression/columnref_expression.hpp"
#include "duckdb/parser/expression/constant_expression.hpp"
#include "duckdb/parser/expression/star_expression.hpp"
#include "duckdb/parser/parsed_expression_iterator.hpp"
#include "duckdb/parser/query_node/select_node.hpp"
#include "duckdb/parser/statement/select_statement.hpp"
#include "duckdb/parser/tableref/basetableref.hpp"
#include "duckdb/parser/tableref/subqueryref.hpp"
#include "engine/engine.h"
#include "engine/live/compiled_live_select.h"
#include "engine/live/live_evaluator.h"

namespace kalamdb::engine {
namespace {

using ExpressionPtr = duckdb::unique_ptr<duckdb::ParsedExpression>;

constexpr const char* kTableAlias = "_row";  // no column's and no table's: names cannot begin with '_'
constexpr const char* kNewestAlias = "_newest";

ExpressionPtr Column(const char* alias, const std::string& name) {
  return duckdb::make_uniq<duckdb::ColumnRefExpression>(name, alias);
}

duckdb::OrderByNode By(ExpressionPtr expression, bool newest_first) {
  return {newest_first ? duckdb::OrderType::DESCENDING : duckdb::OrderType::ASCENDING,
          duckdb::OrderByNullType::NULLS_LAST, std::move(expression)};
}

// The bound query's rows as a SELECT over its table.
class SnapshotStatement {
 public:
  explicit SnapshotStatement(const BoundLiveQuery& bound) : bound_(bound), schema_(*bound.table->schema()) {}

  duckdb::unique_ptr<duckdb::SelectStatement> Build(uint64_t last_rows) const {
    auto rows = duckdb::make_uniq<duckdb::SelectNode>();
    for (const LiveOutput& output : bound_.list->outputs) {
      rows->select_list.push_back(Select(output));
      rows->select_list.back()->SetAlias(output.name);
    }
    auto from = duckdb::make_uniq<duckdb::BaseTableRef>();
    from->schema_name = bound_.table->namespace_name;
    from->table_name = bound_.table->name;
    from->alias = kTableAlias;
    rows->from_table = std::move(from);
    if (bound_.query->where) rows->where_clause = Named(*bound_.query->where);
    auto order = duckdb::make_uniq<duckdb::OrderModifier>();
    if (last_rows != 0) order->orders.push_back(By(Column(kTableAlias, "_seq"), true));
    for (const uint16_t ordinal : schema_.key_ordinals())
      order->orders.push_back(By(Column(kTableAlias, schema_.column(ordinal).name), last_rows != 0));
    rows->modifiers.push_back(std::move(order));
    auto statement = duckdb::make_uniq<duckdb::SelectStatement>();
    statement->node = last_rows == 0 ? std::move(rows) : Newest(std::move(rows), last_rows);
    return statement;
  }

 private:
  ExpressionPtr Select(const LiveOutput& output) const {
    if (output.source != nullptr) return Named(*output.source);
    if (output.system) return Column(kTableAlias, std::string(SystemColumnName(*output.system)));
    return Column(kTableAlias, schema_.column(output.ordinal).name);
  }

  // The expression with the names of the table's version.
  ExpressionPtr Named(const duckdb::ParsedExpression& resolved) const {
    ExpressionPtr copy = resolved.Copy();
    Rename(&copy);
    return copy;
  }
  void Rename(ExpressionPtr* expression) const {
    if ((*expression)->GetExpressionClass() == duckdb::ExpressionClass::COLUMN_REF) {
      const auto& reference = (*expression)->Cast<duckdb::ColumnRefExpression>();
      const ResolvedColumn column = ParseResolvedName(reference.GetColumnName());
      if (reference.IsQualified() || (!column.system && !column.stored)) return;
      const std::string alias = reference.GetAlias();
      *expression = Column(kTableAlias, column.system ? std::string(SystemColumnName(*column.system))
                                                      : schema_.column(*schema_.FindById(*column.stored)).name);
      (*expression)->SetAlias(alias);
      return;
    }
    duckdb::ParsedExpressionIterator::EnumerateChildren(**expression, [&](ExpressionPtr& child) { Rename(&child); });
  }

  // The first of the rows, in the order in which they were committed.
  duckdb::unique_ptr<duckdb::QueryNode> Newest(duckdb::unique_ptr<duckdb::SelectNode> rows, uint64_t count) const {
    auto limit = duckdb::make_uniq<duckdb::LimitModifier>();
    limit->limit = duckdb::make_uniq<duckdb::ConstantExpression>(
        duckdb::Value::BIGINT(static_cast<int64_t>(std::min<uint64_t>(count, INT64_MAX))));
    rows->modifiers.push_back(std::move(limit));
    auto inner = duckdb::make_uniq<duckdb::SelectStatement>();
    inner->node = std::move(rows);
    auto outer = duckdb::make_uniq<duckdb::SelectNode>();
    outer->select_list.push_back(duckdb::make_uniq<duckdb::StarExpression>());
    outer->from_table = duckdb::make_uniq<duckdb::SubqueryRef>(std::move(inner), kNewestAlias);
    auto order = duckdb::make_uniq<duckdb::OrderModifier>();
    order->orders.push_back(By(Column(kNewestAlias, "_seq"), false));
    for (const uint16_t ordinal : schema_.key_ordinals()) {
      for (const LiveOutput& output : bound_.list->outputs) {
        if (!output.key || output.ordinal != ordinal) continue;
        order->orders.push_back(By(Column(kNewestAlias, output.name), false));
        break;
      }
    }
    outer->modifiers.push_back(std::move(order));
    return std::move(outer);
  }

  const BoundLiveQuery& bound_;
  const row::Schema& schema_;
};

class CompiledLiveSelect final : public LiveSelect {
 public:
  CompiledLiveSelect(std::shared_ptr<const BoundLiveQuery> bound, LivePartsPtr parts)
      : bound_(std::move(bound)), parts_(std::move(parts)) {}

  const catalog::TablePtr& table() const override { return bound_->table; }
  const std::vector<LiveColumn>& columns() const override { return bound_->list->columns; }
  const std::vector<ColumnId>& named_columns() const override { return bound_->query->named_columns; }
  const std::vector<EqualityTerm>& equalities() const override { return bound_->where->equalities; }
  bool has_residual() const override { return !bound_->where->residual.expressions.empty(); }
  const std::string& group_key() const override { return bound_->group_key; }
  std::unique_ptr<LiveEvaluator> NewEvaluator() const override { return MakeLiveEvaluator(bound_); }

  Status ReadSnapshot(const storage::ReadViewPtr& view, const auth::Identity& identity, const SnapshotOptions& options,
                      RowSink* sink) const override {
    const catalog::TablePtr table = view->catalog->FindTable(bound_->table->id);
    if (table == nullptr)
      return Error{ErrorCode::kTableNotFound, "table " + bound_->table->QualifiedName() + " does not exist"};
    if (table->version() != bound_->table->version()) {
      return Error{ErrorCode::kSchemaChanged,
                   "the table " + table->QualifiedName() + " was altered while the live query was read"};
    }
    const auto statement = SnapshotStatement(*bound_).Build(options.last_rows);
    ExecuteContext context;
    context.identity = identity;
    context.namespace_name = table->namespace_name;
    context.now = parts_->services().clock->NowMicros();
    context.cancelled = options.cancelled;
    QueryInput input;
    input.statement = statement.get();
    input.view = view;
    auto done = parts_->services().runner->Run(input, context, sink);
    if (!done.ok()) return std::move(done).error();
    return {};
  }

  Result<LiveSelectPtr> Rebind(catalog::TablePtr table) const override {
    if (LiveSelectPtr same = RebindSame(table)) return same;
    ASSIGN_OR_RETURN(auto bound, BindLiveQuery(parts_->Session(), bound_->query, std::move(table), {}));
    return MakeCompiledLiveSelect(std::move(bound), parts_);
  }

  LiveSelectPtr RebindSame(catalog::TablePtr table) const override {
    if (parts_->Session() != bound_->session) return nullptr;  // the engine was started anew
    auto bound = RebindSameLiveQuery(*bound_, std::move(table));
    return bound == nullptr ? nullptr : MakeCompiledLiveSelect(std::move(bound), parts_);
  }

 private:
  const std::shared_ptr<const BoundLiveQuery> bound_;
  const LivePartsPtr parts_;
};

}  // namespace

LiveSelectPtr MakeCompiledLiveSelect(std::shared_ptr<const BoundLiveQuery> bound, LivePartsPtr parts) {
  return std::make_shared<CompiledLiveSelect>(std::move(bound), std::move(parts));
}

}  // namespace kalamdb::engine
