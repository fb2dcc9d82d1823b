// Looks a value up in the tree of its statement.
#include "engine/front/value_places.h"

#include "duckdb/parser/expression/cast_expression.hpp"
#include "duckdb/parser/statement/insert_statement.hpp"
#include "duckdb/parser/statement/update_statement.hpp"
#include "duckdb/parser/tableref/expressionlistref.hpp"

namespace kalamdb::engine {
namespace {

using duckdb::ExpressionClass;

std::optional<size_t> PlaceOf(const duckdb::ParsedExpression& expression) {
  const duckdb::ParsedExpression* literal = &expression;
  if (literal->GetExpressionClass() == ExpressionClass::CAST)
    literal = literal->Cast<duckdb::CastExpression>().child.get();
  if (literal->GetExpressionClass() != ExpressionClass::CONSTANT) return std::nullopt;
  const duckdb::optional_idx location = literal->GetQueryLocation();
  return location.IsValid() ? std::optional<size_t>(location.GetIndex()) : std::nullopt;
}

// Which of the values of a row is that column's.
std::optional<size_t> ValueOf(const duckdb::InsertStatement& insert, const row::Schema& schema, size_t ordinal) {
  if (insert.columns.empty()) {
    const size_t hidden = schema.size() > 0 && schema.column(0).hidden ? 1 : 0;
    return ordinal < hidden ? std::nullopt : std::optional(ordinal - hidden);
  }
  for (size_t i = 0; i < insert.columns.size(); ++i) {
    if (schema.FindByName(insert.columns[i]) == ordinal) return i;
  }
  return std::nullopt;
}

std::optional<size_t> InInsert(const duckdb::InsertStatement& insert, const row::Schema& schema, ValuePlace place) {
  if (insert.default_values || insert.on_conflict_info) return std::nullopt;
  const auto list = insert.GetValuesList();
  const auto value = ValueOf(insert, schema, place.ordinal);
  if (!list || !value || place.row == 0 || place.row > list->values.size()) return std::nullopt;
  const auto& row = list->values[place.row - 1];
  return *value < row.size() ? PlaceOf(*row[*value]) : std::nullopt;
}

}  // namespace

std::optional<size_t> FindLiteral(const duckdb::SQLStatement& statement, const row::Schema& schema, ValuePlace place) {
  if (statement.type == duckdb::StatementType::INSERT_STATEMENT)
    return InInsert(statement.Cast<duckdb::InsertStatement>(), schema, place);
  if (statement.type != duckdb::StatementType::UPDATE_STATEMENT) return std::nullopt;
  const auto& set = statement.Cast<duckdb::UpdateStatement>().set_info;
  for (size_t i = 0; set && i < set->columns.size() && i < set->expressions.size(); ++i) {
    if (schema.FindByName(set->columns[i]) == place.ordinal) return PlaceOf(*set->expressions[i]);
  }
  return std::nullopt;
}

}  // namespace kalamdb::engine
