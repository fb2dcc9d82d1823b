// The file of signing keys: made at the first start, readable by nobody else, with a new key every quarter.
//
//   one line a key, the one that signs first: <kid> <created, seconds since 1970> <secret, base64url>
// Older keys still verify until the last token they signed has run out. To change keys at once put a line of your own
// in front and start again; removing a line ends every token it signed. Private to auth/.
#pragma once

#include <string>
#include <vector>

#include "auth/jwt.h"
#include "base/error.h"

namespace kalamdb::auth {

inline constexpr Micros kSigningKeyLifetime = 90LL * 86'400 * 1'000'000;
inline constexpr size_t kMaxSigningKeys = 16;

// Reads the file, makes it where it is absent, adds a key where the newest has signed for longer than its lifetime,
// drops those that no token of `token_lifetime` can need. The file has mode 0600 afterwards. Not empty. Errors:
// kStorageUnavailable naming the line.
Result<std::vector<SigningKey>> OpenSigningKeys(const std::string& path, Micros now, Micros token_lifetime);

}  // namespace kalamdb::auth
