// Access and refresh tokens: JWTs signed with our own HS256 key, revocable, verified once and then remembered.
//
// TokenService is thread-safe. Verify is 4 µs for a new token and a look-up for a known one (bounded cache, dropped at
// expiry). The key is made at the first start and kept 0600 in the data directory. Algorithms are allow-listed (HS256)
// and bound to the key; `kid` names the key. Claims: sub (the name), uid (the internal id), iss ("kalamdb"), exp, iat,
// role, token_type
// ("access" | "refresh"), jti, gen. A jti is `<session>.<n>`: n counts the refreshes of the session that a login began.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "auth/identity.h"
#include "auth/users.h"
#include "base/clock.h"
#include "base/error.h"

namespace kalamdb::auth {

inline constexpr size_t kVerifiedTokenCacheEntries = 65'536;
inline constexpr size_t kMaxTokenBytes = 4'096;  // a longer one is refused unread

struct TokenCacheStats {
  uint64_t entries = 0, max_entries = kVerifiedTokenCacheEntries, hits = 0, misses = 0, evictions = 0;
};

struct TokenOptions {
  std::string key_path;                  // file with the signing keys, made 0600 where absent
  int64_t access_seconds = 3'600;        // auth.access_minutes
  int64_t refresh_seconds = 7 * 86'400;  // auth.refresh_days
};

struct TokenPair {
  std::string access_token, refresh_token;
  Micros access_expires_at = 0, refresh_expires_at = 0;
};

class TokenService {
 public:
  static Result<std::unique_ptr<TokenService>> Open(TokenOptions options, UserDirectory* users, UserStore* store,
                                                    const Clock* clock);
  virtual ~TokenService() = default;

  // At start: the revocations of the store ('J' records).
  virtual Status Load(std::string_view key, std::string_view value) = 0;

  virtual TokenPair Issue(const UserRecord& user) = 0;
  // Errors: kTokenExpired; kUnauthenticated for everything else (forged, `nbf` or `iat` ahead, revoked, role differs,
  // user gone).
  virtual Result<Identity> VerifyAccess(std::string_view token) = 0;
  // A used refresh token is worth nothing afterwards.
  virtual Result<TokenPair> Refresh(std::string_view refresh_token) = 0;
  // Logout: every access and refresh token of the session that the identity's token belongs to.
  virtual Status Revoke(const Identity& identity) = 0;

  virtual TokenCacheStats CacheStats() const = 0;
};

}  // namespace kalamdb::auth
