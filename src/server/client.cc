// Blocking sockets, responses by Content-Length or chunks, frames over FrameReader.
#include "server/client.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

namespace kalamdb::server {

namespace {

Error Broken(std::string message) { return {ErrorCode::kStorageUnavailable, std::move(message)}; }

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::optional<uint64_t> ParseNumber(std::string_view text, int base) {
  uint64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return number;
}

}  // namespace

Result<ClientUrl> ParseClientUrl(std::string_view url) {
  if (url.starts_with("https://")) return Error{ErrorCode::kUnsupported, "https is not offered by this client"};
  if (url.starts_with("http://")) url.remove_prefix(7);
  while (!url.empty() && url.back() == '/') url.remove_suffix(1);
  if (url.empty() || url.find_first_of("/?# ") != std::string_view::npos) {
    return Error{ErrorCode::kInvalidParameter, "the URL is not http://host:port"};
  }
  const size_t colon = url.rfind(':');
  const bool has_port = colon != std::string_view::npos && url.find(']', colon) == std::string_view::npos;
  ClientUrl parsed{std::string(url.substr(0, has_port ? colon : url.size())),
                   has_port ? std::string(url.substr(colon + 1)) : "8080"};
  if (parsed.host.size() > 2 && parsed.host.front() == '[') parsed.host = parsed.host.substr(1, parsed.host.size() - 2);
  return parsed;
}

Result<ClientSocket> ClientSocket::Connect(const ClientUrl& url, int timeout_ms) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(url.host.c_str(), url.port.c_str(), &hints, &found) != 0)
    return Broken("the host " + url.host + " is unknown");
  int fd = -1;
  for (const addrinfo* at = found; at != nullptr && fd < 0; at = at->ai_next) {
    fd = ::socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && ::connect(fd, at->ai_addr, at->ai_addrlen) != 0) {
      ::close(fd);
      fd = -1;
    }
  }
  const int error = errno;
  ::freeaddrinfo(found);
  if (fd < 0) return Broken("cannot connect to " + url.host + ":" + url.port + ": " + std::strerror(error));
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return ClientSocket(fd, timeout_ms);
}

ClientSocket::~ClientSocket() {
  if (fd_ >= 0) ::close(fd_);
}

Status ClientSocket::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n > 0) {
      bytes.remove_prefix(static_cast<size_t>(n));
    } else if (errno != EINTR) {
      return Broken("the connection broke while sending");
    }
  }
  return {};
}

Result<std::optional<size_t>> ClientSocket::ReceiveReady(std::string* into) {
  char buffer[65536];
  for (;;) {
    const ssize_t n = ::recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::optional<size_t>();
    if (n < 0) return Broken("the connection broke while receiving");
    into->append(buffer, static_cast<size_t>(n));
    return std::optional(static_cast<size_t>(n));
  }
}

Result<size_t> ClientSocket::Receive(std::string* into) {
  for (;;) {
    pollfd wait{fd_, POLLIN, 0};
    const int ready = ::poll(&wait, 1, timeout_ms_);
    if (ready == 0) return Error{ErrorCode::kTimeout, "nothing came in time"};
    if (ready < 0 && errno == EINTR) continue;
    char buffer[65536];
    const ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Broken("the connection broke");
    into->append(buffer, static_cast<size_t>(n));
    return static_cast<size_t>(n);
  }
}

std::string_view ClientResponse::Header(std::string_view lower_case_name) const {
  std::string_view rest = headers;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find("\r\n"), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 2, rest.size()));
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || Lower(line.substr(0, colon)) != lower_case_name) continue;
    line.remove_prefix(colon + 1);
    while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
    return line;
  }
  return {};
}

Result<ClientResponse> HttpClient::Send(const ClientRequest& request) {
  bool stale = false;
  Result<ClientResponse> response = Try(request, &stale);
  if (!response.ok() && stale) response = Try(request, &stale);
  return response;
}

// `stale`: a kept connection ended before anything of a reply came, as idle ones do: the request was not begun.
Result<ClientResponse> HttpClient::Try(const ClientRequest& request, bool* stale) {
  *stale = socket_ != nullptr;
  if (socket_ == nullptr) {
    ASSIGN_OR_RETURN(ClientSocket socket, ClientSocket::Connect(url_, timeout_ms_));
    socket_ = std::make_unique<ClientSocket>(std::move(socket));
  }
  std::string bytes(request.method);
  bytes.append(" ").append(request.path).append(" HTTP/1.1\r\nHost: ").append(url_.host).append(":").append(url_.port);
  bytes.append("\r\n").append(request.headers);
  if (!request.body.empty() || request.method == "POST")
    bytes.append("Content-Length: " + std::to_string(request.body.size()) + "\r\n");
  bytes.append("\r\n").append(request.body);
  std::string input;
  Status sent = socket_->Send(bytes);
  Result<ClientResponse> response = ReadResponse(&input);  // a refused body is answered before it is sent
  if (!response.ok()) {
    *stale = *stale && input.empty() && response.error().code != ErrorCode::kTimeout;
    socket_.reset();
    return response;
  }
  if (!sent.ok() || response->Header("connection") == "close") socket_.reset();
  return response;
}

Status HttpClient::Need(std::string* input, size_t bytes) {
  while (input->size() < bytes) {
    ASSIGN_OR_RETURN(size_t n, socket_->Receive(input));
    if (n == 0) return Broken("the server closed the connection");
  }
  return {};
}

Result<ClientResponse> HttpClient::ReadResponse(std::string* input) {
  ClientResponse response;
  size_t end;
  do {  // past 100 Continue
    while ((end = input->find("\r\n\r\n")) == std::string::npos) RETURN_IF_ERROR(Need(input, input->size() + 1));
    if (!input->starts_with("HTTP/1.1 ") || input->size() < 12) return Broken("the reply is not HTTP/1.1");
    response.status = std::atoi(input->c_str() + 9);
    const size_t line = input->find("\r\n");
    response.headers = line + 2 <= end ? input->substr(line + 2, end - line) : "";
    input->erase(0, end + 4);
  } while (response.status == 100);
  if (Lower(response.Header("transfer-encoding")) == "chunked") {
    RETURN_IF_ERROR(ReadChunks(input, &response.body));
    return response;
  }
  if (response.status == 204) return response;
  std::optional<uint64_t> length = ParseNumber(response.Header("content-length"), 10);
  if (!length) return Broken("the reply has no length");
  RETURN_IF_ERROR(Need(input, *length));
  response.body = input->substr(0, *length);
  return response;
}

Status HttpClient::ReadChunks(std::string* input, std::string* body) {
  size_t at = 0;
  for (;;) {
    size_t end;
    while ((end = input->find("\r\n", at)) == std::string::npos) RETURN_IF_ERROR(Need(input, input->size() + 1));
    std::optional<uint64_t> size = ParseNumber(std::string_view(*input).substr(at, end - at), 16);
    if (!size) return Broken("the reply has a broken chunk");
    at = end + 2;
    RETURN_IF_ERROR(Need(input, at + *size + 2));
    if (*size == 0) return {};
    body->append(*input, at, *size);
    at += *size + 2;
    if (at > (1u << 20)) {
      input->erase(0, at);
      at = 0;
    }
  }
}

WebSocketClient::WebSocketClient(ClientSocket socket, std::string input)
    : socket_(std::move(socket)), input_(std::move(input)), reader_(256u << 20, false) {}

Result<std::unique_ptr<WebSocketClient>> WebSocketClient::Connect(const ClientUrl& url, std::string_view token,
                                                                  int timeout_ms) {
  ASSIGN_OR_RETURN(ClientSocket socket, ClientSocket::Connect(url, timeout_ms));
  std::string request = "GET /v1/ws HTTP/1.1\r\nHost: " + url.host + ":" + url.port +
                        "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  if (!token.empty()) request.append("Authorization: Bearer ").append(token).append("\r\n");
  RETURN_IF_ERROR(socket.Send(request + "\r\n"));
  std::string input;
  size_t end;
  while ((end = input.find("\r\n\r\n")) == std::string::npos) {
    ASSIGN_OR_RETURN(size_t n, socket.Receive(&input));
    if (n == 0) return Broken("the server closed the connection");
  }
  if (!input.starts_with("HTTP/1.1 101 "))
    return Broken("the upgrade was refused: " + input.substr(0, input.find('\r')));
  input.erase(0, end + 4);
  return std::unique_ptr<WebSocketClient>(new WebSocketClient(std::move(socket), std::move(input)));
}

Status WebSocketClient::Send(std::string_view text) {
  mask_ = mask_ * 1'664'525 + 1'013'904'223;
  return socket_.Send(MakeClientFrame(Opcode::kText, text, mask_));
}

Result<std::optional<std::string_view>> WebSocketClient::NextMessage() {
  while (used_ < input_.size()) {
    size_t used = 0;
    const FrameReader::Event event = reader_.Next(input_.data() + used_, input_.size() - used_, &used);
    used_ += used;
    switch (event.kind) {
      case FrameReader::Kind::kText: return std::optional(event.payload);
      case FrameReader::Kind::kPing:
        RETURN_IF_ERROR(socket_.Send(MakeClientFrame(Opcode::kPong, event.payload, mask_)));
        break;
      case FrameReader::Kind::kClose:
        return Error{ErrorCode::kCancelled,
                     "closed: " + std::to_string(event.close_code) + " " + std::string(event.payload)};
      case FrameReader::Kind::kBroken: return Broken(event.problem);
      default: break;
    }
  }
  input_.clear();
  used_ = 0;
  return std::optional<std::string_view>();
}

Result<std::string> WebSocketClient::Receive(int timeout_ms) {
  socket_.set_timeout_ms(timeout_ms);
  for (;;) {
    ASSIGN_OR_RETURN(const std::optional<std::string_view> message, NextMessage());
    if (message) return std::string(*message);
    ASSIGN_OR_RETURN(size_t n, socket_.Receive(&input_));
    if (n == 0) return Error{ErrorCode::kCancelled, "closed without a close frame"};
  }
}

Status WebSocketClient::ReceiveReady(const std::function<void(std::string_view)>& take) {
  ASSIGN_OR_RETURN(const std::optional<size_t> n, socket_.ReceiveReady(&input_));
  for (;;) {
    ASSIGN_OR_RETURN(const std::optional<std::string_view> message, NextMessage());
    if (!message) break;
    take(*message);
  }
  if (n && *n == 0) return Error{ErrorCode::kCancelled, "closed without a close frame"};
  return {};
}

Status WebSocketClient::Close() {
  return socket_.Send(MakeClientFrame(Opcode::kClose, ClosePayload(kCloseNormal, ""), mask_));
}

}  // namespace kalamdb::server
