// The system's clocks.
#include "base/clock.h"

#include <chrono>

namespace kalamdb {

namespace {

template <typename SomeClock>
Micros Now() {
  return std::chrono::duration_cast<std::chrono::microseconds>(SomeClock::now().time_since_epoch()).count();
}

}  // namespace

int64_t StopwatchNanos() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Micros SystemClock::NowMicros() const { return Now<std::chrono::system_clock>() + ahead_; }
Micros SystemClock::MonotonicMicros() const { return Now<std::chrono::steady_clock>(); }

}  // namespace kalamdb
