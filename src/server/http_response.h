// Responses as bytes: status line, headers, body; and the chunks of a streamed one.
#pragma once

#include <string>
#include <string_view>

namespace kalamdb::server {

inline constexpr std::string_view kJsonType = "application/json";
inline constexpr std::string_view kTextType = "text/plain; version=0.0.4; charset=utf-8";  // as Prometheus wants it

struct HttpResponse {
  int status = 200;
  std::string_view content_type = kJsonType;
  std::string headers;  // further lines, each ending in "\r\n"
  std::string body;
};

// How the request asked to be answered.
struct ResponseForm {
  bool keep_alive = true;
  bool http_1_0 = false;
  bool without_body = false;  // HEAD
};

std::string_view HttpReason(int status);

void AppendResponse(const HttpResponse& response, ResponseForm form, std::string* out);
// The head of a response whose length is not known: chunks follow, or, in HTTP/1.0, bytes until the connection ends.
void AppendStreamHead(const HttpResponse& head, ResponseForm form, std::string* out);
void AppendChunk(std::string_view bytes, ResponseForm form, std::string* out);
void AppendLastChunk(ResponseForm form, std::string* out);

// "Name: value\r\n". REQUIRES: the value has no line breaks.
void AppendHeader(std::string_view name, std::string_view value, std::string* headers);

}  // namespace kalamdb::server
