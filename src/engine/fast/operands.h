// Literals, parameters, defaults and functions of the parsed tree as operands of a fast plan. Private to fast/: sees
// DuckDB.
//
// Only what means the same to the engine: a literal that would be compared or converted in another type than the
// column's is not taken.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "duckdb.hpp"
#include "duckdb/parser/parsed_expression.hpp"
#include "engine/fast/plan.h"
#include "row/schema.h"

namespace kalamdb::engine {

// What is compared with a column: `id = <this>`.
std::optional<FastOperand> ComparedOperand(const duckdb::ParsedExpression& expression, const row::Type& type);
// What is stored in a column: VALUES and SET. DEFAULT is the column's.
std::optional<FastOperand> StoredOperand(const duckdb::ParsedExpression& expression, const row::Column& column);
// The column's write default.
std::optional<FastOperand> DefaultOperand(const row::Column& column);
// LIMIT and OFFSET.
std::optional<FastOperand> CountOperand(const duckdb::ParsedExpression& expression);
// The constant that the operand would have if `value` stood in the literal's place; nullopt: none of ours.
std::optional<row::Value> LiteralValue(const duckdb::Value& value, const FastLiteral& literal);

}  // namespace kalamdb::engine
