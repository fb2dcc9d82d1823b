// Error replies of requests that end before a service has seen them.
#include "server/error_body.h"

#include "row/json.h"
#include "service/error_table.h"

namespace kalamdb::server {

namespace {

void SetStatus(const Error& error, HttpResponse* response) {
  response->status = service::WireCodeOf(error.code).http_status;
  if (error.code == ErrorCode::kRateLimited) AppendHeader("Retry-After", "1", &response->headers);
  if (response->status == 401) AppendHeader("WWW-Authenticate", "Bearer", &response->headers);
}

// The names older clients know.
std::string OlderName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUnauthenticated:
    case ErrorCode::kTokenExpired: return "unauthorized";
    case ErrorCode::kPermissionDenied: return "forbidden";
    case ErrorCode::kInternal: return "internal_error";
    default: break;
  }
  std::string name(ErrorCodeName(code));
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return name;
}

}  // namespace

HttpResponse SqlError(const Error& error) {
  HttpResponse response;
  SetStatus(error, &response);
  response.body = R"({"status":"error","results":[],"took":0,"error":)" + service::ErrorJson(error, 0) + "}";
  return response;
}

HttpResponse FlatError(const Error& error) {
  HttpResponse response;
  SetStatus(error, &response);
  response.body = R"({"error":)";
  row::AppendJsonString(OlderName(error.code), &response.body);
  response.body += R"(,"code":)";
  row::AppendJsonString(ErrorCodeName(error.code), &response.body);
  response.body += R"(,"message":)";
  row::AppendJsonString(error.message, &response.body);
  response.body += "}";
  return response;
}

}  // namespace kalamdb::server
