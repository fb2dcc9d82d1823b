// Base64 text (RFC 4648, with padding) to bytes: for Basic credentials.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kalamdb::service {

// Nothing where the text is not base64.
std::optional<std::string> DecodeBase64(std::string_view text);

}  // namespace kalamdb::service
