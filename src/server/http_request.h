// One request as a route sees it. Kept and reused by its connection; valid until the reply is sent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kalamdb::server {

enum class HttpMethod : uint8_t { kGet, kHead, kPost, kPut, kPatch, kDelete, kOptions, kOther };

// The headers that anything here reads, each at most once in a request; all others are dropped.
enum class HttpHeader : uint8_t {
  kHost,
  kOrigin,
  kAuthorization,
  kCookie,
  kAccept,
  kContentType,
  kContentEncoding,
  kExpect,
  kUpgrade,
  kWebSocketKey,
  kWebSocketVersion,
  kWebSocketExtensions,
  kAccessControlRequestMethod,
  kTransaction,
  kStatementTimeout,
  kRequestId,
  kDurability,
  kResultCache,
  kBytes,
  kCount,
};
std::string_view HttpHeaderName(HttpHeader header);  // as in http.md: "X-Request-Id"

struct HttpRequest {
  HttpMethod method = HttpMethod::kOther;
  std::string path;   // without the query, as sent
  std::string query;  // behind '?', as sent
  bool http_1_0 = false;
  bool keep_alive = true;
  bool connection_upgrade = false;  // `Connection: upgrade`
  std::string headers[static_cast<size_t>(HttpHeader::kCount)];
  uint32_t present = 0;  // bit i: header i was sent (it may be empty)
  std::string body;

  bool Has(HttpHeader header) const { return (present >> static_cast<unsigned>(header)) & 1; }
  const std::string& Get(HttpHeader header) const { return headers[static_cast<size_t>(header)]; }

  // Value of a name in the query string or in the Cookie header; empty if absent. No unescaping.
  std::string_view QueryValue(std::string_view name) const;
  std::string_view Cookie(std::string_view name) const;
};

}  // namespace kalamdb::server
