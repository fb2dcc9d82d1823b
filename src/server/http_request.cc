// Names of headers, and looking up values in query strings and cookies.
#include "server/http_request.h"

namespace kalamdb::server {

std::string_view HttpHeaderName(HttpHeader header) {
  static constexpr std::string_view kNames[] = {"Host",
                                                "Origin",
                                                "Authorization",
                                                "Cookie",
                                                "Accept",
                                                "Content-Type",
                                                "Content-Encoding",
                                                "Expect",
                                                "Upgrade",
                                                "Sec-WebSocket-Key",
                                                "Sec-WebSocket-Version",
                                                "Sec-WebSocket-Extensions",
                                                "Access-Control-Request-Method",
                                                "X-Transaction",
                                                "X-Statement-Timeout",
                                                "X-Request-Id",
                                                "X-Durability",
                                                "X-Result-Cache",
                                                "X-Bytes"};
  static_assert(std::size(kNames) == static_cast<size_t>(HttpHeader::kCount));
  return kNames[static_cast<size_t>(header)];
}

namespace {

std::string_view ValueIn(std::string_view list, char separator, std::string_view name) {
  while (!list.empty()) {
    size_t end = list.find(separator);
    std::string_view item = list.substr(0, end);
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    if (item.size() > name.size() && item.starts_with(name) && item[name.size()] == '=') {
      item.remove_prefix(name.size() + 1);
      while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
      return item;
    }
    if (end == std::string_view::npos) break;
    list.remove_prefix(end + 1);
  }
  return {};
}

}  // namespace

std::string_view HttpRequest::QueryValue(std::string_view name) const { return ValueIn(query, '&', name); }
std::string_view HttpRequest::Cookie(std::string_view name) const {
  return ValueIn(Get(HttpHeader::kCookie), ';', name);
}

}  // namespace kalamdb::server
