// Snowflake ids from one atomic word.
#include "base/snowflake.h"

#include <algorithm>

#include "base/error.h"

namespace kalamdb {

namespace {
constexpr int kCounterBits = 12;
constexpr int kNodeBits = 10;
constexpr int64_t kCounterMask = (int64_t{1} << kCounterBits) - 1;
}  // namespace

SnowflakeGenerator::SnowflakeGenerator(const Clock& clock, uint32_t node)
    : clock_(clock), node_bits_(int64_t{node} << kCounterBits) {
  KALAM_CHECK(node < (1u << kNodeBits));
}

int64_t SnowflakeGenerator::Next() {
  int64_t millis = std::max<int64_t>(clock_.NowMicros() / kMicrosPerMilli - kSnowflakeEpochMillis, 0);
  int64_t now = millis << kCounterBits;
  int64_t before = last_.load(std::memory_order_relaxed);
  int64_t ticks;
  do {
    ticks = std::max(now, before + 1);  // a full counter overflows into the milliseconds
  } while (!last_.compare_exchange_weak(before, ticks, std::memory_order_relaxed));
  return ((ticks >> kCounterBits) << (kCounterBits + kNodeBits)) | node_bits_ | (ticks & kCounterMask);
}

void SnowflakeGenerator::StartAfter(int64_t id) {
  // The next millisecond, because another node's bits in `id` may be greater than ours.
  int64_t floor = ((id >> (kCounterBits + kNodeBits)) << kCounterBits) | kCounterMask;
  int64_t before = last_.load(std::memory_order_relaxed);
  while (before < floor && !last_.compare_exchange_weak(before, floor, std::memory_order_relaxed)) {
  }
}

int64_t SnowflakeMillis(int64_t id) { return (id >> (kCounterBits + kNodeBits)) + kSnowflakeEpochMillis; }

}  // namespace kalamdb
