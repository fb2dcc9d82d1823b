// ALTERs under write load and live queries, with a ledger of what was acknowledged and what each subscription saw.
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <functional>
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

using Names = std::set<std::string, std::less<>>;

// A frame that tells of a schema, as it was read. The same bytes go to many subscribers, and are read once.
struct SchemaFrame {
  std::string text;
  int64_t from = 0, to = 0;
  std::shared_ptr<const Names> names;
};

std::shared_ptr<const Names> NamesIn(const row::JsonView& schema) {
  auto names = std::make_shared<Names>();
  for (row::JsonView column : schema.items()) names->emplace(column.Find("name")->text());
  return names;
}

// One socket with one live query; judges every frame.
class Subscriber {
 public:
  // Sees the writes whose id modulo `rooms` is `room`. `last_schema` is shared by all.
  Subscriber(uint64_t room, uint64_t rooms, Ledger* ledger, SchemaFrame* last_schema)
      : room_(room), rooms_(rooms), ledger_(ledger), last_schema_(last_schema) {}

  std::string Open(const Admin& admin) {
    Result<std::unique_ptr<server::WebSocketClient>> socket =
        server::WebSocketClient::Connect(admin.url(), admin.token());
    if (!socket.ok()) return socket.error().message;
    socket_ = *std::move(socket);
    const std::string sql = "SELECT * FROM bench.rooms WHERE room = " + std::to_string(room_);
    if (!socket_->Send(R"({"type":"subscribe","subscription":{"id":"s","sql":")" + sql + "\"}}").ok()) return "send";
    while (version_ == 0) {
      Result<std::string> frame = socket_->Receive(10'000);
      if (!frame.ok()) return frame.error().message;
      if (std::string wrong = TakeFrame(*frame); !wrong.empty()) return wrong;
    }
    return "";
  }

  int fd() const { return socket_->fd(); }
  int64_t version() const { return version_; }

  // What is there; empty = all of it was right.
  std::string Read() {
    std::string wrong;
    const Status read = socket_->ReceiveReady([&](std::string_view frame) {
      if (wrong.empty()) wrong = TakeFrame(frame);
    });
    return read.ok() ? wrong : read.error().message;
  }

 private:
  std::string TakeFrame(std::string_view frame) {
    std::string wrong = frame == last_schema_->text ? TakeSchema() : ReadFrame(frame);
    return wrong.empty() ? wrong : wrong + ": " + std::string(frame.substr(0, 200));
  }

  std::string ReadFrame(std::string_view frame) {
    Result<row::JsonDocument> document = row::JsonDocument::Parse(frame);
    if (!document.ok()) return "a frame is no JSON";
    const row::JsonView root = document->root();
    const std::string_view type = root.Find("type")->text();
    if (type == "subscription_ack") {
      version_ = *root.Find("schema_version")->AsInt64();
      names_ = NamesIn(*root.Find("schema"));
    } else if (type == "schema_change") {
      *last_schema_ = {.text = std::string(frame),
                       .from = *root.Find("old_version")->AsInt64(),
                       .to = *root.Find("new_version")->AsInt64(),
                       .names = NamesIn(*root.Find("schema"))};
      return TakeSchema();
    } else if (type == "change") {
      return TakeRows(root);
    } else if (type == "error" || type == "resync_required" || type == "subscription_closed") {
      return "an unexpected frame";
    }
    return "";
  }

  std::string TakeSchema() {
    if (last_schema_->from != version_ || last_schema_->to != version_ + 1)
      return "a schema change is missing or came twice";
    version_ = last_schema_->to;
    names_ = last_schema_->names;
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
      if (names_->contains(name)) {
        ++named;
      } else if (!name.starts_with("_")) {
        return "a row with a column that its version has not";
      }
      if ((name == "extra" || name == "other") && value.text() != "7") return "an added column without its default";
    }
    return named == names_->size() ? "" : "a row without a column of its version";
  }

 private:
  const uint64_t room_, rooms_;
  Ledger* const ledger_;
  SchemaFrame* const last_schema_;
  std::unique_ptr<server::WebSocketClient> socket_;
  int64_t version_ = 0;
  std::shared_ptr<const Names> names_;
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
  ~AlterLive() {
    ::close(poll_fd_);
    ::close(subscribers_poll_fd_);
  }

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
    // From an ALTER's sending until the last subscriber had read of it.
    stats_->Note("slowest_schema_us", static_cast<double>(slowest_schema_us_));
  }

 private:
  static constexpr int64_t kLongestSilenceUs = 10'000'000;
  // Subscribers read before replies have their turn again: what the client does between a write's reply and its
  // taking it counts as the write's time.
  static constexpr int kSubscribersATurn = 16;
  static constexpr uint64_t kAnySubscriber = UINT64_MAX;

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
    subscribers_poll_fd_ = ::epoll_create1(EPOLL_CLOEXEC);
    Watch(poll_fd_, subscribers_poll_fd_, kAnySubscriber);
    const auto rooms = static_cast<uint64_t>(args_.Number("subscriptions", 1'000));
    for (uint64_t room = 0; room < rooms && !stats_->failed(); ++room) {
      subscribers_.push_back(std::make_unique<Subscriber>(room, rooms, &ledger_, &last_schema_));
      if (std::string wrong = subscribers_.back()->Open(admin_); !wrong.empty()) return stats_->Fail(wrong);
      Watch(subscribers_poll_fd_, subscribers_.back()->fd(), room);
    }
    // The first connection sends ALTERs, the others write.
    for (int64_t i = 0; i <= args_.Number("connections", 64) && !stats_->failed(); ++i) {
      Result<server::ClientSocket> socket = server::ClientSocket::Connect(admin_.url(), 10'000);
      if (!socket.ok()) return stats_->Fail(socket.error().message);
      Watch(poll_fd_, socket->fd(), static_cast<uint64_t>(i));
      connections_.push_back(std::make_unique<Connection>(*std::move(socket)));
      if (i > 0) idle_.push_back(connections_.back().get());
    }
  }

  static void Watch(int poll_fd, int fd, uint64_t which) {
    epoll_event event{.events = EPOLLIN, .data = {.u64 = which}};
    ::epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event);
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
    bool subscribers = false;
    for (int e = 0; e < ready && !stats_->failed(); ++e) {
      if (events[e].data.u64 == kAnySubscriber) {
        subscribers = true;
        continue;
      }
      Connection& connection = *connections_[events[e].data.u64];
      if (Result<size_t> n = connection.socket.Receive(&connection.in); !n.ok() || *n == 0)
        return stats_->Fail("a connection ended");
      const size_t length = HttpReplyLength(connection.in);
      if (length == 0) continue;
      TakeReply(&connection, std::string_view(connection.in).substr(0, length));
      connection.in.erase(0, length);
    }
    if (subscribers) ReadSubscribers();
  }

  void ReadSubscribers() {
    epoll_event events[kSubscribersATurn];
    const int ready = ::epoll_wait(subscribers_poll_fd_, events, kSubscribersATurn, 0);
    for (int e = 0; e < ready && !stats_->failed(); ++e) {
      Subscriber& subscriber = *subscribers_[events[e].data.u64];
      const int64_t version = subscriber.version();
      if (std::string wrong = subscriber.Read(); !wrong.empty()) stats_->Fail(wrong);
      if (subscriber.version() != version)
        slowest_schema_us_ = std::max(slowest_schema_us_, NowMicros() - connections_[0]->since_us);
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
  int poll_fd_ = -1, subscribers_poll_fd_ = -1;
  int64_t rate_ = 0, alter_us_ = 0, start_us_ = 0, end_us_ = 0, next_alter_us_ = 0, slowest_alter_us_ = 0,
          slowest_schema_us_ = 0;
  uint64_t total_ = 0, sent_ = 0, replied_ = 0, alters_ = 0;
  int64_t version_ = 1;
  bool altering_ = false;
  Ledger ledger_;
  SchemaFrame last_schema_;
  std::vector<std::unique_ptr<Subscriber>> subscribers_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::deque<Connection*> idle_;
};

}  // namespace

void RunAlterLive(const LoadArgs& args, LoadStats* stats) { AlterLive(args, stats).Run(); }

}  // namespace kalamdb::bench
