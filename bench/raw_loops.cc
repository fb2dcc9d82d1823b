// Two threads of epoll with nothing between read and write, as the server has two; and the disk alone.
#include "raw_loops.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <thread>
#include <vector>

namespace kalamdb::bench {

namespace {

constexpr std::string_view kReply =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
    "38\r\n\r\n{\"status\":\"healthy\",\"version\":\"0.1.0\"}";

void EchoThread(int poll_fd) {
  std::vector<epoll_event> events(256);
  std::vector<char> buffer(64 << 10);
  for (;;) {
    const int ready = ::epoll_wait(poll_fd, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < ready; ++i) {
      const int fd = events[static_cast<size_t>(i)].data.fd;
      const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), 0);
      if (n <= 0) {
        ::close(fd);
        continue;
      }
      if (std::string_view(buffer.data(), static_cast<size_t>(n)).ends_with("\r\n\r\n")) {
        if (::send(fd, kReply.data(), kReply.size(), MSG_NOSIGNAL) < 0) ::close(fd);
      }
    }
  }
}

}  // namespace

int RunEchoServer(const LoadArgs& args) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(args.Number("port", 0)));
  socklen_t size = sizeof address;
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(listener, 1024) != 0)
    return 1;
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  std::printf("{\"port\":%d}\n", ntohs(address.sin_port));
  std::fflush(stdout);
  std::vector<int> polls;
  std::vector<std::thread> threads;
  for (int i = 0; i < args.Number("threads", 2); ++i) {
    polls.push_back(::epoll_create1(0));
    threads.emplace_back(EchoThread, polls.back());
  }
  for (size_t next = 0;; ++next) {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
    if (fd < 0) continue;
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const int poll_fd = polls[next % polls.size()];
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    ::epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event);
  }
}

void RunFdatasync(const LoadArgs& args, LoadStats* stats) {
  const std::string path = args.Text("directory", "/tmp") + "/kalam-load-fdatasync";
  const int fd = ::open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600);
  if (fd < 0) return stats->Fail("cannot make a file");
  const std::string record(static_cast<size_t>(args.Number("bytes", 300)), 'x');
  const int64_t end_us = NowMicros() + args.Number("seconds", 3) * 1'000'000;
  stats->Start();
  for (int64_t now = NowMicros(); now < end_us;) {
    if (::write(fd, record.data(), record.size()) < 0 || ::fdatasync(fd) != 0) stats->Fail("the disk refused");
    const int64_t then = now;
    now = NowMicros();
    stats->Add(now - then);
  }
  stats->Stop();
  ::close(fd);
  ::unlink(path.c_str());
}

}  // namespace kalamdb::bench
