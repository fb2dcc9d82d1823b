// The first wall: walks a whole parsed tree and refuses what is not known to be harmless, by class and by name.
//
// What it lets through can still only bind to what the bridge's catalog shows; the second wall (the bridge's optimizer
// extension) looks at the bound plan. A class this code does not know is refused, never passed over. Pure, thread-safe.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "duckdb.hpp"
#include "duckdb/parser/sql_statement.hpp"
#include "engine/front/statement.h"

namespace kalamdb::engine {

// Expressions of a statement: the engine plans some ten thousand in a second, and cannot be interrupted meanwhile. An
// INSERT of values may have more, most of them never reach the planner.
inline constexpr size_t kMostExpressions = 100'000;
inline constexpr size_t kMostInsertExpressions = 1'000'000;

struct AllowResult {
  std::optional<Error> refusal;  // kUnsupported, kTooLarge, or kInvalidSql where it looks as if a name did not exist
  std::vector<TableReference> reads;     // base tables outside of CTE names, in order
  std::optional<TableReference> target;  // of INSERT, UPDATE, DELETE, MERGE
  bool names_history = false;            // AT (…)
};

// `text`: what the tree was parsed from, for positions.
AllowResult CheckAllowed(const duckdb::SQLStatement& statement, std::string_view text);

// One expression on its own (CHECK, DEFAULT, a live predicate).
std::optional<Error> CheckExpressionAllowed(const duckdb::ParsedExpression& expression);

}  // namespace kalamdb::engine
