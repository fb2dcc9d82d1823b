// N connections, each with one request on its way: the next is sent when the reply is there. One thread, epoll.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "load_stats.h"
#include "server/client.h"

namespace kalamdb::bench {

struct ClosedLoop {
  server::ClientUrl url;
  int connections = 1;
  double seconds = 5;
  double warm_seconds = 0.5;     // not counted
  uint64_t operations_each = 1;  // of one request (rows)
  // Appends the next request of a connection.
  std::function<void(int connection, std::string* request)> next;
  // Length of the whole reply at the start of `bytes`; 0 = more is needed.
  std::function<size_t(std::string_view bytes)> reply_length;
  // Empty = the reply is right.
  std::function<std::string(std::string_view reply)> check;

  // Runs, filling `stats` (Start and Stop are called).
  void Run(LoadStats* stats);
};

// For HTTP with Content-Length, and for Redis.
size_t HttpReplyLength(std::string_view bytes);
size_t RedisReplyLength(std::string_view bytes);
std::string CheckHttp200(std::string_view reply);

}  // namespace kalamdb::bench
