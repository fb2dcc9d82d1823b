// Redis: GET in the closed loop, PUBLISH to another socket in the open one.
#include "base/random.h"
#include "closed_loop.h"
#include "open_loop.h"
#include "peer_scenarios.h"
#include "sample_rows.h"

namespace kalamdb::bench {

namespace {

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
  OpenLoop loop;
  loop.rate = args.Number("rate", 1'000);
  loop.total = static_cast<uint64_t>(loop.rate * args.Number("seconds", 5));
  loop.event_fd = reader->fd();
  loop.reply_fd = writer->fd();
  loop.send = [&](uint64_t id) -> std::string {
    std::string command;
    AppendCommand({"PUBLISH", "events", "id=" + std::to_string(id) + " " + std::string(kText)}, &command);
    return writer->Send(command).ok() ? "" : "the writer broke";
  };
  loop.read_replies = [&]() -> std::string {
    replies.clear();
    return writer->Receive(&replies).ok() ? "" : "the writer broke";
  };
  loop.read_events = [&](const std::function<void(uint64_t)>& saw) -> std::string {
    if (!reader->Receive(&bytes).ok()) return "the reader broke";
    size_t used = 0;
    for (size_t at; (at = bytes.find("id=", used)) != std::string::npos && bytes.find("\r\n", at) != std::string::npos;
         used = at + 3) {
      saw(std::strtoull(bytes.c_str() + at + 3, nullptr, 10));
    }
    bytes.erase(0, used);
    return "";
  };
  loop.Run(stats);
}

}  // namespace kalamdb::bench
