// Time, as an object that is passed in: the system's in a server, a hand-turned one in tests.
#pragma once

#include <atomic>

#include "base/ids.h"

namespace kalamdb {

inline constexpr Micros kMicrosPerMilli = 1'000;
inline constexpr Micros kMicrosPerSecond = 1'000'000;

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // Wall time, microseconds since 1970 UTC. May step in both directions.
  virtual Micros NowMicros() const = 0;

  // Never goes back; only differences mean anything. For timeouts and durations.
  virtual Micros MonotonicMicros() const = 0;
};

// The processor's steady time in nanoseconds, for measuring how long something took. Never for a decision a test should
// own.
int64_t StopwatchNanos();

class SystemClock final : public Clock {
 public:
  SystemClock() = default;
  // Wall time that is ahead of the machine's: for a server in a test, to which hours must seem to have passed.
  explicit SystemClock(Micros ahead) : ahead_(ahead) {}

  Micros NowMicros() const override;
  Micros MonotonicMicros() const override;

 private:
  const Micros ahead_ = 0;
};

// Stands still until it is moved. Starts at 2026-01-01 00:00:00 UTC.
class ManualClock final : public Clock {
 public:
  ManualClock() = default;
  explicit ManualClock(Micros wall) : wall_(wall) {}

  Micros NowMicros() const override { return wall_.load(); }
  Micros MonotonicMicros() const override { return monotonic_.load(); }

  // Both times go on. REQUIRES: by >= 0.
  void Advance(Micros by) {
    wall_ += by;
    monotonic_ += by;
  }

  // The wall time steps, as when somebody sets the system's clock.
  void SetWall(Micros wall) { wall_ = wall; }

 private:
  std::atomic<Micros> wall_{1'767'225'600'000'000};
  std::atomic<Micros> monotonic_{1'000'000};
};

}  // namespace kalamdb
