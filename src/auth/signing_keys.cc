// Reading, making and turning over signing keys.
#include "auth/signing_keys.h"

#include <algorithm>
#include <charconv>

#include "base/clock.h"
#include "base/files.h"
#include "base/random.h"

namespace kalamdb::auth {
namespace {

constexpr unsigned kOwnerOnly = 0600;

SigningKey MakeKey(Micros now) {
  SystemRandom random;
  SigningKey key;
  key.created_at = now / kMicrosPerSecond * kMicrosPerSecond;
  random.Fill(key.secret);
  std::array<uint8_t, 6> id{};
  random.Fill(id);
  key.id = EncodeBase64Url(std::string_view(reinterpret_cast<const char*>(id.data()), id.size()));
  return key;
}

std::string PrintKeys(const std::vector<SigningKey>& keys) {
  std::string text;
  for (const SigningKey& key : keys) {
    const std::string_view secret(reinterpret_cast<const char*>(key.secret.data()), key.secret.size());
    text += key.id + " " + std::to_string(key.created_at / kMicrosPerSecond) + " " + EncodeBase64Url(secret) + "\n";
  }
  return text;
}

std::optional<SigningKey> ParseKey(std::string_view line) {
  const size_t first = line.find(' ');
  const size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos || first == 0) return std::nullopt;
  SigningKey key;
  key.id = line.substr(0, first);
  if (!DecodeBase64Url(key.id)) return std::nullopt;  // nothing that a header would have to escape
  const std::string_view seconds = line.substr(first + 1, second - first - 1);
  const auto [end, error] = std::from_chars(seconds.data(), seconds.data() + seconds.size(), key.created_at);
  key.created_at *= kMicrosPerSecond;
  const auto secret = DecodeBase64Url(line.substr(second + 1));
  if (error != std::errc() || end != seconds.data() + seconds.size() || !secret || secret->size() != kSigningKeyBytes) {
    return std::nullopt;
  }
  std::copy(secret->begin(), secret->end(), key.secret.begin());
  return key;
}

Result<std::vector<SigningKey>> ParseKeys(std::string_view text) {
  std::vector<SigningKey> keys;
  for (int number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty()) continue;
    const auto key = ParseKey(line);
    if (!key || keys.size() == kMaxSigningKeys) {
      return Error{ErrorCode::kStorageUnavailable,
                   "line " + std::to_string(number) + " of the file of signing keys is no key"}
          .WithHint("Remove the line, or the file: a new key is made, and all tokens end.");
    }
    keys.push_back(*key);
  }
  return keys;
}

// A key stops signing when the one before it in the list was made.
bool IsNeeded(const std::vector<SigningKey>& keys, size_t i, Micros now, Micros token_lifetime) {
  return i == 0 || keys[i - 1].created_at + token_lifetime > now;
}

}  // namespace

Result<std::vector<SigningKey>> OpenSigningKeys(const std::string& path, Micros now, Micros token_lifetime) {
  std::vector<SigningKey> keys;
  const Result<std::string> text = ReadFile(path, 64 << 10);
  if (text.ok()) {
    ASSIGN_OR_RETURN(keys, ParseKeys(*text));
  } else if (text.error().code != ErrorCode::kNotFound) {
    return text.error();
  }
  if (keys.empty() || keys[0].created_at + kSigningKeyLifetime <= now) keys.insert(keys.begin(), MakeKey(now));
  std::vector<SigningKey> kept;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (IsNeeded(keys, i, now, token_lifetime)) kept.push_back(keys[i]);
  }
  // Written again also where nothing has changed: the file may have come from a copy that others can read.
  RETURN_IF_ERROR(WriteFileAtomically(path, PrintKeys(kept), kOwnerOnly));
  return kept;
}

}  // namespace kalamdb::auth
