// GCRA rate limits by key (an address, a user): a sustained rate and a burst, in constant memory a key.
//
// Source: ITU-T I.371, generic cell rate algorithm, virtual scheduling form. Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/ids.h"
#include "base/mutex.h"

namespace kalamdb::auth {

class RateLimiter {
 public:
  static constexpr size_t kMaxKeys =
      100'000;  // beyond it idle keys are dropped first, then the quarter nearest to idle
  // rate_per_second = 0: never limits.
  RateLimiter(double rate_per_second, double burst);
  // 0 = allowed; else the microseconds to wait until one would be.
  // `now` is monotonic time.
  Micros Admit(std::string_view key, Micros now);

  size_t keys() const;
  uint64_t rejections() const;  // since the start, for system.limits and metrics

 private:
  void MakeRoom(double now) REQUIRES(mutex_);

  const double interval_us_;
  const double tolerance_us_;
  mutable Mutex mutex_;
  std::unordered_map<std::string, double> arrival_ GUARDED_BY(mutex_);  // theoretical arrival time
  uint64_t rejections_ GUARDED_BY(mutex_) = 0;
};

}  // namespace kalamdb::auth
