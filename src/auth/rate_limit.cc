// GCRA: a key is allowed while its theoretical arrival time is no further ahead than the burst allows.
#include "auth/rate_limit.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace kalamdb::auth {

RateLimiter::RateLimiter(double rate_per_second, double burst)
    : interval_us_(rate_per_second > 0 ? 1e6 / rate_per_second : 0),
      tolerance_us_(interval_us_ * (std::max(burst, 1.0) - 1)) {}

Micros RateLimiter::Admit(std::string_view key, Micros now) {
  if (interval_us_ == 0) return 0;
  const auto time = static_cast<double>(now);
  const MutexLock lock(mutex_);
  auto found = arrival_.find(std::string(key));
  if (found == arrival_.end()) {
    if (arrival_.size() >= kMaxKeys) MakeRoom(time);
    found = arrival_.emplace(key, time).first;
  }
  const double arrival = std::max(found->second, time);
  const double ahead = arrival - time - tolerance_us_;
  // Half a microsecond of rounding is not a reason to refuse.
  if (ahead >= 0.5) {
    ++rejections_;
    return static_cast<Micros>(std::ceil(ahead));
  }
  found->second = arrival + interval_us_;
  return 0;
}

// A scan of all keys, so it frees many at once: one that comes with ever new keys pays it rarely.
void RateLimiter::MakeRoom(double now) {
  std::erase_if(arrival_, [now](const auto& entry) { return entry.second <= now; });
  if (arrival_.size() <= kMaxKeys * 3 / 4) return;
  std::vector<double> times;
  times.reserve(arrival_.size());
  for (const auto& [key, time] : arrival_) times.push_back(time);
  const auto quarter = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 4);
  std::nth_element(times.begin(), quarter, times.end());
  std::erase_if(arrival_, [limit = *quarter](const auto& entry) { return entry.second <= limit; });
}

size_t RateLimiter::keys() const {
  const MutexLock lock(mutex_);
  return arrival_.size();
}

uint64_t RateLimiter::rejections() const {
  const MutexLock lock(mutex_);
  return rejections_;
}

}  // namespace kalamdb::auth
