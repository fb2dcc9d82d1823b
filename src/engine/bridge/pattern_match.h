// LIKE, ILIKE and GLOB for patterns of several wildcards, in bounded time.
//
// The engine tries every way to give text to the wildcards, which grows with a power of the text's length for each of
// them and cannot be interrupted. Here a wildcard takes as little as it can, and only the last one is ever tried again:
// that finds a match where there is one, in at most text × pattern steps, and it looks for the end of the statement.
#pragma once

#include <optional>
#include <string_view>

#include "duckdb.hpp"
#include "duckdb/execution/expression_executor_state.hpp"

namespace kalamdb::engine {

enum class PatternKind : uint8_t { kNone, kLike, kNotLike, kILike, kNotILike, kGlob };

// Of a function by its name in the engine's catalog ("~~", "like_escape"); the number of its arguments.
PatternKind PatternKindOf(std::string_view function_name, size_t arguments);

// Fills `result`, or gives false: no pattern is worth it, the engine may do it. The arguments: text, pattern, and for
// the functions with an escape that.
bool MatchWithinBounds(PatternKind kind, duckdb::DataChunk& input, duckdb::ExpressionState& state,
                       duckdb::Vector& result);

// Both throw InterruptException where the statement of `state` has been interrupted. Bytes are compared; `_` takes a
// character, `?` a byte.
bool MatchesLike(std::string_view text, std::string_view pattern, std::optional<char> escape,
                 duckdb::ExpressionState* state);
// REQUIRES: no bracket in the pattern.
bool MatchesGlob(std::string_view text, std::string_view pattern, duckdb::ExpressionState* state);

}  // namespace kalamdb::engine
