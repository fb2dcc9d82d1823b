// Revoked token and session ids.
#include "auth/revocations.h"

#include <mutex>

namespace kalamdb::auth {

std::string_view Revocations::SessionOf(std::string_view token_id) { return token_id.substr(0, token_id.find('.')); }

bool Revocations::Covers(std::string_view token_id) const {
  const std::shared_lock lock(mutex_);
  if (until_.empty()) return false;
  return until_.contains(std::string(token_id)) || until_.contains(std::string(SessionOf(token_id)));
}

void Revocations::Add(std::string id, Micros until) {
  const std::unique_lock lock(mutex_);
  by_time_.emplace(until, id);
  Micros& known = until_[std::move(id)];
  known = std::max(known, until);
}

std::vector<std::string> Revocations::Forget(Micros now) {
  const std::unique_lock lock(mutex_);
  std::vector<std::string> gone;
  while (!by_time_.empty() && by_time_.begin()->first <= now && gone.size() < kMaxForgottenAtOnce) {
    const std::string& id = by_time_.begin()->second;
    const auto found = until_.find(id);
    if (found != until_.end() && found->second <= now) {
      gone.push_back(id);
      until_.erase(found);
    }
    by_time_.erase(by_time_.begin());
  }
  return gone;
}

}  // namespace kalamdb::auth
