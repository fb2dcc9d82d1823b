// Requests of the scenarios, and what is checked of their replies.
#include "kalam_scenarios.h"

#include <poll.h>

#include <string>

#include "base/random.h"
#include "closed_loop.h"
#include "row/json.h"
#include "row/json_document.h"
#include "server/client.h"

namespace kalamdb::bench {

namespace {

constexpr std::string_view kText =
    "the quick brown fox jumps over the lazy dog and then has a rest for a while, one hundred bytes in all";

// A logged-in administrator's connection for what is around the measurement.
class Admin {
 public:
  Admin(const LoadArgs& args, LoadStats* stats)
      : stats_(stats), url_(*server::ParseClientUrl(args.Text("url", "127.0.0.1:8080"))), http_(url_) {
    const std::string body = R"({"user":"root","password":")" + args.Text("password", "") + "\"}";
    Result<server::ClientResponse> reply = http_.Send({.path = "/v1/api/auth/login", .headers = {}, .body = body});
    if (!reply.ok()) {
      stats_->Fail(reply.error().message);
      return;
    }
    Result<row::JsonDocument> document = row::JsonDocument::Parse(reply->body);
    std::optional<row::JsonView> token = document.ok() ? document->root().Find("access_token") : std::nullopt;
    if (token) {
      token_ = token->text();
    } else {
      stats_->Fail("the login was refused");
    }
  }

  std::string Sql(std::string_view sql, bool must_succeed = true) {
    std::string body = R"({"sql":)";
    row::AppendJsonString(sql, &body);
    Result<server::ClientResponse> reply =
        http_.Send({.path = "/v1/api/sql", .headers = "Authorization: Bearer " + token_ + "\r\n", .body = body + "}"});
    if (!reply.ok()) {
      stats_->Fail(reply.error().message);
      return {};
    }
    if (must_succeed && reply->status != 200) stats_->Fail("a statement failed with " + std::to_string(reply->status));
    return reply->body;
  }

  // The one value of the one row.
  std::string Value(std::string_view sql) {
    Result<row::JsonDocument> document = row::JsonDocument::Parse(Sql(sql));
    if (!document.ok()) return {};
    std::optional<row::JsonView> results = document->root().Find("results");
    if (!results || results->items().empty()) return {};
    std::optional<row::JsonView> rows = (*results->items().begin()).Find("rows");
    if (!rows || rows->items().empty()) return {};
    return std::string((*(*rows->items().begin()).items().begin()).text());
  }

  // A whole request to the SQL route.
  std::string Request(std::string_view body, std::string_view headers = "") const {
    std::string request =
        "POST /v1/api/sql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer " + token_ +
        "\r\n";
    request.append(headers)
        .append("Content-Length: ")
        .append(std::to_string(body.size()))
        .append("\r\n\r\n")
        .append(body);
    return request;
  }

  const server::ClientUrl& url() const { return url_; }
  const std::string& token() const { return token_; }

 private:
  LoadStats* const stats_;
  const server::ClientUrl url_;
  server::HttpClient http_;
  std::string token_;
};

ClosedLoop HttpLoop(const LoadArgs& args, const server::ClientUrl& url) {
  ClosedLoop loop;
  loop.url = url;
  loop.connections = static_cast<int>(args.Number("connections", 1));
  loop.seconds = static_cast<double>(args.Number("seconds", 5));
  loop.reply_length = HttpReplyLength;
  loop.check = CheckHttp200;
  return loop;
}

std::string DurabilityHeader(const LoadArgs& args) {
  return "X-Durability: " + args.Text("durability", "sync") + "\r\n";
}

// (id, room, author, stars, body): five columns.
void AppendRow(bool as_params, uint64_t id, std::string* body) {
  const std::string number = std::to_string(id);
  if (as_params) {
    body->append("\"")
        .append(number)
        .append("\",\"room")
        .append(std::to_string(id % 10))
        .append("\",\"author\",")
        .append(std::to_string(id % 5));
    body->append(",\"").append(kText).append("\"");
  } else {
    body->append("(")
        .append(number)
        .append(",'room")
        .append(std::to_string(id % 10))
        .append("','author',")
        .append(std::to_string(id % 5));
    body->append(",'").append(kText).append("')");
  }
}

// Hot rows are what is measured: nothing is flushed meanwhile.
constexpr std::string_view kColumns =
    "(id BIGINT PRIMARY KEY, room TEXT, author TEXT, stars INT, body TEXT) WITH (FLUSH_POLICY = "
    "'rows:100000000,interval:86400')";

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
      std::string(kColumns));
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
  const uint64_t found = std::stoull("0" + admin.Value("SELECT count(*) FROM bench.messages"));
  if (found < acknowledged || found > next_id - 1) {
    stats->Fail("acknowledged " + std::to_string(acknowledged) + " rows, found " + std::to_string(found));
  }
}

void RunSelect(const LoadArgs& args, LoadStats* stats) {
  Admin admin(args, stats);
  const auto keys = static_cast<uint64_t>(args.Number("keys", 1'000'000));
  admin.Sql("CREATE NAMESPACE IF NOT EXISTS bench; CREATE SHARED TABLE IF NOT EXISTS bench.points " +
            std::string(kColumns));
  if (stats->failed()) return;
  uint64_t loaded = std::stoull("0" + admin.Value("SELECT count(*) FROM bench.points"));
  constexpr uint64_t kRowsAStatement = 5'000;
  for (; loaded < keys && !stats->failed(); loaded += kRowsAStatement) {
    std::string sql = "INSERT INTO bench.points VALUES ";
    for (uint64_t i = 1; i <= kRowsAStatement; ++i) {
      if (i > 1) sql += ",";
      AppendRow(false, loaded + i, &sql);
    }
    admin.Sql(sql);
  }
  if (stats->failed()) return;
  const bool as_params = args.Text("form", "params") == "params";
  SeededRandom random(42);
  uint64_t id = 0;
  ClosedLoop loop = HttpLoop(args, admin.url());
  std::vector<uint64_t> asked(static_cast<size_t>(loop.connections));
  loop.next = [&](int, std::string* request) {
    id = 1 + random.Below(keys);
    const std::string number = std::to_string(id);
    *request =
        admin.Request(as_params ? R"({"sql":"SELECT * FROM bench.points WHERE id = $1","params":[)" + number + "]}"
                                : R"({"sql":"SELECT * FROM bench.points WHERE id = )" + number + "\"}");
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
  const int64_t rate = args.Number("rate", 1'000);
  const auto total = static_cast<uint64_t>(rate * args.Number("seconds", 5));
  const std::string headers = DurabilityHeader(args);
  const int64_t start_us = NowMicros() + 100'000;
  auto intended = [&](uint64_t id) { return start_us + static_cast<int64_t>(id - 1) * 1'000'000 / rate; };
  uint64_t sent = 0, seen = 0;
  std::string replies;
  stats->Start();
  while (seen < total && !stats->failed()) {
    while (sent < total && NowMicros() >= intended(sent + 1)) {
      ++sent;
      const std::string body = R"~({"sql":"INSERT INTO bench.events VALUES ($1, $2)","params":[)~" +
                               std::to_string(sent) + ",\"" + std::string(kText) + "\"]}";
      if (!writer->Send(admin.Request(body, headers)).ok()) stats->Fail("the writer broke");
    }
    pollfd waits[2] = {{(*socket)->fd(), POLLIN, 0}, {writer->fd(), POLLIN, 0}};
    const int64_t until_us = sent < total ? intended(sent + 1) - NowMicros() : 5'000'000;
    const timespec timeout{until_us > 0 ? until_us / 1'000'000 : 0, until_us > 0 ? (until_us % 1'000'000) * 1'000 : 0};
    const int ready = ::ppoll(waits, 2, &timeout, nullptr);
    if (ready == 0 && sent == total)
      stats->Fail("events are missing: " + std::to_string(seen) + " of " + std::to_string(total));
    if ((waits[1].revents & POLLIN) != 0) {
      if (Result<size_t> n = writer->Receive(&replies); !n.ok() || *n == 0) stats->Fail("the writer's replies ended");
      for (size_t length; (length = HttpReplyLength(replies)) != 0; replies.erase(0, length)) {
        if (std::string wrong = CheckHttp200(replies); !wrong.empty()) stats->Fail(wrong);
      }
    }
    while ((*socket)->HasFrame() || (waits[0].revents & POLLIN) != 0) {
      waits[0].revents = 0;
      Result<std::string> frame = (*socket)->Receive(5'000);
      if (!frame.ok()) {
        stats->Fail(frame.error().message);
        break;
      }
      const int64_t now = NowMicros();
      // A frame holds the rows of one commit, in key order; every id exactly once and in order.
      for (size_t at = 0; (at = frame->find("\"id\":\"", at)) != std::string::npos; at += 6) {
        const uint64_t id = std::strtoull(frame->c_str() + at + 6, nullptr, 10);
        if (id != seen + 1) stats->Fail("event " + std::to_string(id) + " came instead of " + std::to_string(seen + 1));
        seen = id;
        stats->Add(now - intended(id));
      }
    }
  }
  stats->Stop();
}

}  // namespace kalamdb::bench
