// How much the engine's parser copies for the WITH clauses of a statement.
//
// It keeps each query of a list of n also in each of n nodes, and copies them again wherever such a list stands within
// a query of another one: ten levels of 30 bytes each parse for a minute. What is counted are tokens, each as often as
// it is copied; the parser copies some ten million in a second, and so does each run of the statement.
#pragma once

#include <cstdint>

#include "engine/front/tokens.h"

namespace kalamdb::engine {

inline constexpr uint64_t kMostWithTokens = 1'000'000;  // 250 queries in one list, 8 levels within each other

// Of tokens [begin, end). A pure function; linear.
uint64_t WithWork(const SqlText& sql, size_t begin, size_t end);

}  // namespace kalamdb::engine
