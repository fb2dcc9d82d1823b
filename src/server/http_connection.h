// One HTTP/1.1 connection: reads requests, hands them to the handler one by one, writes replies in order.
//
// Lives on one I/O thread; only HttpReply may be used from others. Requests are handled one at a time: while one waits
// for its reply, at most kMaxPipelinedBytes of what comes behind are taken from the socket. A request that is not
// complete 30 s after its first byte, and a connection idle for kIdleSeconds, end the connection. After a reply that
// ends the connection what the peer still sends is read away (bounded in bytes and time), so that it sees the reply.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/metrics.h"
#include "base/mutex.h"
#include "server/http_parser.h"
#include "server/http_request.h"
#include "server/http_response.h"
#include "server/io_thread.h"

namespace kalamdb::server {

inline constexpr uint32_t kRequestSeconds = 30;
inline constexpr uint32_t kIdleSeconds = 300;
inline constexpr uint32_t kStalledWriteSeconds = 60;  // the peer takes nothing of a reply
inline constexpr size_t kMaxPipelinedBytes = 64 << 10;
inline constexpr size_t kMaxOutputBytes = 1 << 20;           // above it no further request is begun, and a stream waits
inline constexpr uint64_t kMaxReadAwayBytes = 256ull << 20;  // of an over-long body
inline constexpr uint32_t kReadAwaySeconds = 10;

class HttpConnection;

// The way to answer one request. Thread-safe; exactly one of Send or Begin … End.
class HttpReply {
 public:
  HttpReply(std::shared_ptr<HttpConnection> connection, ResponseForm form, std::string headers);

  void Send(HttpResponse response);
  void Begin(HttpResponse head);
  // Waits while kMaxOutputBytes are on their way. False: the client is gone, or took too little within `limit`.
  // REQUIRES: not on the I/O thread.
  bool WaitForRoom(Micros limit);
  // Never waits. False: the client is gone.
  bool Write(std::string_view bytes);
  void End();

  const std::atomic<bool>& cancelled() const { return cancelled_; }  // the client went away

 private:
  friend class HttpConnection;
  void Wake();  // brings what was written to the I/O thread

  const std::shared_ptr<HttpConnection> connection_;
  const ResponseForm form_;
  const std::string headers_;  // of every response: request id, CORS
  std::atomic<bool> cancelled_{false};
  Mutex mutex_;
  CondVar room_;
  std::string bytes_ GUARDED_BY(mutex_);
  bool begun_ GUARDED_BY(mutex_) = false, ended_ GUARDED_BY(mutex_) = false, posted_ GUARDED_BY(mutex_) = false;
};

// Who sends the request.
struct Peer {
  std::string address;  // without the port
  bool loopback = false;
};

// What a connection asks of the routes. Called on I/O threads; must not block.
class RequestHandler {
 public:
  enum class Action : uint8_t { kAnswered, kLater, kUpgrade };
  virtual ~RequestHandler() = default;
  // kAnswered: a whole response was appended to `out`. kLater: connection->NewReply() was called and will be used
  // (perhaps it already was). kUpgrade: the response was appended and Upgrade is to be called.
  virtual Action Handle(HttpConnection* connection, HttpRequest& request, std::string* out) = 0;
  // Takes the socket over. `out`: bytes still to be sent first; `input`: bytes already read.
  virtual void Upgrade(std::unique_ptr<Socket> socket, const HttpRequest& request, const Peer& peer, std::string out,
                       std::string_view input) = 0;
  virtual uint64_t max_body_bytes() const = 0;
  // The body of a response to a request that never reached a route: 400, 408, 413.
  virtual std::string ErrorBody(int status, std::string_view message) const = 0;
  virtual void OnConnectionClosed(const Peer& peer) = 0;
};

class HttpConnection final : public SocketOwner {
 public:
  HttpConnection(RequestHandler* handler, std::unique_ptr<Socket> socket, Peer peer);
  ~HttpConnection() override;

  void Start();

  const Peer& peer() const { return peer_; }
  IoThread* thread() const { return thread_; }
  ResponseForm form() const;  // for the request at hand
  // False while a wait for the socket is due, which holds this owner: an upgrade that was pipelined behind another
  // request.
  bool may_upgrade() const { return !socket_->waits(); }
  // For the request at hand; `headers` go into its response, whatever it is.
  std::shared_ptr<HttpReply> NewReply(std::string headers);

  void OnReadable() override;
  void OnWritable() override;
  void OnTick(uint32_t now_s) override;
  void OnStop() override { Close(); }

 private:
  friend class HttpReply;
  std::shared_ptr<HttpConnection> self() { return std::static_pointer_cast<HttpConnection>(shared_from_this()); }
  void Consume(std::string_view input);
  bool Dispatch(std::string_view rest);  // false: the socket was given away
  void Refuse(int status, std::string_view message);
  void SendContinue();
  void TakeReply(HttpReply* reply);  // moves its bytes into out_
  void FinishRequest();
  void Continue();  // after a reply: next requests, then write, then wait
  void Flush();
  void Wait();
  void ReadAway();
  void Close();
  size_t pending_output() const { return out_.size() - out_sent_; }

  RequestHandler* const handler_;
  IoThread* const thread_;
  std::unique_ptr<Socket> socket_;
  const Peer peer_;
  HttpRequest request_;
  HttpParser parser_;
  std::string pending_;  // read, not used yet
  std::string out_;
  size_t out_sent_ = 0;
  std::shared_ptr<HttpReply> reply_;  // of the request at hand, while it is not complete
  uint64_t read_away_ = 0;
  uint32_t deadline_s_ = 0;     // of the phase at hand; 0 = none
  bool consuming_ = false;      // Consume is on the stack
  bool request_begun_ = false;  // first byte of a request was seen
  bool continued_ = false;      // 100 Continue was sent for it
  bool closing_ = false;        // no further request; close when the output is out
  bool lingering_ = false;      // output is out and shut, input is read away
};

}  // namespace kalamdb::server
