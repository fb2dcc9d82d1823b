// Dispatch by path; what needs a service goes on in sql_route.cc, auth_route.cc and websocket_session.cc.
#include "server/routes.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <cctype>
#include <optional>
#include <utility>

#include "server/auth_route.h"
#include "server/error_body.h"
#include "server/request_id.h"
#include "server/sql_route.h"

namespace kalamdb::server {

namespace {

using Action = RequestHandler::Action;

constexpr std::string_view kAllowedHeaders =
    "Authorization, Content-Type, Accept, X-Transaction, X-Statement-Timeout, X-Request-Id, X-Durability, "
    "X-Result-Cache, X-Bytes";

Action Answer(const HttpResponse& response, ResponseForm form, std::string* out) {
  AppendResponse(response, form, out);
  return Action::kAnswered;
}

HttpResponse MethodNotAllowed(std::string_view path, std::string_view allowed, bool flat) {
  Error error{ErrorCode::kMethodNotAllowed, std::string(path) + " takes " + std::string(allowed) + " only"};
  HttpResponse response = flat ? FlatError(error) : SqlError(error);
  AppendHeader("Allow", allowed, &response.headers);
  return response;
}

// Bodies are read as they come.
std::optional<HttpResponse> RefuseEncoding(const HttpRequest& request, bool flat) {
  std::string encoding = request.Get(HttpHeader::kContentEncoding);
  for (char& c : encoding) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (encoding.empty() || encoding == "identity") return std::nullopt;
  Error error{ErrorCode::kUnsupported, "Content-Encoding " + encoding.substr(0, 100) + " is not offered for requests",
              "Send the body as plain JSON, without Content-Encoding (or with identity)."};
  HttpResponse response = flat ? FlatError(error) : SqlError(error);
  response.status = 415;
  AppendHeader("Accept-Encoding", "identity", &response.headers);
  return response;
}

bool HasToken(std::string_view list, std::string_view lower_case_token) {
  std::string lower(list);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower.find(lower_case_token) != std::string::npos;
}

// RFC 6455, 4.2.2: base64(SHA-1(key + GUID)).
std::string AcceptKey(const std::string& key) {
  const std::string text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  char encoded[32];
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded), digest, sizeof digest);
  return std::string(encoded, static_cast<size_t>(length));
}

}  // namespace

Routes::Routes(Core* core, WebSocketHost* sockets) : core_(core), sockets_(sockets) {
  health_body_ = R"({"status":"healthy","version":")" + core->version + "\"}";
  AppendResponse({.body = health_body_}, {}, &health_response_);
}

Action Routes::Handle(HttpConnection* connection, HttpRequest& request, std::string* out) {
  if (request.path == "/v1/api/sql") [[likely]]
    return HandleV1(connection, request, out);
  if (request.path == "/health" && request.method == HttpMethod::kGet && request.keep_alive && !request.http_1_0) {
    out->append(health_response_);
    return Action::kAnswered;
  }
  if (request.path.starts_with("/v1/")) return HandleV1(connection, request, out);
  return HandleOpen(connection, request, out);
}

Action Routes::HandleOpen(HttpConnection* connection, HttpRequest& request, std::string* out) {
  const ResponseForm form = connection->form();
  const bool get = request.method == HttpMethod::kGet || request.method == HttpMethod::kHead;
  const bool health = request.path == "/health" || request.path == "/healthz";
  if (health || request.path == "/readyz" || request.path == "/metrics") {
    if (!get) return Answer(MethodNotAllowed(request.path, "GET", false), form, out);
    if (health) return Answer({.body = health_body_}, form, out);
    if (request.path == "/readyz") return Answer(Ready(), form, out);
    if (core_->phase != Phase::kStarting) {
      AnswerMetrics(connection, request);
      return Action::kLater;
    }
  }
  if (core_->phase == Phase::kStarting)
    return Answer(SqlError({ErrorCode::kStarting, "the server is starting"}), form, out);
  return Answer(SqlError({ErrorCode::kNotFound, "there is no route " + request.path.substr(0, 200)}), form, out);
}

Action Routes::HandleV1(HttpConnection* connection, HttpRequest& request, std::string* out) {
  const bool flat = request.path.starts_with("/v1/api/auth/");
  const ResponseForm form = connection->form();
  if (request.method == HttpMethod::kOptions) return Preflight(request, form, out);
  std::string headers;
  auto fail = [&](const Error& error) {
    HttpResponse response = flat ? FlatError(error) : SqlError(error);
    response.headers += headers;
    return Answer(response, form, out);
  };
  if (Status status = EnsureRequestId(&request); !status.ok()) return fail(status.error());
  AppendHeader(HttpHeaderName(HttpHeader::kRequestId), request.Get(HttpHeader::kRequestId), &headers);
  const bool page_allowed = core_->origins.Allows(request.Get(HttpHeader::kOrigin), request.Get(HttpHeader::kHost));
  if (request.Has(HttpHeader::kOrigin)) {
    AppendHeader("Vary", "Origin", &headers);
    if (page_allowed) {
      AppendHeader("Access-Control-Allow-Origin", request.Get(HttpHeader::kOrigin), &headers);
      headers +=
          "Access-Control-Allow-Credentials: true\r\n"
          "Access-Control-Expose-Headers: X-Request-Id, Retry-After\r\n";
    }
  }
  if (core_->phase == Phase::kStarting) return fail({ErrorCode::kStarting, "the server is starting"});
  if (request.Has(HttpHeader::kContentEncoding)) {
    if (std::optional<HttpResponse> refusal = RefuseEncoding(request, flat)) {
      refusal->headers += headers;
      return Answer(*refusal, form, out);
    }
  }

  if (request.path == "/v1/api/sql") {
    if (request.method != HttpMethod::kPost) return Answer(MethodNotAllowed(request.path, "POST", false), form, out);
    StartSql(core_, connection, request, std::move(headers));
    return Action::kLater;
  }
  if (request.path == "/v1/ws") {
    if (request.method != HttpMethod::kGet) return Answer(MethodNotAllowed(request.path, "GET", false), form, out);
    if (!page_allowed) return fail({ErrorCode::kPermissionDenied, "pages of this origin may not connect"});
    return StartUpgrade(connection, request, std::move(headers), out);
  }
  if (std::optional<AuthRoute> route = FindAuthRoute(request.path)) {
    const bool get = route->method == HttpMethod::kGet;
    if (request.method != route->method && !(get && request.method == HttpMethod::kHead)) {
      return Answer(MethodNotAllowed(request.path, get ? "GET" : "POST", true), form, out);
    }
    StartAuth(core_, sockets_, *route, connection, request, std::move(headers));
    return Action::kLater;
  }
  return fail({ErrorCode::kNotFound, "there is no route " + request.path.substr(0, 200)});
}

Action Routes::Preflight(const HttpRequest& request, ResponseForm form, std::string* out) {
  HttpResponse response{.status = 204, .content_type = ""};
  AppendHeader("Allow", "GET, POST, OPTIONS", &response.headers);
  AppendHeader("Vary", "Origin", &response.headers);
  if (request.Has(HttpHeader::kOrigin)) {
    if (!core_->origins.Allows(request.Get(HttpHeader::kOrigin), request.Get(HttpHeader::kHost))) {
      return Answer(SqlError({ErrorCode::kPermissionDenied, "pages of this origin may not call the server"}), form,
                    out);
    }
    AppendHeader("Access-Control-Allow-Origin", request.Get(HttpHeader::kOrigin), &response.headers);
    AppendHeader("Access-Control-Allow-Credentials", "true", &response.headers);
    AppendHeader("Access-Control-Allow-Methods", "GET, POST, OPTIONS", &response.headers);
    AppendHeader("Access-Control-Allow-Headers", kAllowedHeaders, &response.headers);
    AppendHeader("Access-Control-Max-Age", "3600", &response.headers);
  }
  return Answer(response, form, out);
}

HttpResponse Routes::Ready() const {
  const Phase phase = core_->phase;
  std::string_view status = "ready";
  if (phase == Phase::kStarting) {
    status = "starting";
  } else if (phase == Phase::kDraining) {
    status = "draining";
  } else if (core_->services.read_only && core_->services.read_only()) {
    status = "read_only";
  }
  HttpResponse response{.status = status == "ready" ? 200 : 503};
  response.body = R"({"status":")" + std::string(status) + R"(","version":")" + core_->version + "\"}";
  return response;
}

void Routes::AnswerMetrics(HttpConnection* connection, HttpRequest& request) {
  std::shared_ptr<HttpReply> reply = connection->NewReply("");
  auto serialize = [core = core_, reply] {
    const bool posted = core->slow.Post(
        [core, reply] { reply->Send({.content_type = kTextType, .body = core->metrics->Serialize()}); });
    if (!posted) reply->Send(SqlError({ErrorCode::kRateLimited, "too many scrapes are waiting"}));
  };
  if (connection->peer().loopback && !request.Has(HttpHeader::kAuthorization)) return serialize();
  AuthenticateRequest(core_, connection, request, false, [reply, serialize](Result<auth::Identity> identity) {
    if (!identity.ok()) return reply->Send(SqlError(identity.error()));
    if (!identity->IsAdmin())
      return reply->Send(SqlError({ErrorCode::kPermissionDenied, "metrics are for the role dba"}));
    serialize();
  });
}

void AuthenticateRequest(Core* core, HttpConnection* connection, const HttpRequest& request, bool cookie_too,
                         std::function<void(Result<auth::Identity>)> done) {
  std::string authorization = request.Get(HttpHeader::kAuthorization);
  if (authorization.empty() && cookie_too) {
    if (std::string_view token = request.Cookie("kalamdb_auth"); !token.empty())
      authorization = "Bearer " + std::string(token);
  }
  if (authorization.empty()) {
    return done(Error{ErrorCode::kUnauthenticated, "the request has no Authorization header"}.WithHint(
        "log in by POST /v1/api/auth/login and send Authorization: Bearer <access_token>"));
  }
  IoThread* const thread = connection->thread();
  core->services.auth->Authenticate(
      authorization, connection->peer().address, connection->peer().loopback,
      [thread, done = std::move(done)](Result<auth::Identity> identity) {
        if (thread->IsCurrent()) return done(std::move(identity));
        thread->Post([done, identity = std::move(identity)]() mutable { done(std::move(identity)); });
      });
}

Action Routes::StartUpgrade(HttpConnection* connection, HttpRequest& request, std::string headers, std::string* out) {
  const ResponseForm form = connection->form();
  auto fail = [&](const Error& error, int status) {
    HttpResponse response = SqlError(error);
    if (status != 0) response.status = status;
    if (status == 426) response.headers += "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    response.headers += headers;
    return Answer(response, form, out);
  };
  if (!request.connection_upgrade || !HasToken(request.Get(HttpHeader::kUpgrade), "websocket")) {
    return fail({ErrorCode::kInvalidParameter, "/v1/ws takes WebSocket upgrades only"}, 426);
  }
  if (request.Get(HttpHeader::kWebSocketVersion) != "13") {
    return fail({ErrorCode::kInvalidParameter, "Sec-WebSocket-Version is not 13"}, 426);
  }
  if (request.Get(HttpHeader::kWebSocketKey).size() != 24 || !request.body.empty()) {
    return fail({ErrorCode::kInvalidParameter, "Sec-WebSocket-Key is not 16 bytes in base64"}, 400);
  }
  if (!connection->may_upgrade()) {
    return fail({ErrorCode::kInvalidParameter, "an upgrade may not be sent before the reply to the request before it"},
                400);
  }
  if (core_->phase == Phase::kDraining) return fail({ErrorCode::kDraining, "the server is shutting down"}, 0);
  // A bearer token is verified at once, on this thread (AuthService::Authenticate); Basic has no place on a socket.
  if (request.Has(HttpHeader::kAuthorization)) {
    Result<auth::Identity> verified = Error{ErrorCode::kUnauthenticated, "a socket is opened with a bearer token"};
    if (request.Get(HttpHeader::kAuthorization).starts_with("Bearer ")) {
      core_->services.auth->Authenticate(request.Get(HttpHeader::kAuthorization), connection->peer().address, false,
                                         [&verified](Result<auth::Identity> result) { verified = std::move(result); });
    }
    if (!verified.ok()) return fail(verified.error(), 0);
  }
  out->append("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
  AppendHeader("Sec-WebSocket-Accept", AcceptKey(request.Get(HttpHeader::kWebSocketKey)), out);
  out->append(headers).append("\r\n");
  return Action::kUpgrade;
}

void Routes::Upgrade(std::unique_ptr<Socket> socket, const HttpRequest& request, const Peer& peer, std::string out,
                     std::string_view input) {
  core_->http_connections.Subtract();
  core_->SessionBegan();
  std::string token;
  auth::Identity identity;
  if (request.Has(HttpHeader::kAuthorization)) {
    token = request.Get(HttpHeader::kAuthorization).substr(std::string_view("Bearer ").size());
    core_->services.auth->Authenticate(request.Get(HttpHeader::kAuthorization), peer.address, false,
                                       [&identity](Result<auth::Identity> result) {
                                         if (result.ok()) identity = *std::move(result);
                                       });
  }
  sockets_->Adopt(std::move(socket), peer, std::move(identity), std::move(token), std::move(out), input);
}

std::string Routes::ErrorBody(int status, std::string_view message) const {
  const ErrorCode code = status == 413   ? ErrorCode::kTooLarge
                         : status == 408 ? ErrorCode::kTimeout
                                         : ErrorCode::kInvalidParameter;
  return SqlError({code, std::string(message)}).body;
}

void Routes::OnConnectionClosed(const Peer& peer) {
  core_->http_connections.Subtract();
  core_->Release(peer.address);
}

}  // namespace kalamdb::server
