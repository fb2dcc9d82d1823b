// The engine's binder and rewriter, used on single expressions.
#include "engine/live/live_expressions.h"

#include "duckdb/optimizer/optimizer.hpp"
#include "duckdb/planner/bound_parameter_map.hpp"
#include "duckdb/planner/expression/list.hpp"
#include "duckdb/planner/expression_binder/where_binder.hpp"
#include "duckdb/planner/expression_iterator.hpp"
#include "duckdb/planner/operator/logical_dummy_scan.hpp"
#include "duckdb/planner/operator/logical_filter.hpp"
#include "duckdb/planner/operator/logical_projection.hpp"
#include "engine/bridge/chunk_codec.h"
#include "engine/front/error_mapping.h"

namespace kalamdb::engine {

using duckdb::Expression;
using duckdb::ExpressionClass;
using duckdb::LogicalType;
using ExpressionPtr = duckdb::unique_ptr<Expression>;

namespace {

constexpr duckdb::idx_t kTableIndex = 0;

// The name of a function that is not the same for the same row, at any time and for everybody; empty: none.
std::string UnstableFunction(const Expression& expression) {
  std::string found;
  if (expression.GetExpressionClass() == ExpressionClass::BOUND_FUNCTION) {
    const auto& function = expression.Cast<duckdb::BoundFunctionExpression>().function;
    if (function.stability != duckdb::FunctionStability::CONSISTENT) return function.name;
  }
  duckdb::ExpressionIterator::EnumerateChildren(expression, [&](const Expression& child) {
    if (found.empty()) found = UnstableFunction(child);
  });
  return found;
}

}  // namespace

LogicalType SystemColumnType(SystemColumn column) {
  switch (column) {
    case SystemColumn::kSeq: return LogicalType::BIGINT;
    case SystemColumn::kUpdated: return LogicalType::TIMESTAMP;
    case SystemColumn::kVersion: return LogicalType::INTEGER;
    case SystemColumn::kUserId: return LogicalType::VARCHAR;
  }
  return LogicalType::VARCHAR;
}

std::vector<LiveInput> AllLiveInputs(const row::Schema& schema) {
  std::vector<LiveInput> inputs;
  for (size_t i = 0; i < schema.size(); ++i) inputs.push_back({std::nullopt, i, ToEngineType(schema.column(i).type)});
  for (const SystemColumn column :
       {SystemColumn::kSeq, SystemColumn::kUpdated, SystemColumn::kVersion, SystemColumn::kUserId}) {
    inputs.push_back({column, 0, SystemColumnType(column)});
  }
  return inputs;
}

void AddLiveColumns(duckdb::Binder& binder, const row::Schema& schema, const std::vector<LiveInput>& inputs) {
  duckdb::vector<duckdb::string> names;
  duckdb::vector<LogicalType> types;
  for (const LiveInput& input : inputs) {
    names.push_back(input.system ? ResolvedName(*input.system) : ResolvedName(schema.column(input.ordinal).id));
    types.push_back(input.type);
  }
  binder.bind_context.AddGenericBinding(kTableIndex, "row", names, types);
}

ExpressionPtr BindLiveExpression(duckdb::Binder& binder, duckdb::ClientContext& context,
                                 const duckdb::ParsedExpression& parsed, const LogicalType& target) {
  duckdb::WhereBinder where(binder, context);
  where.target_type = target;
  auto copy = parsed.Copy();
  return where.Bind(copy);
}

Status CheckStable(const Expression& expression) {
  const std::string name = UnstableFunction(expression);
  if (name.empty()) return {};
  return Error{ErrorCode::kUnsupported, name + " depends on time, chance or session: a live query cannot hold it"};
}

void SimplifyLive(duckdb::Binder& binder, duckdb::ClientContext& context, LiveExpressions* projections,
                  LiveExpressions* conjuncts) {
  duckdb::Optimizer optimizer(binder, context);
  if (!conjuncts->empty()) {
    duckdb::LogicalFilter filter(std::move(conjuncts->front()));
    filter.children.push_back(duckdb::make_uniq<duckdb::LogicalDummyScan>(kTableIndex));
    optimizer.rewriter.VisitOperator(filter);
    *conjuncts = std::move(filter.expressions);
    duckdb::LogicalFilter::SplitPredicates(*conjuncts);
  }
  if (!projections->empty()) {
    duckdb::LogicalProjection projection(kTableIndex + 1, std::move(*projections));
    projection.children.push_back(duckdb::make_uniq<duckdb::LogicalDummyScan>(kTableIndex));
    optimizer.rewriter.VisitOperator(projection);
    *projections = std::move(projection.expressions);
  }
}

std::optional<EqualityTerm> EqualityOf(const Expression& expression, const row::Schema& schema) {
  if (expression.GetExpressionType() != duckdb::ExpressionType::COMPARE_EQUAL) return std::nullopt;
  const auto& comparison = expression.Cast<duckdb::BoundComparisonExpression>();
  const Expression* column = comparison.left.get();
  const Expression* constant = comparison.right.get();
  if (column->GetExpressionClass() != ExpressionClass::BOUND_COLUMN_REF) std::swap(column, constant);
  if (column->GetExpressionClass() != ExpressionClass::BOUND_COLUMN_REF ||
      constant->GetExpressionClass() != ExpressionClass::BOUND_CONSTANT)
    return std::nullopt;
  const size_t ordinal = column->Cast<duckdb::BoundColumnRefExpression>().binding.column_index;
  if (ordinal >= schema.size()) return std::nullopt;
  const row::Column& stored = schema.column(ordinal);
  const row::TypeKind kind = stored.type.kind();
  if (!stored.type.CanBeKey() || kind == row::TypeKind::kFloat || kind == row::TypeKind::kDouble) return std::nullopt;
  const duckdb::Value& value = constant->Cast<duckdb::BoundConstantExpression>().value;
  if (value.IsNull() || value.type() != ToEngineType(stored.type)) return std::nullopt;
  return EqualityTerm{stored.id, FromEngineValue(stored.type, value)};
}

bool IsConstantTrue(const Expression& expression) {
  if (expression.GetExpressionClass() != ExpressionClass::BOUND_CONSTANT) return false;
  const duckdb::Value& value = expression.Cast<duckdb::BoundConstantExpression>().value;
  return !value.IsNull() && value.type().id() == duckdb::LogicalTypeId::BOOLEAN && duckdb::BooleanValue::Get(value);
}

std::string LiveKeyText(const Expression& expression) {
  std::string text = expression.ToString() + "::" + expression.return_type.ToString();
  const std::function<void(const Expression&)> visit = [&](const Expression& at) {
    if (at.GetExpressionClass() == ExpressionClass::BOUND_CONSTANT) text += "," + at.return_type.ToString();
    duckdb::ExpressionIterator::EnumerateChildren(at, visit);
  };
  visit(expression);
  return text;
}

void CompactProgram(const std::vector<LiveInput>& all, LiveProgram* program) {
  std::vector<std::optional<size_t>> places(all.size());
  for (ExpressionPtr& root : program->expressions) {
    duckdb::ExpressionIterator::VisitExpressionClassMutable(
        root, ExpressionClass::BOUND_COLUMN_REF, [&](ExpressionPtr& child) {
          const auto& column = child->Cast<duckdb::BoundColumnRefExpression>();
          const size_t from = column.binding.column_index;
          if (!places[from]) {
            places[from] = program->inputs.size();
            program->inputs.push_back(all[from]);
          }
          child = duckdb::make_uniq<duckdb::BoundReferenceExpression>(column.return_type, *places[from]);
        });
  }
}

Error MapLiveBindError(const std::exception& exception, std::string_view text) {
  Error error = MapException(exception, text);
  if (error.message.find("aggregate") != std::string::npos && error.code == ErrorCode::kInvalidSql) {
    return Error{ErrorCode::kUnsupported, "an aggregate is not offered in a live query"}.WithHint("").At(
        error.position);
  }
  return error;
}

Result<duckdb::case_insensitive_map_t<LogicalType>> AskedTypes(LiveSession& session, const LiveQuery& query,
                                                               const catalog::Table& table, std::string_view text) {
  duckdb::case_insensitive_map_t<LogicalType> types;
  try {
    session.Bind([&](duckdb::ClientContext& context) {
      auto binder = duckdb::Binder::CreateBinder(context);
      AddLiveColumns(*binder, *table.schema(), AllLiveInputs(*table.schema()));
      duckdb::case_insensitive_map_t<duckdb::BoundParameterData> none;
      duckdb::BoundParameterMap parameters(none);
      binder->parameters = &parameters;
      const auto bind = [&](const duckdb::ParsedExpression& expression, const LogicalType& target) {
        try {
          BindLiveExpression(*binder, context, expression, target);
        } catch (const std::exception& exception) {
          // Nothing is asked of this parameter: it decides by its own type.
          if (duckdb::ErrorData(exception).Type() != duckdb::ExceptionType::PARAMETER_NOT_RESOLVED) throw;
        }
      };
      for (const LiveItem& item : query.items) {
        if (!item.star) bind(*item.expression, LogicalType(duckdb::LogicalTypeId::INVALID));
      }
      if (query.where) bind(*query.where, LogicalType::BOOLEAN);
      for (const auto& [name, data] : parameters.GetParameters()) types[name] = data->return_type;
    });
  } catch (const std::exception& exception) {
    return MapLiveBindError(exception, text);
  }
  return types;
}

}  // namespace kalamdb::engine
