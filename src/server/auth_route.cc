// The auth endpoints. The token of a refresh: cookie first, else Bearer, else the body's.
#include "server/auth_route.h"

#include <utility>

#include "server/error_body.h"

namespace kalamdb::server {

namespace {

constexpr std::string_view kBearer = "Bearer ";
constexpr AuthRoute kRoutes[] = {
    {"/v1/api/auth/login", HttpMethod::kPost, AuthEndpoint::kLogin},
    {"/v1/api/auth/refresh", HttpMethod::kPost, AuthEndpoint::kRefresh},
    {"/v1/api/auth/logout", HttpMethod::kPost, AuthEndpoint::kLogout},
    {"/v1/api/auth/setup", HttpMethod::kPost, AuthEndpoint::kSetup},
    {"/v1/api/auth/me", HttpMethod::kGet, AuthEndpoint::kMe},
    {"/v1/api/auth/status", HttpMethod::kGet, AuthEndpoint::kStatus},
};

void AppendCookie(std::string_view name, std::string_view value, int64_t seconds, std::string* headers) {
  std::string cookie(name);
  cookie.append("=")
      .append(value)
      .append("; HttpOnly; SameSite=Strict; Path=/; Max-Age=")
      .append(std::to_string(seconds));
  AppendHeader("Set-Cookie", cookie, headers);
}

HttpResponse Convert(service::AuthReply reply) {
  HttpResponse response{.status = reply.status, .body = std::move(reply.body)};
  AppendHeader("Cache-Control", "no-store", &response.headers);
  if (reply.status == 401) AppendHeader("WWW-Authenticate", "Bearer", &response.headers);
  if (reply.retry_after_s > 0) AppendHeader("Retry-After", std::to_string(reply.retry_after_s), &response.headers);
  if (!reply.access_token.empty())
    AppendCookie("kalamdb_auth", reply.access_token, reply.access_seconds, &response.headers);
  if (!reply.refresh_token.empty()) {
    AppendCookie("kalamdb_refresh", reply.refresh_token, reply.refresh_seconds, &response.headers);
  }
  if (reply.clear_cookies) {
    AppendCookie("kalamdb_auth", "", 0, &response.headers);
    AppendCookie("kalamdb_refresh", "", 0, &response.headers);
  }
  return response;
}

std::string TokenOf(const HttpRequest& request, std::string_view cookie) {
  if (std::string_view token = request.Cookie(cookie); !token.empty()) return std::string(token);
  std::string_view authorization = request.Get(HttpHeader::kAuthorization);
  return authorization.starts_with(kBearer) ? std::string(authorization.substr(kBearer.size())) : std::string();
}

void AnswerMe(Core* core, HttpConnection* connection, const HttpRequest& request, std::shared_ptr<HttpReply> reply) {
  AuthenticateRequest(core, connection, request, true, [core, reply](Result<auth::Identity> identity) {
    if (reply->cancelled()) return;
    reply->Send(identity.ok() ? Convert(core->services.auth->Me(*identity)) : FlatError(identity.error()));
  });
}

}  // namespace

std::optional<AuthRoute> FindAuthRoute(std::string_view path) {
  for (const AuthRoute& route : kRoutes) {
    if (route.path == path) return route;
  }
  return std::nullopt;
}

void StartAuth(Core* core, WebSocketHost* sockets, const AuthRoute& route, HttpConnection* connection,
               HttpRequest& request, std::string headers) {
  std::shared_ptr<HttpReply> reply = connection->NewReply(std::move(headers));
  service::AuthService* const auth = core->services.auth;
  const std::string address = connection->peer().address;
  auto answer = [reply](service::AuthReply result) { reply->Send(Convert(std::move(result))); };
  switch (route.endpoint) {
    case AuthEndpoint::kLogin: return auth->Login(request.body, address, answer);
    case AuthEndpoint::kRefresh:
      return auth->Refresh(TokenOf(request, "kalamdb_refresh"), request.body, address, answer);
    case AuthEndpoint::kSetup: return auth->Setup(request.body, address, connection->peer().loopback, answer);
    case AuthEndpoint::kStatus: return answer(auth->SetupStatus());
    case AuthEndpoint::kMe: return AnswerMe(core, connection, request, reply);
    case AuthEndpoint::kLogout: {
      // A token that was sent on purpose goes before the cookie of an older session.
      std::string_view authorization = request.Get(HttpHeader::kAuthorization);
      std::string token = authorization.starts_with(kBearer) ? std::string(authorization.substr(kBearer.size()))
                                                             : std::string(request.Cookie("kalamdb_auth"));
      return auth->Logout(token, [sockets, token, answer](service::AuthReply result) {
        sockets->RecheckToken(token);
        answer(std::move(result));
      });
    }
  }
}

}  // namespace kalamdb::server
