// Which web pages may talk to the server: server.origins, for CORS on /v1 and for the Origin of sockets.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kalamdb::server {

// Immutable, thread-safe. An empty list allows pages from loopback addresses and from the server itself; "*" allows
// all.
class Origins {
 public:
  explicit Origins(std::vector<std::string> allowed) : allowed_(std::move(allowed)) {}

  // `origin` and `host` as in the request's headers. An empty origin (no page) is allowed.
  bool Allows(std::string_view origin, std::string_view host) const;

 private:
  const std::vector<std::string> allowed_;
};

}  // namespace kalamdb::server
