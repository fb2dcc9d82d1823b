// Two passes over a bound plan: the bindings that carry marks, then who refers to them.
#include "engine/bridge/column_marks.h"

#include <map>
#include <utility>

#include "duckdb/planner/expression/bound_columnref_expression.hpp"
#include "duckdb/planner/expression_iterator.hpp"
#include "duckdb/planner/logical_operator_visitor.hpp"

namespace kalamdb::engine {
namespace {

using Binding = std::pair<duckdb::idx_t, duckdb::idx_t>;

void CollectMarked(duckdb::LogicalOperator& op, std::map<Binding, std::string>* marked) {
  if (op.type == duckdb::LogicalOperatorType::LOGICAL_PROJECTION) {
    const auto bindings = op.GetColumnBindings();
    for (size_t i = 0; i < op.expressions.size(); ++i) {
      const std::string alias = op.expressions[i]->GetAlias();
      if (alias.starts_with("#m")) (*marked)[{bindings[i].table_index, bindings[i].column_index}] = alias;
    }
  }
  for (auto& child : op.children) CollectMarked(*child, marked);
}

void CollectRead(duckdb::LogicalOperator& op, const std::map<Binding, std::string>& marked, ColumnMarks* marks) {
  duckdb::LogicalOperatorVisitor::EnumerateExpressions(op, [&](duckdb::unique_ptr<duckdb::Expression>* expression) {
    duckdb::ExpressionIterator::EnumerateExpression(*expression, [&](duckdb::Expression& part) {
      if (part.GetExpressionClass() != duckdb::ExpressionClass::BOUND_COLUMN_REF) return;
      const auto& binding = part.Cast<duckdb::BoundColumnRefExpression>().binding;
      const auto found = marked.find({binding.table_index, binding.column_index});
      if (found != marked.end()) marks->read.insert(found->second);
    });
  });
  for (auto& child : op.children) CollectRead(*child, marked, marks);
}

}  // namespace

ColumnMarks FindColumnMarks(duckdb::LogicalOperator& plan) {
  std::map<Binding, std::string> marked;
  CollectMarked(plan, &marked);
  ColumnMarks marks;
  for (const auto& [binding, mark] : marked) marks.bound.insert(mark);
  CollectRead(plan, marked, &marks);
  return marks;
}

}  // namespace kalamdb::engine
