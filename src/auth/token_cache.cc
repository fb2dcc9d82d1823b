// The cache of verified tokens.
#include "auth/token_cache.h"

#include <openssl/sha.h>

#include <cstring>

namespace kalamdb::auth {

TokenHash HashToken(std::string_view token) {
  TokenHash hash{};
  SHA256(reinterpret_cast<const uint8_t*>(token.data()), token.size(), hash.data());
  return hash;
}

size_t TokenCache::FirstBytes::operator()(const TokenHash& hash) const {
  size_t first = 0;
  std::memcpy(&first, hash.data(), sizeof(first));
  return first;
}

std::optional<Identity> TokenCache::Find(const TokenHash& hash) {
  const MutexLock lock(mutex_);
  const auto found = entries_.find(hash);
  if (found == entries_.end()) {
    ++stats_.misses;
    return std::nullopt;
  }
  ++stats_.hits;
  return found->second;
}

void TokenCache::Put(const TokenHash& hash, Identity identity, Micros now) {
  const MutexLock lock(mutex_);
  if (entries_.size() >= kVerifiedTokenCacheEntries) {
    size_t removed = std::erase_if(entries_, [now](const auto& entry) { return entry.second.expires_at <= now; });
    if (removed == 0) {
      removed = entries_.size();
      entries_.clear();
    }
    stats_.evictions += removed;
  }
  entries_.insert_or_assign(hash, std::move(identity));
}

void TokenCache::Erase(const TokenHash& hash) {
  const MutexLock lock(mutex_);
  entries_.erase(hash);
}

TokenCacheStats TokenCache::stats() const {
  const MutexLock lock(mutex_);
  TokenCacheStats stats = stats_;
  stats.entries = entries_.size();
  return stats;
}

}  // namespace kalamdb::auth
