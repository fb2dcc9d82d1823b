// What one thread takes from the C++ heap while the engine plans or runs a function, counted and limited.
//
// Aggregates and functions that keep maps, vectors and strings of the standard library take them by operator new, past
// every limit of the engine. This module replaces operator new and delete for the process: outside of a scope they do
// what they always did; inside, a thread's requests beyond its limit fail with std::bad_alloc. So do requests once the
// statement is to end: the planner looks for that nowhere, but it takes memory all the time. Under a sanitizer, which
// has operators of its own, nothing is counted and nothing ended.
#pragma once

#include <atomic>
#include <cstdint>

namespace kalamdb::engine {

// On the stack of the thread it counts for. Inside of another one it is a part of that: limit and sum are the outer's.
class HeapScope {
 public:
  // `ended`: whether the statement is to end; nullptr: nobody says so.
  explicit HeapScope(uint64_t most_bytes, const std::atomic<bool>* ended = nullptr);
  ~HeapScope();
  HeapScope(const HeapScope&) = delete;
  HeapScope& operator=(const HeapScope&) = delete;

  // Bytes taken and not given back since the outermost scope began; may be negative.
  static int64_t Held();
  // Who says from here on that the statement is to end. Outside of a scope: nothing.
  static void Watch(const std::atomic<bool>* ended);
  // False under a sanitizer.
  static bool Counts();

 private:
  const bool outermost_;
};

}  // namespace kalamdb::engine
