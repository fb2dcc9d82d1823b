// The two operators that all others of the standard library come down to, and the count of a thread.
#include "engine/bridge/heap_scope.h"

#include <malloc.h>

#include <cstdlib>
#include <limits>
#include <new>

namespace kalamdb::engine {
namespace {

// Requests that are met after one has failed because of the end, for those who clean up. Few enough to come to the next
// soon: a stream that is written to swallows a failure.
[[maybe_unused]] constexpr uint32_t kMetAfterEnd = 20'000;

struct Count {
  bool on = false;
  int64_t held = 0, most = 0;
  const std::atomic<bool>* ended = nullptr;
  uint32_t met = 0;  // still to be met whatever `ended` says
};
constinit thread_local Count count;

}  // namespace

HeapScope::HeapScope(uint64_t most_bytes, const std::atomic<bool>* ended) : outermost_(!count.on) {
  if (!outermost_) return;
  constexpr auto kMost = static_cast<uint64_t>(std::numeric_limits<int64_t>::max() / 2);
  count = {true, 0, static_cast<int64_t>(most_bytes < kMost ? most_bytes : kMost), ended, 0};
}

HeapScope::~HeapScope() {
  if (outermost_) count.on = false;
}

int64_t HeapScope::Held() { return count.held; }

void HeapScope::Watch(const std::atomic<bool>* ended) {
  if (count.on) count.ended = ended;
}

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
bool HeapScope::Counts() { return false; }
#else
bool HeapScope::Counts() { return true; }

namespace {

bool Ends() {
  if (count.ended == nullptr || !count.ended->load(std::memory_order_relaxed)) return false;
  if (count.met > 0) return --count.met, false;
  count.met = kMetAfterEnd;
  return true;
}

void* Take(size_t size) {
  if (count.on && Ends()) return nullptr;
  if (count.on && (count.held >= count.most || size > static_cast<size_t>(count.most - count.held))) return nullptr;
  void* pointer = std::malloc(size == 0 ? 1 : size);
  if (count.on && pointer != nullptr) count.held += static_cast<int64_t>(malloc_usable_size(pointer));
  return pointer;
}

void GiveBack(void* pointer) {
  if (count.on && pointer != nullptr) count.held -= static_cast<int64_t>(malloc_usable_size(pointer));
  std::free(pointer);
}

}  // namespace
#endif

}  // namespace kalamdb::engine

#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
void* operator new(size_t size) {
  if (void* pointer = kalamdb::engine::Take(size)) return pointer;
  throw std::bad_alloc();
}
void operator delete(void* pointer) noexcept { kalamdb::engine::GiveBack(pointer); }
void operator delete(void* pointer, size_t) noexcept { kalamdb::engine::GiveBack(pointer); }
#endif
