// Snowflake ids: 64-bit integers that grow with time and are unique over all nodes.
//
// Bits, highest first: 0 | 41 milliseconds since 2024-01-01 UTC | 10 node | 12 counter. Always positive, until 2093.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.h"

namespace kalamdb {

inline constexpr int64_t kSnowflakeEpochMillis = 1'704'067'200'000;  // 2024-01-01 00:00:00 UTC

// Thread-safe, without a lock. Each id is greater than the one before, also when the clock steps back or more than
// 4,096 ids fall into one millisecond: the time in the ids then runs ahead of the clock.
class SnowflakeGenerator {
 public:
  // REQUIRES: node < 1024. The clock must outlive this.
  SnowflakeGenerator(const Clock& clock, uint32_t node);

  int64_t Next();

  // All later ids are greater than `id`. Called at start with the greatest id that was given out before, so that a
  // clock which was set back meanwhile does no harm.
  void StartAfter(int64_t id);

 private:
  const Clock& clock_;
  const int64_t node_bits_;
  std::atomic<int64_t> last_{0};  // milliseconds since the epoch << 12 | counter
};

// The milliseconds since 1970 in an id.
int64_t SnowflakeMillis(int64_t id);

}  // namespace kalamdb
