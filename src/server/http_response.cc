// The response writer.
#include "server/http_response.h"

#include <charconv>

#include "base/error.h"

namespace kalamdb::server {

std::string_view HttpReason(int status) {
  switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 204: return "No Content";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 499: return "Client Closed Request";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    default: return "Unknown";
  }
}

namespace {

void AppendNumber(uint64_t number, int base, std::string* out) {
  char digits[24];
  auto [end, ignored] = std::to_chars(digits, digits + sizeof digits, number, base);
  out->append(digits, end);
}

void AppendHead(const HttpResponse& response, ResponseForm form, std::string* out) {
  if (response.status == 200) [[likely]] {
    out->append("HTTP/1.1 200 OK\r\n");
  } else {
    out->append("HTTP/1.1 ");
    AppendNumber(static_cast<uint64_t>(response.status), 10, out);
    out->push_back(' ');
    out->append(HttpReason(response.status));
    out->append("\r\n");
  }
  if (!response.content_type.empty()) AppendHeader("Content-Type", response.content_type, out);
  out->append(response.headers);
  if (!form.keep_alive) {
    out->append("Connection: close\r\n");
  } else if (form.http_1_0) {
    out->append("Connection: keep-alive\r\n");
  }
}

}  // namespace

void AppendHeader(std::string_view name, std::string_view value, std::string* headers) {
  KALAM_CHECK(value.find_first_of("\r\n") == std::string_view::npos);
  headers->append(name).append(": ").append(value).append("\r\n");
}

void AppendResponse(const HttpResponse& response, ResponseForm form, std::string* out) {
  out->reserve(out->size() + 160 + response.headers.size() + response.body.size());
  AppendHead(response, form, out);
  if (response.status != 204) {
    out->append("Content-Length: ");
    AppendNumber(response.body.size(), 10, out);
    out->append("\r\n");
  }
  out->append("\r\n");
  if (!form.without_body) out->append(response.body);
}

void AppendStreamHead(const HttpResponse& head, ResponseForm form, std::string* out) {
  AppendHead(head, form, out);
  if (!form.http_1_0) out->append("Transfer-Encoding: chunked\r\n");
  out->append("\r\n");
}

void AppendChunk(std::string_view bytes, ResponseForm form, std::string* out) {
  if (bytes.empty() || form.without_body) return;  // an empty chunk would end the stream
  if (form.http_1_0) {
    out->append(bytes);
    return;
  }
  AppendNumber(bytes.size(), 16, out);
  out->append("\r\n").append(bytes).append("\r\n");
}

void AppendLastChunk(ResponseForm form, std::string* out) {
  if (!form.http_1_0 && !form.without_body) out->append("0\r\n\r\n");
}

}  // namespace kalamdb::server
