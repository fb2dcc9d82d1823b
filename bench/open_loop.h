// Writes at a fixed rate, whatever the replies say; each is seen again on another connection, once and in order.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "load_stats.h"

namespace kalamdb::bench {

// Latency is from the intended time of a write to the moment its event is seen. The functions that return a text say
// what went wrong; empty = nothing.
struct OpenLoop {
  int64_t rate = 1'000;  // a second
  uint64_t total = 0;
  int reply_fd = -1, event_fd = -1;              // readable = the functions below are called
  std::function<std::string(uint64_t id)> send;  // ids are 1, 2, 3 …
  std::function<std::string()> read_replies;
  // Reads what is there and calls `saw` with each id.
  std::function<std::string(const std::function<void(uint64_t id)>& saw)> read_events;

  // Runs until all events are seen, filling `stats` (Start and Stop are called).
  void Run(LoadStats* stats) const;
};

}  // namespace kalamdb::bench
