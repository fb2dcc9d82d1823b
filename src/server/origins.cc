// Matching of origins: exact, or loopback and own where nothing is configured.
#include "server/origins.h"

namespace kalamdb::server {

namespace {

// "http://[::1]:5173" -> "[::1]:5173"; empty if it is no http(s) origin.
std::string_view HostOf(std::string_view origin) {
  for (std::string_view scheme : {std::string_view("http://"), std::string_view("https://")}) {
    if (!origin.starts_with(scheme)) continue;
    origin.remove_prefix(scheme.size());
    return origin.find_first_of("/?#@") == std::string_view::npos ? origin : std::string_view();
  }
  return {};
}

std::string_view WithoutPort(std::string_view host) {
  const size_t colon = host.rfind(':');
  if (colon == std::string_view::npos || host.find(']', colon) != std::string_view::npos) return host;
  return host.substr(0, colon);
}

bool IsLoopback(std::string_view host) {
  if (host == "localhost" || host == "[::1]") return true;
  if (!host.starts_with("127.")) return false;
  return host.find_first_not_of("0123456789.") == std::string_view::npos;  // not 127.0.0.1.example.com
}

}  // namespace

bool Origins::Allows(std::string_view origin, std::string_view host) const {
  if (origin.empty()) return true;
  if (allowed_.empty()) {
    const std::string_view from = HostOf(origin);
    return !from.empty() && (IsLoopback(WithoutPort(from)) || from == host);
  }
  for (const std::string& allowed : allowed_) {
    if (allowed == "*" || allowed == origin) return true;
  }
  return false;
}

}  // namespace kalamdb::server
