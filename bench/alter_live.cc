// ALTERs under write load and live queries, with a ledger of what was acknowledged and what each subscription saw.
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "admin.h"
#include "closed_loop.h"
#include "evolution_scenarios.h"
#include "row/json_document.h"
#include "sample_rows.h"

namespace kalamdb::bench {

namespace {

enum class Write : uint8_t { kUnsent, kSent, kAcknowledged, kRefused };

// What became of each write; ids are 1, 2, 3 …
struct Ledger {
  std::vector<Write> writes;
  std::vector<bool> seen;
  uint64_t acknowledged = 0, refused = 0, events = 0;
};

std::set<std::string> NamesIn(const row::JsonView& schema) {
  std::set<std::string> names;
  for (row::JsonView column : schema.items()) names.emplace(column.Find("name")->text());
  return names;
}

// One socket with one live query; judges every frame.
class Subscriber {
 public:
  // Sees the writes whose id modulo `rooms` is `room`.
  Subscriber(uint64_t room, uint64_t rooms, Ledger* ledger) : room_(room), rooms_(rooms), ledger_(ledger) {}

  std::string Open(const Admin& admin) {
    Result<std::unique_ptr<server::WebSocketClient>> socket =
        server::WebSocketClient::Connect(admin.url(), admin.token());
    if (!socket.ok()) return socket.error().message;
    socket_ = *std::move(socket);
    const std::string sql = "SELECT * FROM bench.rooms WHERE room = " + std::to_string(room_);
    if (!socket_->Send(R"({"type":"subscribe","subscription":{"id":"s","sql":")" + sql + "\"}}").ok()) return "send";
    while (version_ == 0) {
      if (std::string wrong = ReadFrame(); !wrong.empty()) return wrong;
    }
    return "";
  }

  int fd() const { return socket_->fd(); }
  int64_t version() const { return version_; }

  // What is there; empty = all of it was right.
  std::string Read() {
    do {
      if (std::string wrong = ReadFrame(); !wrong.empty()) return wrong;
    } while (socket_->HasFrame());
    return "";
  }

 private:
  std::string ReadFrame() {
    Result<std::string> frame = socket_->Receive(10'000);
    if (!frame.ok()) return frame.error().message;
    Result<row::JsonDocument> document = row::JsonDocument::Parse(*frame);
    if (!document.ok()) return "a frame is no JSON";
    const row::JsonView root = document->root();
    const std::string_view type = root.Find("type")->text();
    std::string wrong;
    if (type == "subscription_ack") {
      version_ = *root.Find("schema_version")->AsInt64();
      names_ = NamesIn(*root.Find("schema"));
    } else if (type == "schema_change") {
      wrong = TakeSchema(root);
    } else if (type == "change") {
      wrong = TakeRows(root);
    } else if (type == "error" || type == "resync_required" || type == "subscription_closed") {
      wrong = "an unexpected frame";
    }
    return wrong.empty() ? wrong : wrong + ": " + frame->substr(0, 200);
  }

  std::string TakeSchema(const row::JsonView& root) {
    const int64_t from = *root.Find("old_version")->AsInt64(), to = *root.Find("new_version")->AsInt64();
    // Changes that were missed together are told as one.
    if (from != version_ || to <= version_) return "a schema change is missing or came twice";
    version_ = to;
    names_ = NamesIn(*root.Find("schema"));
    return "";
  }

  std::string TakeRows(const row::JsonView& root) {
    if (root.Find("change_type")->text() != "insert") return "not an insert";
    for (row::JsonView row : root.Find("rows")->items()) {
      const uint64_t id = std::stoull("0" + std::string(row.Find("id")->text()));
      if (id == 0 || id >= ledger_->writes.size()) return "a row that was never sent";
      if (id % rooms_ != room_) return "a row of another room";
      if (ledger_->seen[id]) return "a row came twice";
      ledger_->seen[id] = true;
      ++ledger_->events;
      if (std::string wrong = CheckShape(row); !wrong.empty()) return wrong;
    }
    return "";
  }

  // Its columns are those of the version that the stream is at; the one that comes and goes holds its default.
  std::string CheckShape(const row::JsonView& row) const {
    size_t named = 0;
    for (auto [name, value] : row.fields()) {
      if (names_.contains(std::string(name))) {
        ++named;
      } else if (!name.starts_with("_")) {
        return "a row with a column that its version has not";
      }
      if ((name == "extra" || name == "other") && value.text() != "7") return "an added column without its default";
    }
    return named == names_.size() ? "" : "a row without a column of its version";
  }

 private:
  const uint64_t room_, rooms_;
  Ledger* const ledger_;
  std::unique_ptr<server::WebSocketClient> socket_;
  int64_t version_ = 0;
  std::set<std::string> names_;
};

// A connection with at most one request on its way.
struct Connection {
  explicit Connection(server::ClientSocket s) : socket(std::move(s)) {}
  server::ClientSocket socket;
  std::string in;
  uint64_t id = 0;  // of the write on its way; 0 = idle
  int64_t since_us = 0;
};

class AlterLive {
 public:
  AlterLive(const LoadArgs& args, LoadStats* stats)
      : args_(args), stats_(stats), admin_(args, stats), headers_(DurabilityHeader(args)) {}
  ~AlterLive() { ::close(poll_fd_); }

  void Run() {
    Open();
    if (stats_->failed()) return;
    start_us_ = NowMicros() + 100'000;
    next_alter_us_ = start_us_ + alter_us_ / 2;
    stats_->Start();
    while (!stats_->failed() && !IsWhole()) {
      SendWhatIsDue();
      ReadWhatIsThere(UntilNext());
      if (replied_ == total_ && NowMicros() > end_us_ + kLongestSilenceUs)
        stats_->Fail("events are missing: " + std::to_string(ledger_.events) + " of " +
                     std::to_string(ledger_.acknowledged));
    }
    stats_->Stop();
    // A frame that comes once more would come now.
    for (const int64_t end_us = NowMicros() + 300'000; NowMicros() < end_us && !stats_->failed();)
      ReadWhatIsThere(50'000);
    if (!stats_->failed()) CheckLedger();
    stats_->Note("alters", static_cast<double>(alters_));
    stats_->Note("refused", static_cast<double>(ledger_.refused));
    stats_->Note("slowest_alter_us", static_cast<double>(slowest_alter_us_));
  }

 private:
  static constexpr int64_t kLongestSilenceUs = 10'000'000;

  void Open() {
    if (stats_->failed()) return;
    admin_.Sql(
        "CREATE NAMESPACE IF NOT EXISTS bench; DROP TABLE IF EXISTS bench.rooms; CREATE SHARED TABLE bench.rooms (id "
        "BIGINT PRIMARY KEY, room INT, body TEXT) WITH (FLUSH_POLICY = 'rows:100000000,interval:86400')");
    rate_ = args_.Number("rate", 5'000);
    total_ = static_cast<uint64_t>(rate_ * args_.Number("seconds", 10));
    alter_us_ = args_.Number("alter-ms", 0) * 1'000;
    ledger_.writes.resize(total_ + 1);
    ledger_.seen.resize(total_ + 1);
    poll_fd_ = ::epoll_create1(EPOLL_CLOEXEC);
    const auto rooms = static_cast<uint64_t>(args_.Number("subscriptions", 1'000));
    for (uint64_t room = 0; room < rooms && !stats_->failed(); ++room) {
      subscribers_.push_back(std::make_unique<Subscriber>(room, rooms, &ledger_));
      if (std::string wrong = subscribers_.back()->Open(admin_); !wrong.empty()) return stats_->Fail(wrong);
      Watch(subscribers_.back()->fd(), static_cast<int64_t>(room));
    }
    // The first connection sends ALTERs, the others write.
    for (int64_t i = 0; i <= args_.Number("connections", 64) && !stats_->failed(); ++i) {
      Result<server::ClientSocket> socket = server::ClientSocket::Connect(admin_.url(), 10'000);
      if (!socket.ok()) return stats_->Fail(socket.error().message);
      Watch(socket->fd(), -1 - i);
      connections_.push_back(std::make_unique<Connection>(*std::move(socket)));
      if (i > 0) idle_.push_back(connections_.back().get());
    }
  }

  void Watch(int fd, int64_t which) const {
    epoll_event event{.events = EPOLLIN, .data = {.u64 = static_cast<uint64_t>(which)}};
    ::epoll_ctl(poll_fd_, EPOLL_CTL_ADD, fd, &event);
  }

  int64_t Intended(uint64_t id) const { return start_us_ + static_cast<int64_t>(id - 1) * 1'000'000 / rate_; }

  bool IsWhole() const {
    if (replied_ != total_ || altering_ || ledger_.events != ledger_.acknowledged) return false;
    for (const auto& subscriber : subscribers_) {
      if (subscriber->version() != version_) return false;
    }
    return true;
  }

  int64_t UntilNext() const {
    if (sent_ == total_) return 100'000;
    if (idle_.empty()) return 100'000;
    return std::max<int64_t>(Intended(sent_ + 1) - NowMicros(), 0);
  }

  void SendWhatIsDue() {
    const int64_t now = NowMicros();
    while (sent_ < total_ && !idle_.empty() && now >= Intended(sent_ + 1)) {
      Connection* connection = idle_.front();
      idle_.pop_front();
      const std::string id = std::to_string(++sent_);
      connection->id = sent_;
      const std::string room = std::to_string(sent_ % subscribers_.size());
      const std::string body = R"~({"sql":"INSERT INTO bench.rooms (id, room, body) VALUES ($1, $2, $3)","params":[)~" +
                               id + "," + room + ",\"" + std::string(kText) + "\"]}";
      ledger_.writes[sent_] = Write::kSent;
      if (!connection->socket.Send(admin_.Request(body, headers_)).ok()) return stats_->Fail("a writer broke");
    }
    if (alter_us_ == 0 || altering_ || sent_ == total_ || now < next_alter_us_) return;
    altering_ = true;
    next_alter_us_ += alter_us_;
    connections_[0]->since_us = now;
    const std::string body = R"({"sql":")" + NextAlter("rooms", alters_) + "\"}";
    if (!connections_[0]->socket.Send(admin_.Request(body)).ok()) stats_->Fail("the ALTERs broke");
  }

  void ReadWhatIsThere(int64_t wait_us) {
    epoll_event events[256];
    const timespec timeout{wait_us / 1'000'000, wait_us % 1'000'000 * 1'000};
    const int ready = ::epoll_pwait2(poll_fd_, events, 256, &timeout, nullptr);
    for (int e = 0; e < ready && !stats_->failed(); ++e) {
      const auto which = static_cast<int64_t>(events[e].data.u64);
      if (which >= 0) {
        if (std::string wrong = subscribers_[static_cast<size_t>(which)]->Read(); !wrong.empty()) stats_->Fail(wrong);
        continue;
      }
      Connection& connection = *connections_[static_cast<size_t>(-1 - which)];
      if (Result<size_t> n = connection.socket.Receive(&connection.in); !n.ok() || *n == 0)
        return stats_->Fail("a connection ended");
      const size_t length = HttpReplyLength(connection.in);
      if (length == 0) continue;
      TakeReply(&connection, std::string_view(connection.in).substr(0, length));
      connection.in.erase(0, length);
    }
  }

  void TakeReply(Connection* connection, std::string_view reply) {
    const bool good = CheckHttp200(reply).empty();
    if (connection == connections_[0].get()) {
      if (!good) stats_->Fail(CheckHttp200(reply));
      altering_ = false;
      ++alters_;
      ++version_;
      slowest_alter_us_ = std::max(slowest_alter_us_, NowMicros() - connection->since_us);
      return;
    }
    const uint64_t id = connection->id;
    if (!good && reply.find("\"SCHEMA_CHANGED\"") == std::string_view::npos) stats_->Fail(CheckHttp200(reply));
    ledger_.writes[id] = good ? Write::kAcknowledged : Write::kRefused;
    ++(good ? ledger_.acknowledged : ledger_.refused);
    ++replied_;
    end_us_ = NowMicros();
    stats_->Add(end_us_ - Intended(id));
    idle_.push_back(connection);
  }

  void CheckLedger() {
    for (uint64_t id = 1; id <= total_; ++id) {
      if ((ledger_.writes[id] == Write::kAcknowledged) != ledger_.seen[id])
        return stats_->Fail("write " + std::to_string(id) + (ledger_.seen[id] ? " was refused and seen" : " is lost"));
    }
    if (admin_.Count("SELECT count(*) FROM bench.rooms") != ledger_.acknowledged)
      stats_->Fail("the table holds another number of rows than were acknowledged");
  }

  const LoadArgs& args_;
  LoadStats* const stats_;
  Admin admin_;
  const std::string headers_;
  int poll_fd_ = -1;
  int64_t rate_ = 0, alter_us_ = 0, start_us_ = 0, end_us_ = 0, next_alter_us_ = 0, slowest_alter_us_ = 0;
  uint64_t total_ = 0, sent_ = 0, replied_ = 0, alters_ = 0;
  int64_t version_ = 1;
  bool altering_ = false;
  Ledger ledger_;
  std::vector<std::unique_ptr<Subscriber>> subscribers_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::deque<Connection*> idle_;
};

}  // namespace

void RunAlterLive(const LoadArgs& args, LoadStats* stats) { AlterLive(args, stats).Run(); }

}  // namespace kalamdb::bench
