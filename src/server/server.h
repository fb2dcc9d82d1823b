// The listener: HTTP and WebSocket on one address, from before recovery until the end of a drain.
//
//   Listen → (routes answer STARTING) → Serve → … → Drain → Stop
//
// Thread-safe. Everything but Stop returns at once.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "auth/tokens.h"
#include "auth/users.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/metrics.h"
#include "live/hub.h"
#include "service/auth_service.h"
#include "service/sql_service.h"

namespace kalamdb::server {

struct ServerOptions {
  std::string listen = "127.0.0.1:8080";  // host:port; port 0 takes a free one
  int io_threads = 2;
  uint64_t body_bytes = 32u << 20;     // limits.body_bytes
  uint64_t message_bytes = 1u << 20;   // limits.message_bytes
  double messages_per_second = 1'000;  // limits.messages_per_second (a connection)
  double messages_burst = 2'000;
  uint32_t connections = 20'000;         // limits.connections of the server; 0 = off
  uint32_t connections_per_address = 0;  // limits.connections_per_address; 0 = off
  std::vector<std::string> origins;      // server.origins
};

// What the routes call; all outlive the server's Stop.
struct Services {
  service::SqlService* sql = nullptr;
  service::AuthService* auth = nullptr;
  auth::UserDirectory* users = nullptr;
  live::Hub* hub = nullptr;
  std::function<bool()> read_only;  // after a failed fsync
};

class Server {
 public:
  // Binds and starts to answer. Errors: kInvalidParameter (the address), kStorageUnavailable (it is in use …).
  static Result<std::unique_ptr<Server>> Listen(ServerOptions options, std::string version, const Clock* clock,
                                                Metrics* metrics, Logger* logger);
  virtual ~Server() = default;

  virtual std::string address() const = 0;  // "127.0.0.1:8080", with the port that was taken
  virtual void Serve(Services services) = 0;
  // readyz 503, statements DRAINING, sockets closed with 1001.
  virtual void Drain() = 0;
  // Closes everything, waits for the I/O threads. Replies that come later go nowhere.
  virtual void Stop() = 0;
};

}  // namespace kalamdb::server
