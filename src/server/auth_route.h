// /v1/api/auth/*: bodies to the AuthService, tokens into cookies.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/core.h"
#include "server/http_connection.h"
#include "server/routes.h"

namespace kalamdb::server {

enum class AuthEndpoint : uint8_t { kLogin, kRefresh, kLogout, kSetup, kMe, kStatus };
struct AuthRoute {
  std::string_view path;
  HttpMethod method;
  AuthEndpoint endpoint;
};
std::optional<AuthRoute> FindAuthRoute(std::string_view path);

// Answers by connection->NewReply(headers). REQUIRES: the method is the route's.
void StartAuth(Core* core, WebSocketHost* sockets, const AuthRoute& route, HttpConnection* connection,
               HttpRequest& request, std::string headers);

}  // namespace kalamdb::server
