// Rewrites the targets of casts.
#include "engine/front/own_types.h"

#include "duckdb/parser/expression/cast_expression.hpp"
#include "duckdb/parser/parsed_expression_iterator.hpp"
#include "engine/bridge/chunk_codec.h"
#include "engine/bridge/qualify_names.h"

namespace kalamdb::engine {

void NameOwnType(duckdb::ParsedExpression& expression) {
  if (expression.GetExpressionClass() != duckdb::ExpressionClass::CAST) return;
  duckdb::LogicalType& type = expression.Cast<duckdb::CastExpression>().cast_type;
  if (type.id() != duckdb::LogicalTypeId::USER) return;
  std::string text = duckdb::UserType::GetTypeName(type);
  const auto& arguments = duckdb::UserType::GetTypeModifiers(type);
  if (arguments.size() > 1) return;
  if (!arguments.empty()) text += "(" + arguments[0].ToString() + ")";
  // What is no type of ours is the engine's, or its error.
  if (const auto own = row::ParseType(text); own.ok()) type = ToEngineType(*own);
}

void NameOwnTypes(duckdb::SQLStatement& statement) {
  ForEachExpression(statement,
                    [](duckdb::unique_ptr<duckdb::ParsedExpression>& expression) { NameOwnType(*expression); });
}

void NameOwnTypesIn(duckdb::ParsedExpression& expression) {
  NameOwnType(expression);
  duckdb::ParsedExpressionIterator::EnumerateChildren(expression,
                                                      [](duckdb::ParsedExpression& child) { NameOwnTypesIn(child); });
}

}  // namespace kalamdb::engine
