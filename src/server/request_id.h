// X-Request-Id: what the client sent, or a new one.
#pragma once

#include "base/error.h"
#include "server/http_request.h"

namespace kalamdb::server {

inline constexpr size_t kMaxRequestIdBytes = 128;

// Makes an id where the request has none. Errors: kInvalidParameter where it is too long or not printable ASCII.
Status EnsureRequestId(HttpRequest* request);

}  // namespace kalamdb::server
