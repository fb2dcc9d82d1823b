// All WebSocket sessions of a server, by I/O thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/routes.h"
#include "server/websocket_session.h"

namespace kalamdb::server {

// Thread-safe. The threads outlive it and are stopped before it goes.
class WebSockets final : public WebSocketHost {
 public:
  WebSockets(Core* core, const std::vector<IoThread*>& threads);

  void Adopt(std::unique_ptr<Socket> socket, const Peer& peer, auth::Identity identity, std::string token,
             std::string out, std::string_view input) override;
  void RecheckToken(std::string_view token) override;
  void RecheckUser(UserId user);
  void CloseAll(uint16_t code, std::string reason);

 private:
  void ForEach(std::function<void(WebSocketSession*)> visit);

  Core* const core_;
  std::vector<std::unique_ptr<ThreadSockets>> homes_;
};

}  // namespace kalamdb::server
