// What one thread takes from the C++ heap while a function of the engine runs, counted and limited.
//
// Aggregates and functions that keep maps, vectors and strings of the standard library take them by operator new, past
// every limit of the engine. This module replaces operator new and delete for the process: outside of a scope they do
// what they always did; inside, a thread's requests beyond its limit fail with std::bad_alloc. Under a sanitizer, which
// has operators of its own, nothing is counted.
#pragma once

#include <cstdint>

namespace kalamdb::engine {

// On the stack of the thread it counts for. Inside of another one it is a part of that: limit and sum are the outer's.
class HeapScope {
 public:
  explicit HeapScope(uint64_t most_bytes);
  ~HeapScope();
  HeapScope(const HeapScope&) = delete;
  HeapScope& operator=(const HeapScope&) = delete;

  // Bytes taken and not given back since the outermost scope began; may be negative.
  static int64_t Held();
  // False under a sanitizer.
  static bool Counts();

 private:
  const bool outermost_;
};

}  // namespace kalamdb::engine
