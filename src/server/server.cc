// The server: its threads, its listening socket, and the way of a new connection to its thread.
#include "server/server.h"

#include <unistd.h>

#include <atomic>
#include <utility>

#include "server/core.h"
#include "server/error_body.h"
#include "server/http_connection.h"
#include "server/io_thread.h"
#include "server/listen_socket.h"
#include "server/routes.h"
#include "server/websocket_host.h"

namespace kalamdb::server {

namespace {

constexpr Micros kStopMicros = 2 * kMicrosPerSecond;  // for sockets to answer the close frame of a drain

class TcpServer final : public Server {
 public:
  TcpServer(ServerOptions options, std::string version, const Clock* clock, Metrics* metrics, Logger* logger,
            ListenSocket socket)
      : address_(std::move(socket.address)), core_(std::move(options), std::move(version), clock, metrics, logger) {
    std::vector<IoThread*> threads;
    for (int i = 0; i < core_.options.io_threads; ++i) {
      threads_.push_back(std::make_unique<IoThread>("io_" + std::to_string(i)));
      threads.push_back(threads_.back().get());
    }
    sockets_ = std::make_shared<WebSockets>(&core_, threads);
    routes_ = std::make_unique<Routes>(&core_, sockets_.get());
    core_.slow.Start();
    for (const std::unique_ptr<IoThread>& thread : threads_) thread->Start();
    threads_[0]->Post([this, fd = socket.fd] {
      threads_[0]->Accept(fd, this,
                          [](void* self, int accepted) { static_cast<TcpServer*>(self)->OnAccepted(accepted); });
    });
  }
  ~TcpServer() override { Stop(); }

  std::string address() const override { return address_; }

  void Serve(Services services) override {
    core_.services = std::move(services);
    // The users outlive the server, and so does what they call.
    core_.services.users->OnChange([sockets = std::weak_ptr(sockets_), hub = core_.services.hub](UserId user) {
      std::shared_ptr<WebSockets> alive = sockets.lock();
      if (alive == nullptr) return;
      alive->RecheckUser(user);
      hub->OnUserChanged(user);
    });
    core_.phase = Phase::kServing;
  }

  void Drain() override {
    core_.phase = Phase::kDraining;
    sockets_->CloseAll(kCloseGoingAway, "the server is shutting down");
  }

  void Stop() override {
    if (core_.phase == Phase::kDraining) core_.WaitForSessions(kStopMicros);
    for (const std::unique_ptr<IoThread>& thread : threads_) thread->Stop();
    core_.slow.Stop();
  }

 private:
  // On thread 0.
  void OnAccepted(int fd) {
    Peer peer = PeerOf(fd);
    if (!core_.Admit(peer.address)) return Reject(fd);
    core_.http_connections.Add();
    IoThread* const thread = threads_[next_thread_++ % threads_.size()].get();
    auto start = [this, thread, fd, peer = std::move(peer)] {
      std::make_shared<HttpConnection>(routes_.get(), std::make_unique<Socket>(thread, fd), peer)->Start();
    };
    if (thread == threads_[0].get()) {
      start();
    } else {
      thread->Post(start);
    }
  }

  void Reject(int fd) {
    core_.rate_limited_connections.Add();
    const HttpResponse response = SqlError({ErrorCode::kRateLimited, "too many connections (limits.connections)"});
    std::string bytes;
    AppendResponse(response, {.keep_alive = false, .http_1_0 = false, .without_body = false}, &bytes);
    if (::write(fd, bytes.data(), bytes.size()) < 0) core_.logger->Debug("connection_refused", {{"told", false}});
    ::close(fd);
  }

  const std::string address_;
  Core core_;
  std::vector<std::unique_ptr<IoThread>> threads_;
  std::shared_ptr<WebSockets> sockets_;
  std::unique_ptr<Routes> routes_;
  size_t next_thread_ = 0;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::Listen(ServerOptions options, std::string version, const Clock* clock,
                                               Metrics* metrics, Logger* logger) {
  ASSIGN_OR_RETURN(ListenSocket socket, OpenListenSocket(options.listen));
  return std::unique_ptr<Server>(
      std::make_unique<TcpServer>(std::move(options), std::move(version), clock, metrics, logger, std::move(socket)));
}

}  // namespace kalamdb::server
