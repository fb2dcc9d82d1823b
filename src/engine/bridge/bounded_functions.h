// Puts a guard before every scalar function of the engine, so that one call is bounded in memory and in time.
//
// Without it a call takes what its arguments say (repeat('x', 3000000000)), and the engine looks for the end of a
// statement only between vectors. The guard
//   - refuses a row whose value would pass `value_bytes` (call_sizes.h) with TOO_LARGE, before anything is made;
//   - ends the statement where it has been interrupted, at every call;
//   - keeps large values from being folded into constants by the planner, which would hold each element of a list as
//     an object of its own;
//   - runs a vector that holds or makes much in slices of rows, and looks for the end between them;
//   - matches patterns of many wildcards by an algorithm whose time is bounded (pattern_match.h).
// It stands in the catalog, so it holds wherever a function runs: plans, constants folded while binding, CHECKs, live
// queries.
#pragma once

#include <cstdint>

#include "duckdb.hpp"

namespace kalamdb::engine {

// What one call reads and makes before the guard looks again.
inline constexpr uint64_t kSliceBytes = 8u << 20;

// What a call may read and make to be folded.
inline constexpr uint64_t kFoldedBytes = 1u << 20;

// REQUIRES: nothing runs in `database` yet; all functions are registered.
void BoundScalarFunctions(duckdb::DatabaseInstance& database, uint64_t value_bytes);

}  // namespace kalamdb::engine
