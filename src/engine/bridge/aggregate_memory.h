// Charges to the engine's memory what aggregates keep on the C++ heap.
//
// median, mode, histogram and their kin hold a value or a node for each row outside the buffer pool, which has the
// limit. Here each update takes from the pool's allocator as much as it has taken from the heap (heap_scope.h): a
// statement over the limit ends with OUT_OF_MEMORY (TOO_LARGE) as a sort would.
#pragma once

#include "duckdb.hpp"
#include "duckdb/function/aggregate_function.hpp"

namespace kalamdb::engine {

// Puts stand-ins before the functions that make an aggregate's states grow. Thread-safe.
void ChargeAggregate(duckdb::AggregateFunction* function);

}  // namespace kalamdb::engine
