// Tokens and credentials: a text nobody signed is refused, a signed payload gives claims or nothing, base64 has one
// spelling.
#include <string>
#include <vector>

#include "auth/jwt.h"
#include "base/uuid.h"
#include "fuzz.h"
#include "service/base64.h"

namespace kalamdb::fuzz {

void Run(std::string_view in) {
  static const std::vector<auth::SigningKey> keys = {{.id = "k1", .secret = {1, 2, 3}}, {.id = "k2"}};
  KALAM_CHECK(!auth::VerifyToken(keys, in).has_value());
  if (const auto claims = auth::VerifyToken(keys, auth::SignPayload(keys[1], in))) {
    const auto again = auth::VerifyToken(keys, auth::SignToken(keys[0], *claims));
    KALAM_CHECK(again && again->name == claims->name && again->user == claims->user);
    KALAM_CHECK(again->token_id == claims->token_id && again->expires_at == claims->expires_at);
  }
  if (const auto bytes = auth::DecodeBase64Url(in)) KALAM_CHECK(auth::EncodeBase64Url(*bytes) == in);
  KALAM_CHECK(auth::DecodeBase64Url(auth::EncodeBase64Url(in)) == std::string(in));
  (void)service::DecodeBase64(in);
  (void)ParseUuid(in);
  (void)ParseUlid(in);
}

}  // namespace kalamdb::fuzz
