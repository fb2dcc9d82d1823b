// Redis: GET in the closed loop, PUBLISH to another socket in the open one.
#include <poll.h>

#include "base/random.h"
#include "closed_loop.h"
#include "peer_scenarios.h"

namespace kalamdb::bench {

namespace {

const std::string kText =
    "the quick brown fox jumps over the lazy dog and then has a rest for a while, one hundred bytes in all";

void AppendCommand(std::initializer_list<std::string_view> parts, std::string* out) {
  out->append("*").append(std::to_string(parts.size())).append("\r\n");
  for (std::string_view part : parts)
    out->append("$").append(std::to_string(part.size())).append("\r\n").append(part).append("\r\n");
}

server::ClientUrl UrlOf(const LoadArgs& args) { return *server::ParseClientUrl(args.Text("url", "127.0.0.1:6379")); }

}  // namespace

void RunRedisGet(const LoadArgs& args, LoadStats* stats) {
  const auto keys = static_cast<uint64_t>(args.Number("keys", 100'000));
  Result<server::ClientSocket> loader = server::ClientSocket::Connect(UrlOf(args), 10'000);
  if (!loader.ok()) return stats->Fail(loader.error().message);
  for (uint64_t id = 1; id <= keys && !stats->failed();) {
    std::string commands, replies;
    uint64_t expected = 0;
    for (; expected < 1'000 && id <= keys; ++expected, ++id)
      AppendCommand({"SET", "key" + std::to_string(id), kText}, &commands);
    if (!loader->Send(commands).ok()) return stats->Fail("loading");
    while (replies.size() < expected * 5) {
      if (Result<size_t> n = loader->Receive(&replies); !n.ok() || *n == 0) return stats->Fail("loading");
    }
  }
  SeededRandom random(42);
  ClosedLoop loop;
  loop.url = UrlOf(args);
  loop.connections = static_cast<int>(args.Number("connections", 1));
  loop.seconds = static_cast<double>(args.Number("seconds", 5));
  loop.next = [&](int, std::string* request) {
    AppendCommand({"GET", "key" + std::to_string(1 + random.Below(keys))}, request);
  };
  loop.reply_length = RedisReplyLength;
  loop.check = [](std::string_view reply) {
    return reply.find(kText) == std::string_view::npos ? "a value is missing" : std::string();
  };
  loop.Run(stats);
}

void RunRedisPublish(const LoadArgs& args, LoadStats* stats) {
  Result<server::ClientSocket> writer = server::ClientSocket::Connect(UrlOf(args), 10'000);
  Result<server::ClientSocket> reader = server::ClientSocket::Connect(UrlOf(args), 10'000);
  if (!writer.ok() || !reader.ok()) return stats->Fail("cannot connect");
  std::string subscribe, bytes, replies;
  AppendCommand({"SUBSCRIBE", "events"}, &subscribe);
  if (!reader->Send(subscribe).ok() || !reader->Receive(&bytes).ok()) return stats->Fail("subscribe");
  bytes.clear();
  const int64_t rate = args.Number("rate", 1'000);
  const auto total = static_cast<uint64_t>(rate * args.Number("seconds", 5));
  const int64_t start_us = NowMicros() + 100'000;
  auto intended = [&](uint64_t id) { return start_us + static_cast<int64_t>(id - 1) * 1'000'000 / rate; };
  uint64_t sent = 0, seen = 0;
  stats->Start();
  while (seen < total && !stats->failed()) {
    while (sent < total && NowMicros() >= intended(sent + 1)) {
      std::string command;
      AppendCommand({"PUBLISH", "events", "id=" + std::to_string(++sent) + " " + kText}, &command);
      if (!writer->Send(command).ok()) stats->Fail("the writer broke");
    }
    pollfd waits[2] = {{reader->fd(), POLLIN, 0}, {writer->fd(), POLLIN, 0}};
    const int64_t until_us = sent < total ? intended(sent + 1) - NowMicros() : 5'000'000;
    const timespec timeout{until_us > 0 ? until_us / 1'000'000 : 0, until_us > 0 ? (until_us % 1'000'000) * 1'000 : 0};
    if (::ppoll(waits, 2, &timeout, nullptr) == 0 && sent == total) stats->Fail("events are missing");
    if ((waits[1].revents & POLLIN) != 0) {
      replies.clear();
      if (!writer->Receive(&replies).ok()) stats->Fail("the writer broke");
    }
    if ((waits[0].revents & POLLIN) == 0) continue;
    if (!reader->Receive(&bytes).ok()) stats->Fail("the reader broke");
    const int64_t now = NowMicros();
    size_t at = 0;
    for (size_t next;
         (next = bytes.find("id=", at)) != std::string::npos && bytes.find("\r\n", next) != std::string::npos;
         at = next + 3) {
      const uint64_t id = std::strtoull(bytes.c_str() + next + 3, nullptr, 10);
      if (id != seen + 1) stats->Fail("event " + std::to_string(id) + " came instead of " + std::to_string(seen + 1));
      seen = id;
      stats->Add(now - intended(id));
    }
    bytes.erase(0, at);
  }
  stats->Stop();
}

}  // namespace kalamdb::bench
