// HS256 over OpenSSL.
#include "auth/jwt.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "row/json.h"
#include "row/json_document.h"

namespace kalamdb::auth {
namespace {

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string Header(const SigningKey& key) {
  return EncodeBase64Url(R"({"alg":"HS256","kid":")" + key.id + R"(","typ":"JWT"})");
}

std::string Signature(const SigningKey& key, std::string_view text) {
  std::array<uint8_t, 32> mac{};
  unsigned size = mac.size();
  const uint8_t* done = HMAC(EVP_sha256(), key.secret.data(), static_cast<int>(key.secret.size()),
                             reinterpret_cast<const uint8_t*>(text.data()), text.size(), mac.data(), &size);
  KALAM_CHECK(done != nullptr && size == mac.size());
  return EncodeBase64Url(std::string_view(reinterpret_cast<const char*>(mac.data()), mac.size()));
}

void AppendField(std::string_view name, std::string_view value, std::string* out) {
  row::AppendJsonString(name, out);
  *out += ':';
  row::AppendJsonString(value, out);
  *out += ',';
}

void AppendField(std::string_view name, int64_t value, std::string* out) {
  row::AppendJsonString(name, out);
  *out += ':' + std::to_string(value) + ',';
}

// Reads fields of one payload; a missing or wrong one is remembered.
class ClaimReader {
 public:
  explicit ClaimReader(row::JsonView root) : root_(root), ok_(root.IsObject()) {}

  std::string Text(std::string_view name) {
    const auto field = root_.Find(name);
    const auto text = field ? field->AsString() : std::nullopt;
    ok_ = ok_ && text.has_value();
    return std::string(text.value_or(""));
  }
  int64_t Number(std::string_view name) {
    const auto field = root_.Find(name);
    const auto number = field ? field->AsInt64() : std::nullopt;
    ok_ = ok_ && number.has_value() && *number >= 0;
    return number.value_or(0);
  }
  bool Has(std::string_view name) const { return root_.Find(name).has_value(); }
  bool ok() const { return ok_; }

 private:
  row::JsonView root_;
  bool ok_;
};

std::optional<Claims> ParseClaims(std::string_view payload) {
  const Result<row::JsonDocument> document = row::JsonDocument::Parse(payload);
  if (!document.ok()) return std::nullopt;
  ClaimReader in(document->root());
  Claims claims;
  claims.name = in.Text("sub");
  claims.user = UserId(static_cast<uint64_t>(in.Number("uid")));
  const auto role = ParseRole(in.Text("role"));
  claims.generation = static_cast<uint64_t>(in.Number("gen"));
  claims.token_id = in.Text("jti");
  claims.token_type = in.Text("token_type");
  claims.issuer = in.Text("iss");
  claims.issued_at = in.Number("iat");
  claims.expires_at = in.Number("exp");
  if (in.Has("nbf")) claims.not_before = in.Number("nbf");
  if (!in.ok() || !role) return std::nullopt;
  claims.role = *role;
  return claims;
}

}  // namespace

std::string EncodeBase64Url(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() * 4 + 2) / 3);
  uint32_t bits = 0;
  int count = 0;
  for (char c : bytes) {
    bits = bits << 8 | static_cast<uint8_t>(c);
    for (count += 8; count >= 6; count -= 6) text += kDigits[bits >> (count - 6) & 63];
  }
  if (count > 0) text += kDigits[bits << (6 - count) & 63];
  return text;
}

std::optional<std::string> DecodeBase64Url(std::string_view text) {
  std::string bytes;
  uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    const size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes += static_cast<char>(bits >> count & 0xFF);
    }
  }
  if (count >= 6 || (bits & ((1U << count) - 1)) != 0) return std::nullopt;
  return bytes;
}

std::string SignPayload(const SigningKey& key, std::string_view payload) {
  std::string text = Header(key) + "." + EncodeBase64Url(payload);
  return text + "." + Signature(key, text);
}

std::string SignToken(const SigningKey& key, const Claims& claims) {
  std::string payload = "{";
  AppendField("sub", claims.name, &payload);
  AppendField("uid", static_cast<int64_t>(claims.user.value), &payload);
  AppendField("iss", claims.issuer, &payload);
  AppendField("iat", claims.issued_at, &payload);
  AppendField("exp", claims.expires_at, &payload);
  AppendField("role", RoleName(claims.role), &payload);
  AppendField("token_type", claims.token_type, &payload);
  AppendField("jti", claims.token_id, &payload);
  AppendField("gen", static_cast<int64_t>(claims.generation), &payload);
  payload.back() = '}';
  return SignPayload(key, payload);
}

std::optional<Claims> VerifyToken(const std::vector<SigningKey>& keys, std::string_view token) {
  const size_t dot = token.find('.');
  const size_t last = token.rfind('.');
  if (dot == std::string_view::npos || dot == last) return std::nullopt;
  const std::string_view header = token.substr(0, dot);
  const std::string_view signature = token.substr(last + 1);
  for (const SigningKey& key : keys) {
    if (header != Header(key)) continue;
    const std::string right = Signature(key, token.substr(0, last));
    if (right.size() != signature.size() || CRYPTO_memcmp(right.data(), signature.data(), right.size()) != 0) {
      return std::nullopt;
    }
    const auto payload = DecodeBase64Url(token.substr(dot + 1, last - dot - 1));
    return payload ? ParseClaims(*payload) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace kalamdb::auth
