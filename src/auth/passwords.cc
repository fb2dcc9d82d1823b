// What a password may be, and argon2id.
#include <argon2.h>

#include <algorithm>
#include <array>

#include "auth/guessed_passwords.h"
#include "auth/users.h"
#include "base/random.h"
#include "catalog/names.h"

namespace kalamdb::auth {
namespace {

// OWASP's second choice for argon2id: 19 MiB, two passes, one lane.
constexpr uint32_t kPasses = 2;
constexpr uint32_t kMemoryKib = 19 * 1024;
constexpr uint32_t kLanes = 1;
constexpr size_t kSaltBytes = 16;
constexpr size_t kTagBytes = 32;

}  // namespace

Status CheckPassword(std::string_view password) {
  // Any character counts, control characters too: continuation bytes do not.
  const auto characters = static_cast<size_t>(
      std::count_if(password.begin(), password.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; }));
  if (characters < kMinPasswordCharacters || characters > kMaxPasswordCharacters ||
      password.size() > kMaxPasswordCharacters * 4) {
    return Error{ErrorCode::kInvalidParameter, "a password has " + std::to_string(kMinPasswordCharacters) + " to " +
                                                   std::to_string(kMaxPasswordCharacters) + " characters, not " +
                                                   std::to_string(characters)};
  }
  if (IsGuessedPassword(password)) {
    return Error{ErrorCode::kInvalidParameter, "this password is in the list of common ones"}.WithHint(
        "Take several words, or a password that a program made.");
  }
  return {};
}

Status CheckUserName(std::string_view name) {
  const auto characters = catalog::CountNameCharacters(name);
  if (!characters) {
    return Error{ErrorCode::kInvalidParameter, "a user name holds no control characters and is valid UTF-8"};
  }
  if (*characters == 0 || *characters > kMaxUserNameCharacters) {
    return Error{ErrorCode::kInvalidParameter, "a user name has 1 to " + std::to_string(kMaxUserNameCharacters) +
                                                   " characters, not " + std::to_string(*characters)};
  }
  return {};
}

std::string HashPassword(std::string_view password) {
  std::array<uint8_t, kSaltBytes> salt{};
  SystemRandom().Fill(salt);
  std::string encoded(argon2_encodedlen(kPasses, kMemoryKib, kLanes, kSaltBytes, kTagBytes, Argon2_id), '\0');
  const int code = argon2id_hash_encoded(kPasses, kMemoryKib, kLanes, password.data(), password.size(), salt.data(),
                                         salt.size(), kTagBytes, encoded.data(), encoded.size());
  if (code != ARGON2_OK) return {};
  encoded.resize(encoded.find('\0'));
  return encoded;
}

bool VerifyPassword(std::string_view password, std::string_view hash) {
  if (password.size() > kMaxPasswordCharacters * 4) password = {};  // nobody has it; the cost stays the same
  return argon2id_verify(std::string(hash).c_str(), password.data(), password.size()) == ARGON2_OK;
}

}  // namespace kalamdb::auth
