// Binding and naming of TCP sockets.
#include "server/listen_socket.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace kalamdb::server {

namespace {

std::string AddressText(const sockaddr_storage& address, bool with_port) {
  char host[NI_MAXHOST] = "", port[NI_MAXSERV] = "";
  const socklen_t size = address.ss_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  ::getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, host, sizeof host, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
  if (!with_port) return host;
  return address.ss_family == AF_INET6 ? "[" + std::string(host) + "]:" + port : std::string(host) + ":" + port;
}

int Bind(const addrinfo& candidate) {
  const int fd = ::socket(candidate.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd, candidate.ai_addr, candidate.ai_addrlen) == 0 && ::listen(fd, 4096) == 0) return fd;
  const int error = errno;
  ::close(fd);
  errno = error;
  return -1;
}

}  // namespace

Result<ListenSocket> OpenListenSocket(const std::string& listen) {
  const size_t colon = listen.rfind(':');
  if (colon == std::string::npos || colon + 1 == listen.size() ||
      listen.find_first_not_of("0123456789", colon + 1) != std::string::npos ||
      std::stoul("0" + listen.substr(colon + 1, 6)) > 65535) {
    return Error{ErrorCode::kInvalidParameter, "server.listen \"" + listen + "\" is not host:port"};
  }
  std::string host = listen.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.empty() ? nullptr : host.c_str(), listen.c_str() + colon + 1, &hints, &found) != 0) {
    return Error{ErrorCode::kInvalidParameter, "server.listen: the host \"" + host + "\" is unknown"};
  }
  int fd = -1;
  for (const addrinfo* candidate = found; candidate != nullptr && fd < 0; candidate = candidate->ai_next)
    fd = Bind(*candidate);
  const int error = errno;
  ::freeaddrinfo(found);
  if (fd < 0) {
    return Error{ErrorCode::kStorageUnavailable, "cannot listen on " + listen + ": " + std::strerror(error)};
  }
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size);
  return ListenSocket{.fd = fd, .address = AddressText(bound, true)};
}

Peer PeerOf(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  Peer peer;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return peer;
  peer.address = AddressText(address, false);
  std::string_view text = peer.address;
  if (text.starts_with("::ffff:")) text.remove_prefix(7);
  peer.loopback = text.starts_with("127.") || text == "::1";
  return peer;
}

}  // namespace kalamdb::server
