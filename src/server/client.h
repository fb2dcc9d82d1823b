// A small blocking client for the server's own protocols: what `kalam`, tests and the load generator speak with.
//
// One thread's. Plain HTTP to host and port only. Errors: kStorageUnavailable (no connection, broken reply), kTimeout,
// kInvalidParameter (the URL).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "server/websocket_frame.h"

namespace kalamdb::server {

struct ClientUrl {
  std::string host, port;
};
// "http://127.0.0.1:8080", "127.0.0.1:8080", "localhost" (port 8080).
Result<ClientUrl> ParseClientUrl(std::string_view url);

// A connected TCP socket with a time limit for each wait. Closed when destroyed.
class ClientSocket {
 public:
  static Result<ClientSocket> Connect(const ClientUrl& url, int timeout_ms);
  ClientSocket(ClientSocket&& other) noexcept : fd_(std::exchange(other.fd_, -1)), timeout_ms_(other.timeout_ms_) {}
  ClientSocket& operator=(ClientSocket&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(timeout_ms_, other.timeout_ms_);
    return *this;
  }
  ~ClientSocket();

  Status Send(std::string_view bytes);
  // Appends what is there, at least one byte. 0 at the end of the stream.
  Result<size_t> Receive(std::string* into);
  // The same without waiting: nothing where nothing is there.
  Result<std::optional<size_t>> ReceiveReady(std::string* into);
  void set_timeout_ms(int ms) { timeout_ms_ = ms; }
  int fd() const { return fd_; }

 private:
  ClientSocket(int fd, int timeout_ms) : fd_(fd), timeout_ms_(timeout_ms) {}
  int fd_;
  int timeout_ms_;
};

struct ClientRequest {
  std::string_view method = "POST";
  std::string_view path;
  std::string headers;  // lines, each ending in "\r\n"
  std::string_view body;
};
struct ClientResponse {
  int status = 0;
  std::string headers;  // as they came
  std::string body;
  std::string_view Header(std::string_view lower_case_name) const;  // empty if absent
};

// One kept-alive connection, opened again where the server has closed it between two requests.
class HttpClient {
 public:
  explicit HttpClient(ClientUrl url, int timeout_ms = 600'000) : url_(std::move(url)), timeout_ms_(timeout_ms) {}
  Result<ClientResponse> Send(const ClientRequest& request);

 private:
  Result<ClientResponse> Try(const ClientRequest& request, bool* stale);
  Result<ClientResponse> ReadResponse(std::string* input);
  Status ReadChunks(std::string* input, std::string* body);
  Status Need(std::string* input, size_t bytes);

  const ClientUrl url_;
  const int timeout_ms_;
  std::unique_ptr<ClientSocket> socket_;
};

class WebSocketClient {
 public:
  // Opens /v1/ws; with a token as `Authorization: Bearer` unless it is empty.
  static Result<std::unique_ptr<WebSocketClient>> Connect(const ClientUrl& url, std::string_view token,
                                                          int timeout_ms = 10'000);

  Status Send(std::string_view text);
  // The next text message; kTimeout if none comes in time, kCancelled with the reason once the server has closed.
  Result<std::string> Receive(int timeout_ms);
  // Passes on every text message that is there, without waiting; each is valid during its call. kCancelled as above.
  Status ReceiveReady(const std::function<void(std::string_view)>& take);
  Status Close();

  bool HasFrame() const {
    return used_ < input_.size();
  }  // bytes are read that Receive has not used: it may not need to wait
  int fd() const { return socket_.fd(); }

 private:
  WebSocketClient(ClientSocket socket, std::string input);
  // The next text message of the bytes that were read; nothing: none is whole.
  Result<std::optional<std::string_view>> NextMessage();
  ClientSocket socket_;
  std::string input_;
  size_t used_ = 0;
  FrameReader reader_;
  uint32_t mask_ = 0x5A17C0DE;  // varies by frame; proxies need no more of a client like this
};

}  // namespace kalamdb::server
