// Counts what DuckDB takes from its allocators, so that a value may not pass the engine's memory limit.
//
// DuckDB's own limit holds for its buffer pool only: the vectors, texts and lists that expressions make lie outside.
// Here both are counted, and a large request that would pass the limit fails as if the machine had no memory left
// (OUT_OF_MEMORY → TOO_LARGE); small ones always pass, so a neighbour's small statement does not fail for a large one.
// What functions keep in containers of the standard library is seen by heap_scope.h.
//
// One count for the process, because DuckDB's default allocator is one for the process. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>

#include "duckdb.hpp"
#include "duckdb/common/allocator.hpp"

namespace kalamdb::engine {

inline constexpr uint64_t kAlwaysAllocated = 1u << 20;  // requests below never fail by the limit
inline constexpr uint64_t kPoolShareDivisor = 4;        // a quarter of the limit is kept from the buffer pool

// Replaces DuckDB's default allocator by one that counts; again: only the limit changes. REQUIRES: before the first
// instance opens.
void LimitEngineMemory(uint64_t limit_bytes);

// For DBConfig: counts into the same sum.
duckdb::unique_ptr<duckdb::Allocator> MakeCountingAllocator();

// For the DBConfig of work that no statement's size may fail: does not count.
duckdb::unique_ptr<duckdb::Allocator> MakePlainAllocator();

// Bytes that are taken now, and what is left of the limit.
uint64_t EngineMemoryTaken();
uint64_t EngineMemoryLeft();

}  // namespace kalamdb::engine
