// GCRA rate limits by key (an address, a user): a sustained rate and a burst, in constant memory a key.
//
// Source: ITU-T I.371, generic cell rate algorithm, virtual scheduling form. Thread-safe.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/ids.h"

namespace kalamdb::auth {

class RateLimiter {
 public:
  static constexpr size_t kMaxKeys = 100'000;  // beyond it idle keys are dropped first, then the oldest
  // rate_per_second = 0: never limits.
  RateLimiter(double rate_per_second, double burst);
  // 0 = allowed; else the microseconds to wait until one would be.
  Micros Admit(std::string_view key, Micros now);

 private:
  const double interval_us_;
  const double tolerance_us_;
  std::mutex mutex_;
  std::unordered_map<std::string, double> arrival_;  // GUARDED_BY(mutex_): theoretical arrival time
};

}  // namespace kalamdb::auth
