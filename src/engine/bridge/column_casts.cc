// Follows each written column down the plan to the expressions that make its values, and wraps their casts.
#include "engine/bridge/column_casts.h"

#include <atomic>
#include <memory>

#include "duckdb/common/index_vector.hpp"
#include "duckdb/planner/expression/bound_cast_expression.hpp"
#include "duckdb/planner/expression/bound_columnref_expression.hpp"
#include "duckdb/planner/expression/bound_parameter_expression.hpp"
#include "duckdb/planner/expression_iterator.hpp"
#include "duckdb/planner/operator/logical_expression_get.hpp"
#include "duckdb/planner/operator/logical_insert.hpp"
#include "duckdb/planner/operator/logical_merge_into.hpp"
#include "duckdb/planner/operator/logical_update.hpp"
#include "engine/bridge/chunk_codec.h"
#include "engine/bridge/table_entry.h"
#include "engine/front/error_mapping.h"

namespace kalamdb::engine {
namespace {

using ExpressionPtr = duckdb::unique_ptr<duckdb::Expression>;
using Type = duckdb::LogicalOperatorType;

struct Target {
  std::string name;  // "column n of app.t"
  duckdb::LogicalType type;
};
using TargetPtr = std::shared_ptr<const Target>;

// A cast of the engine, and whose values it makes.
struct NamedCast final : duckdb::BoundCastData {
  NamedCast(duckdb::BoundCastInfo own, TargetPtr for_column) : cast(std::move(own)), target(std::move(for_column)) {}
  duckdb::unique_ptr<duckdb::BoundCastData> Copy() const override {
    auto copy = duckdb::make_uniq<NamedCast>(cast.Copy(), target);
    copy->row = row;
    copy->seen = seen;
    return std::move(copy);
  }
  duckdb::BoundCastInfo cast;
  const TargetPtr target;
  uint64_t row = 0;                             // of VALUES; 0: not one of them
  std::shared_ptr<std::atomic<uint64_t>> seen;  // rows that have been cast before; null: they do not come one by one
};

duckdb::CastParameters Inner(const NamedCast& named, duckdb::CastParameters& outer) {
  duckdb::CastParameters inner(outer, named.cast.cast_data.get(), outer.local_state);
  inner.cast_source = outer.cast_source;
  inner.cast_target = outer.cast_target;
  inner.nullify_parent = outer.nullify_parent;
  return inner;
}

// Of a batch that failed. Their number, if none fails by itself.
uint64_t FirstMisfit(const NamedCast& named, duckdb::Vector& source, const duckdb::LogicalType& type, uint64_t count,
                     duckdb::CastParameters& outer) {
  for (uint64_t i = 0; i < count; ++i) {
    duckdb::Vector one(source, i, i + 1), made(type);
    std::string message;
    duckdb::CastParameters inner = Inner(named, outer);
    inner.error_message = &message;
    try {
      if (!named.cast.function(one, made, 1, inner)) return i;
    } catch (const std::exception&) {
      return i;
    }
  }
  return count;
}

// REQUIRES: called from a handler of `exception`.
[[noreturn]] void Rethrow(const std::exception& exception, const NamedCast& named, duckdb::Vector& source,
                          const duckdb::LogicalType& type, uint64_t count, duckdb::CastParameters& outer) {
  const duckdb::ErrorData error(exception);
  Error own = MapError(error, "");
  if (own.code != ErrorCode::kTypeMismatch) throw;
  constexpr std::string_view kFit = " does not fit type ";
  const auto column_type = FromEngineType(named.target->type);
  if (const size_t at = own.message.rfind(kFit); at != std::string::npos && type == named.target->type && column_type)
    own = Error{own.code, own.message.substr(0, at + kFit.size()) + column_type->ToSql(),
                HowWritten(column_type->ToSql())};
  uint64_t row = named.row;
  if (named.seen) row = *named.seen + FirstMisfit(named, source, type, count, outer) + 1;
  own.message = (row == 0 ? "" : "row " + std::to_string(row) + ": ") + named.target->name + ": " + own.message;
  const auto& info = error.ExtraInfo();
  const auto position = info.find("position");
  ThrowError(own, position == info.end() ? "" : position->second);
}

bool CastNamed(duckdb::Vector& source, duckdb::Vector& result, duckdb::idx_t count,
               duckdb::CastParameters& parameters) {
  const auto& named = parameters.cast_data->Cast<NamedCast>();
  try {
    duckdb::CastParameters inner = Inner(named, parameters);
    const bool all = named.cast.function(source, result, count, inner);
    if (named.seen) *named.seen += count;
    return all;
  } catch (const std::exception& exception) {
    Rethrow(exception, named, source, result.GetType(), count, parameters);
  }
}

duckdb::unique_ptr<duckdb::FunctionLocalState> InitNamed(duckdb::CastLocalStateParameters& parameters) {
  const auto& named = parameters.cast_data->Cast<NamedCast>();
  duckdb::CastLocalStateParameters inner(parameters, named.cast.cast_data.get());
  return named.cast.init_local_state(inner);
}

class Naming {
 public:
  explicit Naming(ParameterTargets* parameters) : parameters_(*parameters) {}

  void Visit(duckdb::LogicalOperator& op) {
    switch (op.type) {
      case Type::LOGICAL_INSERT: Insert(op.Cast<duckdb::LogicalInsert>()); break;
      case Type::LOGICAL_UPDATE: Update(op.Cast<duckdb::LogicalUpdate>()); break;
      case Type::LOGICAL_MERGE_INTO: Merge(op.Cast<duckdb::LogicalMergeInto>()); break;
      default: break;
    }
    for (auto& child : op.children) Visit(*child);
  }

 private:
  static TargetPtr TargetOf(const duckdb::TableCatalogEntry& table, const duckdb::ColumnDefinition& column) {
    const auto* entry = dynamic_cast<const TableEntry*>(&table);
    if (entry == nullptr) return nullptr;
    return std::make_shared<const Target>(
        Target{"column " + column.Name() + " of " + entry->table()->QualifiedName(), column.Type()});
  }

  void Insert(duckdb::LogicalInsert& insert) {
    duckdb::LogicalOperator& source = *insert.children[0];
    const auto bindings = source.GetColumnBindings();
    for (const auto& column : insert.table.GetColumns().Physical()) {
      const duckdb::idx_t at =
          insert.column_index_map.empty() ? column.Physical().index : insert.column_index_map[column.Physical()];
      if (at < bindings.size()) Trace(source, bindings[at], TargetOf(insert.table, column), true);
    }
    Defaults(insert.table, insert.bound_defaults);
  }

  void Defaults(const duckdb::TableCatalogEntry& table, duckdb::vector<ExpressionPtr>& defaults) {
    for (const auto& column : table.GetColumns().Physical()) {
      const TargetPtr target = TargetOf(table, column);
      const duckdb::idx_t at = column.StorageOid();
      if (target != nullptr && at < defaults.size() && defaults[at]) Wrap(defaults[at], target, 0, nullptr);
    }
  }

  void Update(duckdb::LogicalUpdate& update) {
    for (size_t i = 0; i < update.columns.size() && i < update.expressions.size(); ++i)
      Made(update.expressions[i], TargetOf(update.table, update.table.GetColumns().GetColumn(update.columns[i])),
           *update.children[0]);
    Defaults(update.table, update.bound_defaults);
  }

  void Merge(duckdb::LogicalMergeInto& merge) {
    const auto& columns = merge.table.GetColumns();
    Defaults(merge.table, merge.bound_defaults);
    for (auto& [condition, actions] : merge.actions) {
      for (auto& action : actions) {
        for (size_t i = 0; i < action->columns.size() && i < action->expressions.size(); ++i)
          Made(action->expressions[i], TargetOf(merge.table, columns.GetColumn(action->columns[i])),
               *merge.children[0]);
        if (action->action_type != duckdb::MergeActionType::MERGE_INSERT) continue;
        for (const auto& column : columns.Physical()) {
          const duckdb::idx_t at =
              action->column_index_map.empty() ? column.Physical().index : action->column_index_map[column.Physical()];
          if (at < action->expressions.size())
            Made(action->expressions[at], TargetOf(merge.table, column), *merge.children[0]);
        }
      }
    }
  }

  // An expression over `child` that makes values of the column.
  void Made(ExpressionPtr& expression, const TargetPtr& target, duckdb::LogicalOperator& child) {
    if (target == nullptr) return;
    Wrap(expression, target, 0, nullptr);
    if (expression->GetExpressionClass() == duckdb::ExpressionClass::BOUND_COLUMN_REF)
      Trace(child, expression->Cast<duckdb::BoundColumnRefExpression>().binding, target, false);
  }

  // `in_order`: what `op` gives are the rows of the INSERT, one by one.
  void Trace(duckdb::LogicalOperator& op, const duckdb::ColumnBinding& binding, const TargetPtr& target,
             bool in_order) {
    if (target == nullptr) return;
    switch (op.type) {
      case Type::LOGICAL_PROJECTION: {
        ExpressionPtr& expression = op.expressions[binding.column_index];
        Wrap(expression, target, 0, in_order ? std::make_shared<std::atomic<uint64_t>>(0) : nullptr);
        if (expression->GetExpressionClass() == duckdb::ExpressionClass::BOUND_COLUMN_REF)
          Trace(*op.children[0], expression->Cast<duckdb::BoundColumnRefExpression>().binding, target, in_order);
        return;
      }
      case Type::LOGICAL_EXPRESSION_GET: {
        auto& rows = op.Cast<duckdb::LogicalExpressionGet>().expressions;
        for (size_t row = 0; row < rows.size(); ++row) Wrap(rows[row][binding.column_index], target, row + 1, nullptr);
        return;
      }
      case Type::LOGICAL_UNION:
      case Type::LOGICAL_EXCEPT:
      case Type::LOGICAL_INTERSECT:
        for (auto& child : op.children) Trace(*child, child->GetColumnBindings()[binding.column_index], target, false);
        return;
      case Type::LOGICAL_AGGREGATE_AND_GROUP_BY: return;
      default: break;
    }
    for (auto& child : op.children) {
      for (const auto& made : child->GetColumnBindings()) {
        if (made == binding) return Trace(*child, binding, target, false);
      }
    }
  }

  // `seen`: for the outermost cast, which runs over all rows.
  void Wrap(ExpressionPtr& expression, const TargetPtr& target, uint64_t row,
            std::shared_ptr<std::atomic<uint64_t>> seen) {
    if (expression->GetExpressionClass() == duckdb::ExpressionClass::BOUND_PARAMETER)
      parameters_.emplace(expression->Cast<duckdb::BoundParameterExpression>().identifier, target->name);
    if (expression->GetExpressionClass() == duckdb::ExpressionClass::BOUND_CAST) {
      auto& cast = expression->Cast<duckdb::BoundCastExpression>();
      if (!cast.try_cast && cast.bound_cast.function != CastNamed) {
        const bool has_state = cast.bound_cast.init_local_state != nullptr;
        auto named = duckdb::make_uniq<NamedCast>(std::move(cast.bound_cast), target);
        named->row = row;
        named->seen = std::move(seen);
        cast.bound_cast = duckdb::BoundCastInfo(CastNamed, std::move(named), has_state ? InitNamed : nullptr);
      }
    }
    duckdb::ExpressionIterator::EnumerateChildren(*expression,
                                                  [&](ExpressionPtr& child) { Wrap(child, target, row, nullptr); });
  }

  ParameterTargets& parameters_;
};

}  // namespace

void NameColumnsOfCasts(duckdb::LogicalOperator& plan, ParameterTargets* targets) { Naming(targets).Visit(plan); }

}  // namespace kalamdb::engine
