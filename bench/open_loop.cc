// The open loop: one thread, ppoll on two descriptors, the time of the next write as the time-out.
#include "open_loop.h"

#include <poll.h>

#include <algorithm>

namespace kalamdb::bench {

namespace {

constexpr int64_t kLongestSilenceUs = 5'000'000;  // after the last write

}  // namespace

void OpenLoop::Run(LoadStats* stats) const {
  const int64_t start_us = NowMicros() + 100'000;
  const auto intended = [&](uint64_t id) { return start_us + static_cast<int64_t>(id - 1) * 1'000'000 / rate; };
  const auto expect = [&](std::string wrong) {
    if (!wrong.empty()) stats->Fail(std::move(wrong));
  };
  uint64_t sent = 0, seen = 0;
  const auto saw = [&](uint64_t id) {
    if (id != seen + 1) stats->Fail("event " + std::to_string(id) + " came instead of " + std::to_string(seen + 1));
    seen = id;
    stats->Add(NowMicros() - intended(id));
  };
  stats->Start();
  while (seen < total && !stats->failed()) {
    while (sent < total && NowMicros() >= intended(sent + 1)) expect(send(++sent));
    pollfd waits[2] = {{event_fd, POLLIN, 0}, {reply_fd, POLLIN, 0}};
    const int64_t until_us = std::max<int64_t>(sent < total ? intended(sent + 1) - NowMicros() : kLongestSilenceUs, 0);
    const timespec timeout{until_us / 1'000'000, until_us % 1'000'000 * 1'000};
    if (::ppoll(waits, 2, &timeout, nullptr) == 0 && sent == total)
      stats->Fail("events are missing: " + std::to_string(seen) + " of " + std::to_string(total));
    if (waits[1].revents != 0) expect(read_replies());
    if (waits[0].revents != 0) expect(read_events(saw));
  }
  stats->Stop();
}

}  // namespace kalamdb::bench
