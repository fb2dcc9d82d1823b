// The counting allocator.
#include "engine/bridge/engine_memory.h"

#include <atomic>
#include <cstdlib>
#include <mutex>

#include "duckdb/common/exception.hpp"

namespace kalamdb::engine {
namespace {

using duckdb::Allocator;
using duckdb::data_ptr_t;
using duckdb::idx_t;
using duckdb::PrivateAllocatorData;

std::atomic<int64_t> taken{0};
std::atomic<int64_t> limit{INT64_MAX};

void Take(idx_t size) {
  const auto bytes = static_cast<int64_t>(size);
  const int64_t now = taken.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  if (size < kAlwaysAllocated || now <= limit.load(std::memory_order_relaxed)) return;
  taken.fetch_sub(bytes, std::memory_order_relaxed);
  throw duckdb::OutOfMemoryException("values of %llu bytes pass the memory limit", size);
}

void GiveBack(idx_t size) { taken.fetch_sub(static_cast<int64_t>(size), std::memory_order_relaxed); }

// Where the bytes come from. Under a sanitizer from its own malloc: from DuckDB's it would see neither what is written
// beyond a vector's end, nor that a vector was freed by one thread before another got it.
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
struct Source {
  static data_ptr_t Allocate(PrivateAllocatorData*, idx_t size) { return static_cast<data_ptr_t>(std::malloc(size)); }
  static void Free(PrivateAllocatorData*, data_ptr_t pointer, idx_t) { std::free(pointer); }
  static data_ptr_t Reallocate(PrivateAllocatorData*, data_ptr_t pointer, idx_t, idx_t size) {
    return static_cast<data_ptr_t>(std::realloc(pointer, size));
  }
};
#else
struct Source {
  static constexpr auto* Allocate = Allocator::DefaultAllocate;
  static constexpr auto* Free = Allocator::DefaultFree;
  static constexpr auto* Reallocate = Allocator::DefaultReallocate;
};
#endif

data_ptr_t Allocate(PrivateAllocatorData* data, idx_t size) {
  Take(size);
  const data_ptr_t pointer = Source::Allocate(data, size);
  if (pointer == nullptr) GiveBack(size);
  return pointer;
}

void Free(PrivateAllocatorData* data, data_ptr_t pointer, idx_t size) {
  Source::Free(data, pointer, size);
  GiveBack(size);
}

data_ptr_t Reallocate(PrivateAllocatorData* data, data_ptr_t pointer, idx_t old_size, idx_t size) {
  Take(size);
  const data_ptr_t moved = Source::Reallocate(data, pointer, old_size, size);
  GiveBack(moved == nullptr ? size : old_size);
  return moved;
}

}  // namespace

duckdb::unique_ptr<Allocator> MakeCountingAllocator() {
  return duckdb::make_uniq<Allocator>(Allocate, Free, Reallocate, nullptr);
}

duckdb::unique_ptr<Allocator> MakePlainAllocator() {
  return duckdb::make_uniq<Allocator>(Source::Allocate, Source::Free, Source::Reallocate, nullptr);
}

void LimitEngineMemory(uint64_t limit_bytes) {
  limit = static_cast<int64_t>(limit_bytes);
  static std::once_flag once;
  std::call_once(once, [] {
    auto& current = Allocator::DefaultAllocatorReference();
    // Memory that was taken from it before is given back to it: it lives as long as the process.
    static const auto* const before = new duckdb::shared_ptr<Allocator>(current);
    (void)before;
    current = duckdb::make_shared_ptr<Allocator>(Allocate, Free, Reallocate, nullptr);
  });
}

uint64_t EngineMemoryTaken() {
  const int64_t bytes = taken.load(std::memory_order_relaxed);
  return bytes > 0 ? static_cast<uint64_t>(bytes) : 0;
}

uint64_t EngineMemoryLeft() {
  const int64_t left = limit.load(std::memory_order_relaxed) - taken.load(std::memory_order_relaxed);
  return left > 0 ? static_cast<uint64_t>(left) : 0;
}

}  // namespace kalamdb::engine
