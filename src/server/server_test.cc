// A whole server on a free port with services made of a few lines: framing, routes, states, sockets.
#include "server/server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <deque>
#include <thread>

#include "server/websocket_frame.h"

namespace kalamdb::server {
namespace {

// Tokens are "user:<name>".
class FakeAuth final : public service::AuthService {
 public:
  void Login(std::string body, std::string, service::AuthCallback done) override {
    done({.status = 200,
          .body = body,
          .access_token = "aaa",
          .refresh_token = "rrr",
          .access_seconds = 60,
          .refresh_seconds = 600});
  }
  void Refresh(std::string token, std::string, std::string, service::AuthCallback done) override {
    done({.body = "\"" + token + "\""});
  }
  void Logout(std::string token, service::AuthCallback done) override {
    revoked = token;
    done({.body = "{}", .clear_cookies = true});
  }
  void Setup(std::string, std::string, bool from_loopback, service::AuthCallback done) override {
    done({.status = from_loopback ? 200 : 403, .body = "{}"});
  }
  service::AuthReply Me(const auth::Identity& identity) override { return {.body = "\"" + identity.name + "\""}; }
  service::AuthReply SetupStatus() override { return {.body = R"({"needs_setup":false})"}; }
  void Authenticate(std::string_view authorization, std::string_view, bool,
                    std::function<void(Result<auth::Identity>)> done) override {
    if (!authorization.starts_with("Bearer user:") || authorization.substr(7) == revoked) {
      return done(Error{ErrorCode::kUnauthenticated, "the token is wrong"});
    }
    auth::Identity identity;
    identity.user = UserId(7);
    identity.name = authorization.substr(12);
    done(identity);
  }
  std::string revoked;
};

// Answers by what the text says.
class FakeSql final : public service::SqlService {
 public:
  ~FakeSql() override {
    for (std::thread& thread : threads) thread.join();
  }
  void Start() override {}
  void Drain(int64_t) override {}
  void Execute(service::SqlRequest request, std::shared_ptr<service::ReplyStream> reply) override {
    if (request.sql == "inline")
      return reply->Complete({.error = {}, .content_type = "application/json"}, "\"inline\"");
    if (request.sql == "limited")
      return reply->Complete({.error = ErrorCode::kRateLimited, .content_type = "", .retry_after_s = 7}, "{}");
    if (request.sql == "dropped") return;
    threads.emplace_back([this, sql = request.sql, reply] {
      if (sql == "later") return reply->Complete({.error = {}, .content_type = "application/json"}, "\"later\"");
      reply->Begin({.error = {}, .content_type = "application/x-ndjson"});
      const size_t lines = sql == "endless" ? SIZE_MAX : 20'000;
      for (size_t i = 0; i < lines; ++i) {
        if (!reply->WaitForRoom(60 * kMicrosPerSecond) || !reply->Write(std::string(200, 'x') + "\n")) {
          saw_client_go = reply->cancelled().load();
          return;
        }
      }
      reply->End();
    });
  }
  std::deque<std::thread> threads;
  std::atomic<bool> saw_client_go{false};
};

class FakeHub final : public live::Hub {
 public:
  void Start() override {}
  void Stop() override {
    std::lock_guard lock(mutex);
    sinks.clear();
  }
  live::ConnectionId Open(auth::Identity, std::shared_ptr<live::FrameSink> sink) override {
    std::lock_guard lock(mutex);
    sinks.push_back(std::move(sink));
    return sinks.size();
  }
  void SetIdentity(live::ConnectionId, auth::Identity) override {}
  void Close(live::ConnectionId) override { ++closed; }
  void Subscribe(live::ConnectionId connection, live::SubscribeRequest request) override {
    std::shared_ptr<live::FrameSink> sink;
    {
      std::lock_guard lock(mutex);
      sink = sinks[connection - 1];
    }
    if (request.sql == "large") {
      sink->Send(std::make_shared<const std::string>(std::string(2 << 20, 'x')), "change");
      return;
    }
    for (int i = 0; i < (request.sql == "many" ? 1000 : 1); ++i) {
      sink->Send(std::make_shared<const std::string>(request.id + ":" + std::to_string(i)), "change");
    }
  }
  void NextBatch(live::ConnectionId, std::string_view) override {}
  void Unsubscribe(live::ConnectionId, std::string_view) override {}
  void OnUserChanged(UserId) override {}
  std::vector<live::LiveQueryRow> List() const override { return {}; }
  void OnCommit(std::shared_ptr<const storage::CommitGroup>) override {}
  std::vector<std::string> NamingColumn(TableId, ColumnId) override { return {}; }
  std::shared_ptr<void> HoldColumns(TableId, std::vector<ColumnId>) override { return nullptr; }
  std::vector<std::string> NotBinding(const catalog::TablePtr&, const std::vector<ColumnId>&) override { return {}; }
  std::mutex mutex;
  std::vector<std::shared_ptr<live::FrameSink>> sinks;
  std::atomic<int> closed{0};
};

class Connection {
 public:
  explicit Connection(const std::string& address) {
    fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  }
  ~Connection() { ::close(fd_); }
  void Send(std::string_view text) {
    EXPECT_EQ(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  // Until `mark` has come (then all that came), the peer ends, or five seconds.
  std::string Until(std::string_view mark) {
    while (got_.find(mark) == std::string::npos && More()) {
    }
    return got_;
  }
  std::string ToEnd() {
    while (More()) {
    }
    return got_;
  }
  bool More() {
    pollfd wait{fd_, POLLIN, 0};
    if (::poll(&wait, 1, 5'000) <= 0) {
      ADD_FAILURE() << "nothing came; so far: " << got_.substr(0, 300);
      return false;
    }
    char buffer[65536];
    const ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
    if (n > 0) got_.append(buffer, static_cast<size_t>(n));
    return n > 0;
  }
  void Forget() { got_.clear(); }

 private:
  int fd_;
  std::string got_;
};

class ServerTest : public testing::Test {
 protected:
  // In the order of the program: no socket outlives the thread it lives on.
  void TearDown() override {
    if (server_ != nullptr) server_->Stop();
    hub_.Stop();
  }
  void Launch(ServerOptions options = {}, bool serve = true) {
    options.listen = "127.0.0.1:0";
    options.body_bytes = 1'000'000;
    Result<std::unique_ptr<Server>> made = Server::Listen(options, "9.9", &clock_, &metrics_, &logger_);
    ASSERT_TRUE(made.ok()) << made.error().message;
    server_ = *std::move(made);
    if (serve) Serve();
  }
  void Serve() {
    server_->Serve({.sql = &sql_, .auth = &auth_, .users = &users_, .hub = &hub_, .read_only = [this] {
                      return read_only_.load();
                    }});
  }
  std::string Once(const std::string& request) {
    Connection connection(server_->address());
    connection.Send(request);
    return connection.ToEnd();
  }
  static std::string Get(const std::string& path, const std::string& headers = "") {
    return "GET " + path + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" + headers + "\r\n";
  }
  static std::string Post(const std::string& path, const std::string& body, const std::string& headers = "") {
    return "POST " + path + " HTTP/1.1\r\nHost: h\r\n" + headers + "Content-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
  }
  static std::string Sql(const std::string& sql, const std::string& headers = "") {
    return Post("/v1/api/sql", R"({"sql":")" + sql + "\"}", "Authorization: Bearer user:al\r\n" + headers);
  }

  SystemClock clock_;
  Metrics metrics_;
  Logger logger_;
  FakeAuth auth_;
  FakeHub hub_;
  auth::UserDirectory users_{nullptr, &clock_};
  FakeSql sql_;
  std::atomic<bool> read_only_{false};
  std::unique_ptr<Server> server_;  // goes first
};

TEST_F(ServerTest, StatesOfItsLife) {
  Launch({}, false);
  EXPECT_THAT(Once(Get("/health")), testing::HasSubstr(R"({"status":"healthy","version":"9.9"})"));
  EXPECT_THAT(Once(Get("/readyz")), testing::AllOf(testing::HasSubstr("503"), testing::HasSubstr("starting")));
  EXPECT_THAT(Once(Get("/v1/api/auth/status")),
              testing::AllOf(testing::HasSubstr("503"), testing::HasSubstr("STARTING")));
  EXPECT_THAT(Once(Get("/anything")), testing::HasSubstr("STARTING"));
  Serve();
  EXPECT_THAT(Once(Get("/readyz")), testing::HasSubstr("HTTP/1.1 200 OK"));
  read_only_ = true;
  EXPECT_THAT(Once(Get("/readyz")), testing::HasSubstr("read_only"));
  server_->Drain();
  EXPECT_THAT(Once(Get("/readyz")), testing::HasSubstr("draining"));
  EXPECT_THAT(Once(Sql("inline", "Connection: close\r\n")), testing::HasSubstr("DRAINING"));
  EXPECT_THAT(Once(Get("/health")), testing::HasSubstr("healthy"));
}

TEST_F(ServerTest, PipelinesInOrderWhateverAnswersLater) {
  Launch();
  Connection connection(server_->address());
  connection.Send(Sql("later") + Sql("inline") + Get("/health").replace(0, 0, "") + Sql("inline"));
  const std::string got = connection.ToEnd();
  const size_t later = got.find("\"later\""), next = got.find("\"inline\""), health = got.find("healthy");
  EXPECT_LT(later, next);
  EXPECT_LT(next, health);
  EXPECT_EQ(got.find("\"inline\"", health), std::string::npos);  // `Connection: close` ended it
}

TEST_F(ServerTest, RequestsInPiecesOfOneByte) {
  Launch();
  Connection connection(server_->address());
  for (char c : Sql("inline")) connection.Send(std::string_view(&c, 1));
  EXPECT_THAT(connection.Until("\"inline\""), testing::HasSubstr("200 OK"));
}

TEST_F(ServerTest, MalformedRequestsAreAnsweredAndClosed) {
  Launch();
  for (const std::string& bad :
       {std::string("NONSENSE\r\n\r\n"), std::string("GET / HTTP/1.1\r\n\r\n"),
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" +
            Sql("inline")}) {
    const std::string got = Once(bad);
    EXPECT_THAT(got, testing::StartsWith("HTTP/1.1 400"));
    EXPECT_THAT(got, testing::Not(testing::HasSubstr("inline")));
  }
}

TEST_F(ServerTest, OverLongBodiesAreAnsweredAndReadAway) {
  Launch();
  Connection connection(server_->address());
  connection.Send("POST /v1/api/sql HTTP/1.1\r\nHost: h\r\nContent-Length: 5000000\r\n\r\n" +
                  std::string(5'000'000, 'x'));
  EXPECT_THAT(connection.ToEnd(), testing::AllOf(testing::StartsWith("HTTP/1.1 413"), testing::HasSubstr("TOO_LARGE")));
}

TEST_F(ServerTest, ContinueIsSentBeforeTheBody) {
  Launch();
  Connection connection(server_->address());
  const std::string request = Sql("inline", "Expect: 100-continue\r\n");
  const size_t body = request.find("\r\n\r\n") + 4;
  connection.Send(request.substr(0, body));
  connection.Until("100 Continue");
  connection.Send(request.substr(body));
  EXPECT_THAT(connection.Until("\"inline\""), testing::HasSubstr("200 OK"));
}

TEST_F(ServerTest, SqlNeedsAnIdentityAndKnownHeaders) {
  Launch();
  auto close = std::string("Connection: close\r\n");
  EXPECT_THAT(Once(Post("/v1/api/sql", "{}", close)),
              testing::AllOf(testing::HasSubstr("401"), testing::HasSubstr("UNAUTHENTICATED")));
  EXPECT_THAT(Once(Sql("inline", close + "X-Durability: maybe\r\n")), testing::HasSubstr("X-Durability"));
  EXPECT_THAT(Once(Sql("inline", close + "X-Statement-Timeout: -5\r\n")), testing::HasSubstr("X-Statement-Timeout"));
  EXPECT_THAT(Once(Sql("inline", close + "X-Transaction: t\r\n")), testing::HasSubstr("NOT_FOUND"));
  EXPECT_THAT(Once(Sql("inline", close + "X-Request-Id: mine\r\n")), testing::HasSubstr("X-Request-Id: mine"));
  EXPECT_THAT(Once(Sql("limited", close)),
              testing::AllOf(testing::HasSubstr("429"), testing::HasSubstr("Retry-After: 7")));
  EXPECT_THAT(Once(Sql("dropped", close)), testing::HasSubstr("500"));
  EXPECT_THAT(Once(Post("/v1/api/sql", R"({"sql":"x","sqll":1})", close + "Authorization: Bearer user:al\r\n")),
              testing::HasSubstr("sqll"));
}

TEST_F(ServerTest, StreamsInChunksAndStopsForAClientThatGoes) {
  Launch();
  const std::string got = Once(Sql("stream", "Connection: close\r\n"));
  EXPECT_THAT(got, testing::HasSubstr("Transfer-Encoding: chunked"));
  EXPECT_GT(got.size(), 20'000u * 201);
  EXPECT_TRUE(got.ends_with("0\r\n\r\n"));
  {
    Connection connection(server_->address());
    connection.Send(Sql("endless"));
    connection.Until(std::string(200, 'x'));
  }
  while (!sql_.saw_client_go) std::this_thread::yield();
}

TEST_F(ServerTest, CookiesAndCors) {
  Launch();
  const std::string login =
      Once(Post("/v1/api/auth/login", "{}", "Connection: close\r\nOrigin: http://localhost:5173\r\n"));
  EXPECT_THAT(login, testing::HasSubstr("Set-Cookie: kalamdb_auth=aaa; HttpOnly; SameSite=Strict; Path=/; Max-Age=60"));
  EXPECT_THAT(login, testing::HasSubstr("Access-Control-Allow-Origin: http://localhost:5173"));
  EXPECT_THAT(Once(Get("/v1/api/auth/me", "Cookie: kalamdb_auth=user:bo\r\n")), testing::HasSubstr("\"bo\""));
  EXPECT_THAT(Once(Post("/v1/api/auth/refresh", "{}",
                        "Connection: close\r\nCookie: kalamdb_refresh=rr\r\nAuthorization: Bearer bb\r\n")),
              testing::HasSubstr("\"rr\""));
  EXPECT_THAT(Once(Get("/v1/api/auth/me", "Origin: http://evil.example\r\n")),
              testing::Not(testing::HasSubstr("Allow-Origin")));
  EXPECT_THAT(Once(Get("/v1/api/sql")), testing::AllOf(testing::HasSubstr("405"), testing::HasSubstr("Allow: POST")));
  EXPECT_THAT(Once(Get("/v1/nothing")), testing::AllOf(testing::HasSubstr("404"), testing::HasSubstr("NOT_FOUND")));
  EXPECT_THAT(
      Once("OPTIONS /v1/api/sql HTTP/1.1\r\nHost: h\r\nConnection: close\r\nOrigin: http://evil.example\r\n\r\n"),
      testing::HasSubstr("403"));
}

TEST_F(ServerTest, ConnectionLimits) {
  Launch({.connections_per_address = 2});
  Connection one(server_->address()), two(server_->address());
  one.Send(Get("/health").replace(0, 0, ""));
  one.Until("healthy");
  two.Send("GET /health HTTP/1.1\r\nHost: h\r\n\r\n");
  two.Until("healthy");
  Connection again(server_->address());  // the first may be gone by now: two more are one too many
  Connection three(server_->address());
  EXPECT_THAT(three.ToEnd(), testing::HasSubstr("429"));
}

class SocketTest : public ServerTest {
 protected:
  static std::string Handshake(const std::string& headers = "") {
    return "GET /v1/ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: keep-alive, "
           "Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
           headers + "\r\n";
  }
  static std::string Text(std::string_view json) { return MakeClientFrame(Opcode::kText, json, 0x11223344); }
  static std::string CloseOf(uint16_t code) { return ClosePayload(code, ""); }
};

TEST_F(SocketTest, UpgradesAuthenticatesAndAnswers) {
  Launch();
  Connection connection(server_->address());
  connection.Send(Handshake());
  EXPECT_THAT(connection.Until("\r\n\r\n"), testing::HasSubstr("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
  connection.Send(Text(R"({"type":"authenticate","method":"jwt","token":"user:al"})"));
  EXPECT_THAT(connection.Until("auth_success"), testing::HasSubstr("auth_success"));
  connection.Send(Text(R"({"type":"ping"})") + Text("{bad") + MakeClientFrame(Opcode::kBinary, "x", 1) +
                  MakeClientFrame(Opcode::kPing, "echo", 2) +
                  Text(R"({"type":"subscribe","subscription":{"id":"many","sql":"many"}})"));
  const std::string got = connection.Until("many:999");
  EXPECT_THAT(
      got, testing::AllOf(testing::HasSubstr("pong"), testing::HasSubstr("INVALID_PARAMETER"),
                          testing::HasSubstr("UNSUPPORTED"), testing::HasSubstr("echo"), testing::HasSubstr("many:0")));
  connection.Send(MakeClientFrame(Opcode::kClose, ClosePayload(1000, ""), 3));
  EXPECT_THAT(connection.ToEnd(), testing::HasSubstr(CloseOf(1000)));
  EXPECT_EQ(hub_.closed, 1);
}

// What goes to many sockets at once leaves in turns of some sockets; each socket's own order stays.
TEST_F(SocketTest, WhatLeavesInTurnKeepsEachSocketsOrder) {
  Launch();
  constexpr int kSockets = 100;
  std::deque<Connection> sockets;
  for (int i = 0; i < kSockets; ++i) {
    sockets.emplace_back(server_->address());
    sockets.back().Send(Handshake("Authorization: Bearer user:al\r\n"));
    sockets.back().Until("auth_success");
    sockets.back().Forget();
  }
  const auto frame = [](const std::string& text) { return std::make_shared<const std::string>(text); };
  std::vector<std::shared_ptr<live::FrameSink>> sinks;
  {
    std::lock_guard lock(hub_.mutex);
    sinks = hub_.sinks;
  }
  ASSERT_EQ(sinks.size(), static_cast<size_t>(kSockets));
  for (int round = 0; round < 3; ++round) {  // while the turns before are not over
    const std::string number = std::to_string(round);
    for (const auto& sink : sinks) sink->SendInTurn(frame("<schema" + number + ">"), "schema_change");
    for (size_t i = 0; i < sinks.size(); i += 7) sinks[i]->Send(frame("<row" + number + ">"), "change");
  }
  sockets[50].Send(MakeClientFrame(Opcode::kClose, ClosePayload(1000, ""), 3));  // ends between turns, after all of it
  EXPECT_THAT(sockets[50].ToEnd(), testing::HasSubstr(CloseOf(1000)));
  for (const auto& sink : sinks) sink->Send(frame("<end>"), "change");
  const auto marks = [](std::string_view got) {
    std::string all;
    for (size_t at = got.find('<'); at != std::string_view::npos; at = got.find('<', at + 1))
      all += got.substr(at, got.find('>', at) + 1 - at);
    return all;
  };
  for (size_t i = 0; i < sinks.size(); ++i) {
    std::string expected;
    for (const std::string number : {"0", "1", "2"}) {
      expected += "<schema" + number + ">";
      if (i % 7 == 0) expected += "<row" + number + ">";
    }
    if (i == 50) {
      EXPECT_EQ(marks(sockets[i].Until("<schema2>")), expected);
    } else {
      EXPECT_EQ(marks(sockets[i].Until("<end>")), expected + "<end>");
    }
  }
}

TEST_F(SocketTest, RefusesBadUpgrades) {
  Launch();
  auto close = std::string("Connection: close\r\n");
  EXPECT_THAT(Once(Get("/v1/ws")), testing::HasSubstr("426"));
  EXPECT_THAT(Once(Get("/v1/ws", "Origin: http://evil.example\r\n")), testing::HasSubstr("403"));
  Connection forged(server_->address());
  forged.Send(Handshake("Authorization: Bearer forged\r\n"));
  EXPECT_THAT(forged.Until("UNAUTHENTICATED"), testing::HasSubstr("HTTP/1.1 401"));
}

TEST_F(SocketTest, AnUpgradeBehindAnotherRequestIsRefused) {
  Launch();
  Connection connection(server_->address());
  connection.Send(Sql("later") + Handshake());
  EXPECT_THAT(connection.Until("may not be sent"), testing::HasSubstr("HTTP/1.1 400"));
  Connection other(server_->address());  // one behind the other is fine
  other.Send(Sql("later"));
  other.Until("\"later\"");
  other.Send(Handshake());
  EXPECT_THAT(other.Until("101 Switching"), testing::HasSubstr("101 Switching"));
}

TEST_F(SocketTest, IsReadAgainAfterALargeOutput) {
  Launch();
  Connection connection(server_->address());
  connection.Send(Handshake("Authorization: Bearer user:al\r\n"));
  connection.Until("auth_success");
  for (int round = 0; round < 20; ++round) {
    connection.Forget();
    connection.Send(Text(R"({"type":"subscribe","subscription":{"id":"large","sql":"large"}})") +
                    Text(R"({"type":"ping"})"));
    connection.Until("pong");
  }
}

TEST_F(SocketTest, ClosesWithTheRightCodes) {
  Launch();
  struct Case {
    std::string send;
    uint16_t code;
  };
  for (const Case& c :
       {Case{Text(R"({"type":"ping"})"), 4401}, Case{Text(R"({"type":"authenticate","token":"forged"})"), 4401},
        Case{std::string("\x81\x01x", 3), 1002}, Case{MakeClientFrame(Opcode::kText, "\xFF", 1), 1007}}) {
    Connection connection(server_->address());
    connection.Send(Handshake() + c.send);
    connection.Until("\r\n\r\n");
    EXPECT_THAT(connection.Until(CloseOf(c.code)), testing::HasSubstr(CloseOf(c.code)));
  }
}

TEST_F(SocketTest, DrainAndLogoutCloseSockets) {
  Launch();
  Connection connection(server_->address());
  connection.Send(Handshake("Authorization: Bearer user:al\r\n"));
  connection.Until("auth_success");
  Once(Post("/v1/api/auth/logout", "", "Connection: close\r\nAuthorization: Bearer user:al\r\n"));
  EXPECT_THAT(connection.Until(CloseOf(4401)), testing::HasSubstr(CloseOf(4401)));
  Connection other(server_->address());
  other.Send(Handshake("Authorization: Bearer user:bo\r\n"));
  other.Until("auth_success");
  server_->Drain();
  EXPECT_THAT(other.Until(CloseOf(1001)), testing::HasSubstr(CloseOf(1001)));
}

TEST_F(SocketTest, LimitsMessages) {
  Launch({.message_bytes = 100, .messages_per_second = 1, .messages_burst = 3});
  Connection connection(server_->address());
  connection.Send(Handshake("Authorization: Bearer user:al\r\n"));
  connection.Until("auth_success");
  connection.Send(Text(std::string(200, 'x')));
  EXPECT_THAT(connection.Until("TOO_LARGE"), testing::HasSubstr("TOO_LARGE"));
  std::string burst;
  for (int i = 0; i < 5; ++i) burst += Text(R"({"type":"ping"})");
  connection.Send(burst);
  EXPECT_THAT(connection.Until("RATE_LIMITED"), testing::HasSubstr("pong"));
  connection.Send(Text(std::string(2000, 'x')));
  EXPECT_THAT(connection.Until(CloseOf(1009)), testing::HasSubstr(CloseOf(1009)));
}

}  // namespace
}  // namespace kalamdb::server
