// PostgreSQL through asynchronous libpq: one thread, epoll, as the closed loop of our own scenarios.
#include "peer_scenarios.h"

#ifdef KALAM_WITH_LIBPQ

#include <libpq-fe.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "open_loop.h"
#include "sample_rows.h"

namespace kalamdb::bench {

namespace {

struct CloseConnection {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
using Connection = std::unique_ptr<PGconn, CloseConnection>;

Connection Connect(const LoadArgs& args, LoadStats* stats) {
  Connection connection(PQconnectdb(args.Text("conninfo", "").c_str()));
  if (PQstatus(connection.get()) != CONNECTION_OK) stats->Fail(PQerrorMessage(connection.get()));
  return connection;
}

std::string Run(PGconn* connection, const std::string& sql, LoadStats* stats) {
  PGresult* result = PQexec(connection, sql.c_str());
  const ExecStatusType status = PQresultStatus(result);
  std::string value;
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) stats->Fail(PQerrorMessage(connection));
  if (status == PGRES_TUPLES_OK && PQntuples(result) > 0) value = PQgetvalue(result, 0, 0);
  PQclear(result);
  return value;
}

void Prepare(PGconn* connection, const std::string& sql, LoadStats* stats) {
  PGresult* result = PQprepare(connection, "s", sql.c_str(), 0, nullptr);
  if (PQresultStatus(result) != PGRES_COMMAND_OK) stats->Fail(PQerrorMessage(connection));
  PQclear(result);
}

using Params = std::vector<std::string>;

bool SendPrepared(PGconn* connection, const Params& params) {
  std::vector<const char*> values;
  for (const std::string& param : params) values.push_back(param.c_str());
  return PQsendQueryPrepared(connection, "s", static_cast<int>(values.size()), values.data(), nullptr, nullptr, 0) ==
             1 &&
         PQflush(connection) >= 0;
}

// The reply of a connection is there; false if it was an error.
bool Drain(PGconn* connection) {
  bool good = true;
  while (PGresult* result = PQgetResult(connection)) {
    const ExecStatusType status = PQresultStatus(result);
    good = good && (status == PGRES_COMMAND_OK || (status == PGRES_TUPLES_OK && PQntuples(result) == 1));
    PQclear(result);
  }
  return good;
}

struct Loop {
  std::string prepare_sql, setup_sql;
  uint64_t operations_each = 1;
  std::function<Params()> next;
  std::function<void()> acknowledged = [] {};
};

void RunLoop(const LoadArgs& args, const Loop& loop, LoadStats* stats) {
  const int count = static_cast<int>(args.Number("connections", 1));
  const int poll_fd = ::epoll_create1(EPOLL_CLOEXEC);
  std::vector<Connection> connections;
  std::vector<int64_t> started(static_cast<size_t>(count));
  for (int i = 0; i < count && !stats->failed(); ++i) {
    connections.push_back(Connect(args, stats));
    if (stats->failed()) return;
    PGconn* connection = connections.back().get();
    Run(connection, loop.setup_sql, stats);
    Prepare(connection, loop.prepare_sql, stats);
    epoll_event event{.events = EPOLLIN, .data = {.u32 = static_cast<uint32_t>(i)}};
    ::epoll_ctl(poll_fd, EPOLL_CTL_ADD, PQsocket(connection), &event);
  }
  auto begin = [&](size_t i) {
    started[i] = NowMicros();
    if (!SendPrepared(connections[i].get(), loop.next())) stats->Fail(PQerrorMessage(connections[i].get()));
  };
  const int64_t count_from_us = NowMicros() + 500'000;
  const int64_t end_us = count_from_us + args.Number("seconds", 5) * 1'000'000;
  bool counting = false;
  for (size_t i = 0; i < connections.size(); ++i) begin(i);
  std::vector<epoll_event> events(static_cast<size_t>(count));
  for (int64_t now = NowMicros(); now < end_us && !stats->failed(); now = NowMicros()) {
    if (!counting && now >= count_from_us) {
      counting = true;
      stats->Start();
    }
    const int ready = ::epoll_wait(poll_fd, events.data(), count, 100);
    for (int e = 0; e < ready; ++e) {
      const size_t i = events[static_cast<size_t>(e)].data.u32;
      PGconn* connection = connections[i].get();
      if (PQconsumeInput(connection) != 1) stats->Fail(PQerrorMessage(connection));
      if (PQisBusy(connection) == 1) continue;
      if (!Drain(connection)) stats->Fail(PQerrorMessage(connection));
      if (counting) stats->Add(NowMicros() - started[i], loop.operations_each);
      loop.acknowledged();
      begin(i);
    }
  }
  stats->Stop();
  ::close(poll_fd);
}

// What is there of the replies of a pipeline.
std::string ReadPipeline(PGconn* connection) {
  PQconsumeInput(connection);
  std::string wrong;
  while (PQisBusy(connection) == 0) {
    PGresult* result = PQgetResult(connection);
    if (result == nullptr && PQisBusy(connection) == 0 && (result = PQgetResult(connection)) == nullptr) break;
    if (result != nullptr && PQresultStatus(result) == PGRES_FATAL_ERROR) wrong = PQerrorMessage(connection);
    PQclear(result);
  }
  return wrong;
}

// A table of that many rows, made where it has another number.
void LoadPoints(const std::string& table, const std::string& rows, PGconn* connection, LoadStats* stats) {
  Run(connection, "CREATE TABLE IF NOT EXISTS " + table + std::string(kColumns), stats);
  if (Run(connection, "SELECT count(*) FROM " + table, stats) == rows) return;
  Run(connection,
      "TRUNCATE " + table + "; INSERT INTO " + table + " SELECT i, 'room' || i % 10, 'author', i % 5, '" +
          std::string(kText) + "' FROM generate_series(1, " + rows + ") t(i)",
      stats);
  Run(connection, "VACUUM ANALYZE " + table, stats);
}

std::string Setup(const LoadArgs& args) {
  return std::string("SET synchronous_commit = ") + (args.Text("durability", "sync") == "sync" ? "on" : "off");
}

}  // namespace

void RunPostgresInsert(const LoadArgs& args, LoadStats* stats) {
  Connection admin = Connect(args, stats);
  if (stats->failed()) return;
  Run(admin.get(),
      "SET client_min_messages = warning; DROP TABLE IF EXISTS messages; CREATE TABLE messages " +
          std::string(kColumns),
      stats);
  const auto rows = static_cast<uint64_t>(args.Number("rows", 1));
  Loop loop;
  loop.setup_sql = Setup(args);
  loop.operations_each = rows;
  loop.prepare_sql = "INSERT INTO messages VALUES ";
  for (uint64_t i = 0; i < rows; ++i) {
    loop.prepare_sql += i == 0 ? "(" : ",(";
    for (uint64_t p = 1; p <= 5; ++p) loop.prepare_sql += (p == 1 ? "$" : ",$") + std::to_string(i * 5 + p);
    loop.prepare_sql += ")";
  }
  uint64_t next_id = 1, acknowledged = 0;
  loop.acknowledged = [&] { acknowledged += rows; };
  loop.next = [&] {
    Params params;
    for (uint64_t i = 0; i < rows; ++i, ++next_id) {
      params.insert(params.end(), {std::to_string(next_id), "room" + std::to_string(next_id % 10), "author",
                                   std::to_string(next_id % 5), std::string(kText)});
    }
    return params;
  };
  RunLoop(args, loop, stats);
  if (stats->failed()) return;
  const uint64_t found = std::stoull("0" + Run(admin.get(), "SELECT count(*) FROM messages", stats));
  if (found < acknowledged)
    stats->Fail("acknowledged " + std::to_string(acknowledged) + " rows, found " + std::to_string(found));
}

void RunPostgresSelect(const LoadArgs& args, LoadStats* stats) {
  Connection admin = Connect(args, stats);
  if (stats->failed()) return;
  const std::string keys = args.Text("keys", "1000000");
  Run(admin.get(), "SET client_min_messages = warning", stats);
  LoadPoints("points", keys, admin.get(), stats);
  if (stats->failed()) return;
  SeededRandom random(42);
  const auto count = static_cast<uint64_t>(std::stoull(keys));
  Loop loop;
  loop.setup_sql = Setup(args);
  loop.prepare_sql = "SELECT * FROM points WHERE id = $1";
  loop.next = [&] { return Params{std::to_string(1 + random.Below(count))}; };
  RunLoop(args, loop, stats);
}

// The same four kinds of ALTER as RunAlter's, over --keys rows; PostgreSQL rewrites the table for the wider type.
void RunPostgresAlter(const LoadArgs& args, LoadStats* stats) {
  Connection admin = Connect(args, stats);
  if (stats->failed()) return;
  Run(admin.get(), Setup(args) + "; SET client_min_messages = warning", stats);
  LoadPoints("altered_" + args.Text("keys", "0"), args.Text("keys", "0"), admin.get(), stats);
  static constexpr const char* kActions[] = {"ADD COLUMN extra INT DEFAULT 7", "RENAME COLUMN extra TO other",
                                             "ALTER COLUMN other TYPE BIGINT", "DROP COLUMN other"};
  const long alters = args.Number("alters", 100);
  stats->Start();
  for (long i = 0; i < alters && !stats->failed(); ++i) {
    const std::string sql = "ALTER TABLE altered_" + args.Text("keys", "0") + " " + kActions[i % 4];
    const int64_t started_us = NowMicros();
    Run(admin.get(), sql, stats);
    stats->Add(NowMicros() - started_us);
  }
  stats->Stop();
}

// INSERT with a trigger that notifies; another connection listens.
void RunPostgresNotify(const LoadArgs& args, LoadStats* stats) {
  Connection writer = Connect(args, stats), listener = Connect(args, stats);
  if (stats->failed()) return;
  Run(writer.get(),
      "SET client_min_messages = warning; DROP TABLE IF EXISTS events; CREATE TABLE events (id BIGINT PRIMARY KEY, "
      "body TEXT);"
      "CREATE OR REPLACE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_notify('events', "
      "NEW.id::text || ' ' || NEW.body);"
      "RETURN NEW; END $$; CREATE TRIGGER tell AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION tell()",
      stats);
  Run(writer.get(), Setup(args), stats);
  Run(listener.get(), "LISTEN events", stats);
  Prepare(writer.get(), "INSERT INTO events VALUES ($1, $2)", stats);
  if (stats->failed() || PQenterPipelineMode(writer.get()) != 1 || PQsetnonblocking(writer.get(), 1) != 0)
    return stats->Fail("pipeline");
  OpenLoop loop;
  loop.rate = args.Number("rate", 1'000);
  loop.total = static_cast<uint64_t>(loop.rate * args.Number("seconds", 5));
  loop.event_fd = PQsocket(listener.get());
  loop.reply_fd = PQsocket(writer.get());
  loop.send = [&](uint64_t id) -> std::string {
    const bool sent =
        SendPrepared(writer.get(), {std::to_string(id), std::string(kText)}) && PQpipelineSync(writer.get()) == 1;
    PQflush(writer.get());
    return sent ? "" : PQerrorMessage(writer.get());
  };
  loop.read_replies = [&] { return ReadPipeline(writer.get()); };
  loop.read_events = [&](const std::function<void(uint64_t)>& saw) -> std::string {
    if (PQconsumeInput(listener.get()) != 1) return PQerrorMessage(listener.get());
    while (PGnotify* event = PQnotifies(listener.get())) {
      saw(std::strtoull(event->extra, nullptr, 10));
      PQfreemem(event);
    }
    return "";
  };
  loop.Run(stats);
}

}  // namespace kalamdb::bench

#else

namespace kalamdb::bench {

void RunPostgresInsert(const LoadArgs&, LoadStats* stats) { stats->Fail("built without libpq"); }
void RunPostgresSelect(const LoadArgs&, LoadStats* stats) { stats->Fail("built without libpq"); }
void RunPostgresAlter(const LoadArgs&, LoadStats* stats) { stats->Fail("built without libpq"); }
void RunPostgresNotify(const LoadArgs&, LoadStats* stats) { stats->Fail("built without libpq"); }

}  // namespace kalamdb::bench

#endif
