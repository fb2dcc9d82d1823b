// Signed claims as text: header.payload.signature, HS256 only (RFC 7515, RFC 7519). Private to auth/.
//
// The header is not parsed: it must be byte for byte the one we write for one of our keys, so no other algorithm, no
// missing signature and no foreign key can be named. The signature is compared as text in constant time, so each token
// has one spelling.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/identity.h"
#include "base/error.h"

namespace kalamdb::auth {

inline constexpr size_t kSigningKeyBytes = 32;

struct SigningKey {
  std::string id;  // `kid`
  Micros created_at = 0;
  std::array<uint8_t, kSigningKeyBytes> secret{};
};

struct Claims {
  std::string name;  // sub
  UserId user;       // uid
  Role role = Role::kUser;
  uint64_t generation = 0;  // gen
  std::string token_id;     // jti
  std::string token_type;   // access, refresh
  std::string issuer;       // iss
  int64_t issued_at = 0;    // iat, seconds since 1970
  int64_t not_before = 0;   // nbf; 0 = not given
  int64_t expires_at = 0;   // exp
};

std::string EncodeBase64Url(std::string_view bytes);                // without padding
std::optional<std::string> DecodeBase64Url(std::string_view text);  // strict: no padding, unused bits are zero

// The token of these claims, signed by `key`.
std::string SignToken(const SigningKey& key, const Claims& claims);
// The same for a payload as it is (tests forge with it).
std::string SignPayload(const SigningKey& key, std::string_view payload);

// The claims of a token that one of `keys` has signed; nothing for any other text. Says nothing about time or
// revocation.
std::optional<Claims> VerifyToken(const std::vector<SigningKey>& keys, std::string_view token);

}  // namespace kalamdb::auth
