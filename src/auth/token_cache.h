// Tokens whose signature was found right, by their SHA-256: a look-up instead of a verification. Private to auth/.
//
// Thread-safe. Holds nothing that a later check could not refuse: the caller asks again for expiry, user and
// revocation.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "auth/identity.h"
#include "auth/tokens.h"
#include "base/mutex.h"

namespace kalamdb::auth {

using TokenHash = std::array<uint8_t, 32>;
TokenHash HashToken(std::string_view token);

class TokenCache {
 public:
  std::optional<Identity> Find(const TokenHash& hash);
  // Where it is full, what has run out goes first, then everything.
  void Put(const TokenHash& hash, Identity identity, Micros now);
  void Erase(const TokenHash& hash);
  TokenCacheStats stats() const;

 private:
  struct FirstBytes {
    size_t operator()(const TokenHash& hash) const;
  };

  mutable Mutex mutex_;
  std::unordered_map<TokenHash, Identity, FirstBytes> entries_ GUARDED_BY(mutex_);
  TokenCacheStats stats_ GUARDED_BY(mutex_);
};

}  // namespace kalamdb::auth
