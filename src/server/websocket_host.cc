// Reaching sessions from outside: each I/O thread visits its own.
#include "server/websocket_host.h"

#include <utility>

namespace kalamdb::server {

WebSockets::WebSockets(Core* core, const std::vector<IoThread*>& threads) : core_(core) {
  for (IoThread* thread : threads) homes_.push_back(std::make_unique<ThreadSockets>(thread, core->clock));
}

void WebSockets::Adopt(std::unique_ptr<Socket> socket, const Peer& peer, auth::Identity identity, std::string token,
                       std::string out, std::string_view input) {
  for (const std::unique_ptr<ThreadSockets>& home : homes_) {
    if (home->thread() != socket->thread()) continue;
    auto session = std::make_shared<WebSocketSession>(core_, home.get(), std::move(socket), peer);
    return session->Start(std::move(identity), std::move(token), std::move(out), input);
  }
}

void WebSockets::ForEach(std::function<void(WebSocketSession*)> visit) {
  for (const std::unique_ptr<ThreadSockets>& home : homes_) {
    home->thread()->Post([home = home.get(), visit] {
      // Backwards: a session that ends is replaced by one that was visited already.
      for (size_t i = home->sessions.size(); i-- > 0;) {
        if (i >= home->sessions.size()) continue;
        std::shared_ptr<SocketOwner> keep = home->sessions[i]->shared_from_this();
        visit(home->sessions[i]);
      }
    });
  }
}

void WebSockets::RecheckToken(std::string_view token) {
  if (token.empty()) return;
  ForEach([token = std::string(token)](WebSocketSession* session) { session->RecheckToken(token); });
}

void WebSockets::RecheckUser(UserId user) {
  ForEach([user](WebSocketSession* session) { session->RecheckUser(user); });
}

void WebSockets::CloseAll(uint16_t code, std::string reason) {
  ForEach([code, reason = std::move(reason)](WebSocketSession* session) { session->CloseWith(code, reason); });
}

}  // namespace kalamdb::server
