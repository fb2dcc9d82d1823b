// Requests of the scenarios, and what is checked of their replies.
#include "kalam_scenarios.h"

#include <string>

#include "admin.h"
#include "base/random.h"
#include "closed_loop.h"
#include "open_loop.h"
#include "sample_rows.h"

namespace kalamdb::bench {

namespace {

ClosedLoop HttpLoop(const LoadArgs& args, const server::ClientUrl& url) {
  ClosedLoop loop;
  loop.url = url;
  loop.connections = static_cast<int>(args.Number("connections", 1));
  loop.seconds = static_cast<double>(args.Number("seconds", 5));
  loop.reply_length = HttpReplyLength;
  loop.check = CheckHttp200;
  return loop;
}

std::string InsertBody(uint64_t first_id, uint64_t rows, bool as_params) {
  std::string body = R"({"sql":"INSERT INTO bench.messages VALUES )";
  for (uint64_t i = 0; i < rows; ++i) {
    if (i > 0) body += ",";
    if (!as_params) {
      AppendRow(false, first_id + i, &body);
      continue;
    }
    body += "(";
    for (uint64_t p = 1; p <= 5; ++p) body += (p == 1 ? "$" : ",$") + std::to_string(i * 5 + p);
    body += ")";
  }
  body += "\"";
  if (as_params) {
    body += ",\"params\":[";
    for (uint64_t i = 0; i < rows; ++i) {
      if (i > 0) body += ",";
      AppendRow(true, first_id + i, &body);
    }
    body += "]";
  }
  return body + "}";
}

}  // namespace

void RunHealth(const LoadArgs& args, LoadStats* stats) {
  ClosedLoop loop = HttpLoop(args, *server::ParseClientUrl(args.Text("url", "127.0.0.1:8080")));
  loop.next = [](int, std::string* request) { request->append("GET /health HTTP/1.1\r\nHost: x\r\n\r\n"); };
  loop.Run(stats);
}

void RunInsert(const LoadArgs& args, LoadStats* stats) {
  Admin admin(args, stats);
  admin.Sql(
      "CREATE NAMESPACE IF NOT EXISTS bench; DROP TABLE IF EXISTS bench.messages; CREATE SHARED TABLE bench.messages " +
      std::string(kColumns) + std::string(kStaysHot));
  if (stats->failed()) return;
  const auto rows = static_cast<uint64_t>(args.Number("rows", 1));
  const bool as_params = args.Text("form", "params") == "params";
  uint64_t next_id = 1, acknowledged = 0;
  ClosedLoop loop = HttpLoop(args, admin.url());
  loop.operations_each = rows;
  const std::string headers = DurabilityHeader(args);
  loop.next = [&](int, std::string* request) {
    *request = admin.Request(InsertBody(next_id, rows, as_params), headers);
    next_id += rows;
  };
  loop.check = [&](std::string_view reply) {
    acknowledged += rows;
    return CheckHttp200(reply);
  };
  loop.Run(stats);
  if (stats->failed()) return;
  // What was acknowledged is there; what was on its way may be.
  const uint64_t found = admin.Count("SELECT count(*) FROM bench.messages");
  if (found < acknowledged || found > next_id - 1) {
    stats->Fail("acknowledged " + std::to_string(acknowledged) + " rows, found " + std::to_string(found));
  }
}

void RunSelect(const LoadArgs& args, LoadStats* stats) {
  Admin admin(args, stats);
  const auto keys = static_cast<uint64_t>(args.Number("keys", 1'000'000));
  const bool cold = args.Number("cold", 0) != 0;
  const std::string table = cold ? "bench.cold_points" : "bench.points";
  if (cold) {
    constexpr uint64_t kRowsASegment = 10'000;
    for (uint64_t rows = kRowsASegment; rows <= keys && !stats->failed(); rows += kRowsASegment) {
      const bool made = LoadHotRows(table, rows, &admin, stats);
      if (made) admin.Sql("STORAGE FLUSH TABLE " + table + " WAIT");
    }
  } else if (!stats->failed()) {
    LoadHotRows(table, keys, &admin, stats);
  }
  if (stats->failed()) return;
  const bool as_params = args.Text("form", "params") == "params";
  SeededRandom random(42);
  const auto asked = static_cast<uint64_t>(args.Number("again", static_cast<long>(keys)));
  ClosedLoop loop = HttpLoop(args, admin.url());
  const std::string select = R"({"sql":"SELECT * FROM )" + table + " WHERE id = ";
  loop.next = [&](int, std::string* request) {
    const std::string number = std::to_string(1 + random.Below(asked) * (keys / asked));
    *request = admin.Request(as_params ? select + R"($1","params":[)" + number + "]}" : select + number + "\"}");
  };
  loop.check = [](std::string_view reply) {
    if (std::string wrong = CheckHttp200(reply); !wrong.empty()) return wrong;
    return reply.find(kText) == std::string_view::npos ? "a row is missing" : std::string();
  };
  loop.Run(stats);
}

void RunLive(const LoadArgs& args, LoadStats* stats) {
  Admin admin(args, stats);
  admin.Sql(
      "CREATE NAMESPACE IF NOT EXISTS bench; DROP TABLE IF EXISTS bench.events; CREATE SHARED TABLE bench.events (id "
      "BIGINT PRIMARY KEY, body TEXT)");
  if (stats->failed()) return;
  Result<std::unique_ptr<server::WebSocketClient>> socket =
      server::WebSocketClient::Connect(admin.url(), admin.token());
  if (!socket.ok()) return stats->Fail(socket.error().message);
  if (!(*socket)
           ->Send(R"({"type":"subscribe","subscription":{"id":"s","sql":"SELECT id, body FROM bench.events"}})")
           .ok())
    return stats->Fail("send");
  for (;;) {
    Result<std::string> frame = (*socket)->Receive(10'000);
    if (!frame.ok()) return stats->Fail(frame.error().message);
    if (frame->find("\"subscription_ack\"") != std::string::npos) break;
    if (frame->find("\"error\"") != std::string::npos) return stats->Fail(*frame);
  }
  Result<server::ClientSocket> writer = server::ClientSocket::Connect(admin.url(), 10'000);
  if (!writer.ok()) return stats->Fail(writer.error().message);
  const std::string headers = DurabilityHeader(args);
  std::string replies;
  OpenLoop loop;
  loop.rate = args.Number("rate", 1'000);
  loop.total = static_cast<uint64_t>(loop.rate * args.Number("seconds", 5));
  loop.event_fd = (*socket)->fd();
  loop.reply_fd = writer->fd();
  loop.send = [&](uint64_t id) -> std::string {
    const std::string body = R"~({"sql":"INSERT INTO bench.events VALUES ($1, $2)","params":[)~" + std::to_string(id) +
                             ",\"" + std::string(kText) + "\"]}";
    return writer->Send(admin.Request(body, headers)).ok() ? "" : "the writer broke";
  };
  loop.read_replies = [&]() -> std::string {
    if (Result<size_t> n = writer->Receive(&replies); !n.ok() || *n == 0) return "the writer's replies ended";
    for (size_t length; (length = HttpReplyLength(replies)) != 0; replies.erase(0, length)) {
      if (std::string wrong = CheckHttp200(replies); !wrong.empty()) return wrong;
    }
    return "";
  };
  // A frame holds the rows of one commit, in key order.
  loop.read_events = [&](const std::function<void(uint64_t)>& saw) -> std::string {
    do {
      Result<std::string> frame = (*socket)->Receive(5'000);
      if (!frame.ok()) return frame.error().message;
      for (size_t at = 0; (at = frame->find("\"id\":\"", at)) != std::string::npos; at += 6)
        saw(std::strtoull(frame->c_str() + at + 6, nullptr, 10));
    } while ((*socket)->HasFrame());
    return "";
  };
  loop.Run(stats);
}

}  // namespace kalamdb::bench
