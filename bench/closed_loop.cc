// The epoll loop of the load generator.
#include "closed_loop.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <memory>
#include <vector>

namespace kalamdb::bench {

namespace {

struct Peer {
  explicit Peer(server::ClientSocket s) : socket(std::move(s)) {}
  server::ClientSocket socket;
  std::string out, in;
  size_t sent = 0;
  int64_t started_us = 0;
};

size_t NumberAt(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  size_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

bool SendSome(Peer* peer) {
  while (peer->sent < peer->out.size()) {
    const ssize_t n =
        ::send(peer->socket.fd(), peer->out.data() + peer->sent, peer->out.size() - peer->sent, MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
    peer->sent += static_cast<size_t>(n);
  }
  return true;
}

}  // namespace

size_t HttpReplyLength(std::string_view bytes) {
  const size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  const size_t at = bytes.substr(0, end).find("Content-Length:");
  if (at == std::string_view::npos) return 0;
  const size_t length = end + 4 + NumberAt(bytes.substr(at + 15));
  return bytes.size() >= length ? length : 0;
}

size_t RedisReplyLength(std::string_view bytes) {
  const size_t line = bytes.find("\r\n");
  if (line == std::string_view::npos) return 0;
  if (bytes[0] != '$' || bytes[1] == '-') return line + 2;
  const size_t length = line + 2 + NumberAt(bytes.substr(1)) + 2;
  return bytes.size() >= length ? length : 0;
}

std::string CheckHttp200(std::string_view reply) {
  return reply.starts_with("HTTP/1.1 200") ? std::string() : std::string(reply.substr(0, 300));
}

void ClosedLoop::Run(LoadStats* stats) {
  const int poll_fd = ::epoll_create1(EPOLL_CLOEXEC);
  std::vector<std::unique_ptr<Peer>> peers;
  auto begin = [&](int index) {
    Peer& peer = *peers[static_cast<size_t>(index)];
    peer.out.clear();
    peer.sent = 0;
    next(index, &peer.out);
    peer.started_us = NowMicros();
    if (!SendSome(&peer)) stats->Fail("a connection broke while sending");
  };
  for (int i = 0; i < connections; ++i) {
    Result<server::ClientSocket> socket = server::ClientSocket::Connect(url, 10'000);
    if (!socket.ok()) return stats->Fail(socket.error().message);
    ::fcntl(socket->fd(), F_SETFL, ::fcntl(socket->fd(), F_GETFL) | O_NONBLOCK);
    epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.u32 = static_cast<uint32_t>(i)}};
    ::epoll_ctl(poll_fd, EPOLL_CTL_ADD, socket->fd(), &event);
    peers.push_back(std::make_unique<Peer>(*std::move(socket)));
  }
  const int64_t count_from_us = NowMicros() + static_cast<int64_t>(warm_seconds * 1e6);
  const int64_t end_us = count_from_us + static_cast<int64_t>(seconds * 1e6);
  bool counting = false;
  for (int i = 0; i < connections; ++i) begin(i);
  std::vector<epoll_event> events(static_cast<size_t>(connections));
  std::vector<char> buffer(1 << 18);
  for (int64_t now = NowMicros(); now < end_us && !stats->failed(); now = NowMicros()) {
    if (!counting && now >= count_from_us) {
      counting = true;
      stats->Start();
    }
    const int ready = ::epoll_wait(poll_fd, events.data(), connections, 100);
    for (int e = 0; e < ready; ++e) {
      const auto index = static_cast<int>(events[static_cast<size_t>(e)].data.u32);
      Peer& peer = *peers[static_cast<size_t>(index)];
      if (!SendSome(&peer)) stats->Fail("a connection broke");
      for (;;) {
        const ssize_t n = ::recv(peer.socket.fd(), buffer.data(), buffer.size(), 0);
        if (n == 0) stats->Fail("the server closed a connection");
        if (n <= 0) break;
        peer.in.append(buffer.data(), static_cast<size_t>(n));
        if (static_cast<size_t>(n) < buffer.size()) break;
      }
      const size_t length = reply_length(peer.in);
      if (length == 0) continue;
      if (counting) stats->Add(NowMicros() - peer.started_us, operations_each);
      if (std::string wrong = check(std::string_view(peer.in).substr(0, length)); !wrong.empty()) stats->Fail(wrong);
      peer.in.erase(0, length);
      begin(index);
    }
  }
  if (!counting) stats->Start();
  stats->Stop();
  ::close(poll_fd);
}

}  // namespace kalamdb::bench
