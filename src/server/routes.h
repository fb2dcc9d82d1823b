// Which path is answered by what: health, metrics, SQL, auth, the WebSocket upgrade; CORS and states of the server.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "server/core.h"
#include "server/http_connection.h"

namespace kalamdb::server {

// Takes over a socket after a good upgrade; implemented by the WebSocket side.
class WebSocketHost {
 public:
  virtual ~WebSocketHost() = default;
  // `token`: of the upgrade's Authorization, verified by the host itself; empty = the first message authenticates.
  virtual void Adopt(std::unique_ptr<Socket> socket, const Peer& peer, auth::Identity identity, std::string token,
                     std::string out, std::string_view input) = 0;
  // Sessions with this token are asked again (a logout).
  virtual void RecheckToken(std::string_view token) = 0;
};

// Thread-safe.
class Routes final : public RequestHandler {
 public:
  Routes(Core* core, WebSocketHost* sockets);

  Action Handle(HttpConnection* connection, HttpRequest& request, std::string* out) override;
  void Upgrade(std::unique_ptr<Socket> socket, const HttpRequest& request, const Peer& peer, std::string out,
               std::string_view input) override;
  uint64_t max_body_bytes() const override { return core_->options.body_bytes; }
  std::string ErrorBody(int status, std::string_view message) const override;
  void OnConnectionClosed(const Peer& peer) override;

 private:
  Action HandleOpen(HttpConnection* connection, HttpRequest& request, std::string* out);
  Action HandleV1(HttpConnection* connection, HttpRequest& request, std::string* out);
  Action Preflight(const HttpRequest& request, ResponseForm form, std::string* out);
  Action StartUpgrade(HttpConnection* connection, HttpRequest& request, std::string headers, std::string* out);
  void AnswerMetrics(HttpConnection* connection, HttpRequest& request);
  HttpResponse Ready() const;

  Core* const core_;
  WebSocketHost* const sockets_;
  std::string health_body_, health_response_;  // the second: the whole response, where nothing special was asked
};

// The identity behind a request's Authorization header (or, `cookie_too`, its kalamdb_auth cookie). `done` is called on
// the connection's thread, perhaps at once; not at all if the connection has ended meanwhile.
void AuthenticateRequest(Core* core, HttpConnection* connection, const HttpRequest& request, bool cookie_too,
                         std::function<void(Result<auth::Identity>)> done);

}  // namespace kalamdb::server
