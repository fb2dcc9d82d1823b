// Sessions that were ended and refresh tokens that were used, until their tokens would have run out anyway. Private to
// auth/.
//
// Thread-safe. Kept whole in memory (it is state, not a cache): an entry lives at most as long as a refresh token.
#pragma once

#include <map>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ids.h"

namespace kalamdb::auth {

class Revocations {
 public:
  static constexpr size_t kMaxForgottenAtOnce = 100;

  // `token_id` itself, or the session it belongs to.
  bool Covers(std::string_view token_id) const;
  // `id` is that of a token or a session.
  void Add(std::string id, Micros until);
  // Removes at most kMaxForgottenAtOnce entries that have run out, and says which: their records can go.
  std::vector<std::string> Forget(Micros now);

  // `<session>.<n>` → `<session>`.
  static std::string_view SessionOf(std::string_view token_id);

 private:
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, Micros> until_;  // GUARDED_BY(mutex_)
  std::multimap<Micros, std::string> by_time_;     // GUARDED_BY(mutex_); may name one twice, with an older time
};

}  // namespace kalamdb::auth
