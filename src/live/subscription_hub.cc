// The API of the hub: connections, subscriptions, identities; and what all its parts send and end with.
#include "live/subscription_hub.h"

#include <algorithm>
#include <utility>

#include "engine/access.h"

namespace kalamdb::live {
namespace {

constexpr size_t kWorkerQueue = 1u << 20;  // one step a subscription at most waits in it

std::string JsonId(std::string_view id) {
  std::string json;
  row::AppendJsonString(id, &json);
  return json;
}

std::string DescribeOptions(const SubscribeOptions& options) {
  if (options.from) return R"({"from":")" + std::to_string(options.from->value) + "\"}";
  if (!options.snapshot) return "";
  std::string json = R"({"batch_size":)" + std::to_string(options.batch_size);
  if (options.last_rows > 0) json += R"(,"last_rows":)" + std::to_string(options.last_rows);
  return json + "}";
}

bool Names(const engine::LiveSelect& select, ColumnId column) {
  const std::vector<ColumnId>& named = select.named_columns();
  return std::find(named.begin(), named.end(), column) != named.end();
}

std::string Description(const Subscription& subscription) {
  return "live query " + std::to_string(subscription.live_id) + " of " + subscription.connection->identity.name;
}

Error OverLimit(std::string_view limit, uint64_t value) {
  return Error{.code = ErrorCode::kRateLimited,
               .message = "over " + std::string(limit) + " (" + std::to_string(value) + ")"};
}

}  // namespace

std::string_view PhaseName(Phase phase) {
  switch (phase) {
    case Phase::kStart: return "starting";
    case Phase::kSnapshot:
    case Phase::kBatches: return "snapshot";
    case Phase::kCatchUp: return "catching_up";
    case Phase::kLive: return "live";
  }
  return "";
}

std::unique_ptr<Hub> Hub::Create(HubOptions options, engine::Engine* engine, storage::Database* database,
                                 const Clock* clock, Metrics* metrics, Logger* logger) {
  return std::make_unique<SubscriptionHub>(std::move(options), engine, database, clock, metrics, logger);
}

SubscriptionHub::SubscriptionHub(HubOptions options, engine::Engine* engine, storage::Database* database,
                                 const Clock* clock, Metrics* metrics, Logger* logger)
    : options_(std::move(options)),
      engine_(engine),
      database_(database),
      clock_(clock),
      metrics_(metrics),
      logger_(logger),
      workers_({.name = "live-workers",
                .threads = static_cast<int>(options_.workers),
                .queue_limit = kWorkerQueue,
                .metrics = metrics}) {
  subscriptions_gauge_ = metrics->AddGauge("kalamdb_live_subscriptions", "Live queries that are open.");
  queue_bytes_gauge_ = metrics->AddGauge("kalamdb_live_queue_bytes", "Bytes that wait for sockets of live queries.");
  shard_bytes_gauge_ = metrics->AddGauge("kalamdb_live_shard_queue_bytes", "Bytes of commits that wait for delivery.");
  deliveries_ = metrics->AddCounter("kalamdb_live_deliveries_total", "Change frames handed to sockets.");
  slow_evictions_ = metrics->AddCounter("kalamdb_live_slow_reader_evictions_total",
                                        "Live queries that went back to catch-up because their socket was full.");
  shard_overflows_ = metrics->AddCounter("kalamdb_live_shard_overflows_total",
                                         "Times a full delivery queue sent all live queries to catch-up.");
  for (size_t i = 0; i < std::size(resyncs_); ++i) {
    resyncs_[i] =
        metrics->AddCounter("kalamdb_live_resyncs_total", "Snapshots sent again because changes could not be resumed.",
                            {{"reason", std::string(ResyncReasonName(static_cast<ResyncReason>(i)))}});
  }
  lag_ = metrics->AddHistogram("kalamdb_live_delivery_lag_seconds", "From the commit to the hand-over to sockets.",
                               LatencyBuckets());
  collector_ = metrics->OnCollect([this] { CountQueuedBytes(); });
}

SubscriptionHub::~SubscriptionHub() {
  collector_.reset();
  Stop();
}

void SubscriptionHub::Start() {
  workers_.Start();
  shard_ = std::thread([this] { RunShard(); });
}

void SubscriptionHub::Stop() {
  if (stopped_.exchange(true)) return;
  {
    MutexLock lock(queue_mutex_);
    stopping_ = true;
    queue_wake_.NotifyAll();
  }
  if (shard_.joinable()) shard_.join();
  {
    MutexLock lock(mutex_);
    for (auto& [id, connection] : connections_) {
      MutexLock out(connection->out);
      connection->closed = true;
    }
  }
  workers_.Stop();
  MutexLock lock(mutex_);
  for (auto& [id, connection] : connections_) {  // a connection and its subscriptions hold each other
    while (!connection->subscriptions.empty()) {
      const SubscriptionPtr subscription = connection->subscriptions.begin()->second;
      Remove(*subscription);
    }
    MutexLock out(connection->out);
    connection->drain_waiters.clear();
  }
}

ConnectionId SubscriptionHub::Open(auth::Identity identity, std::shared_ptr<FrameSink> sink) {
  auto connection = std::make_shared<Connection>();
  connection->sink = std::move(sink);
  connection->identity = std::move(identity);
  MutexLock lock(mutex_);
  connection->id = next_connection_++;
  connections_.emplace(connection->id, connection);
  return connection->id;
}

void SubscriptionHub::Close(ConnectionId id) {
  MutexLock lock(mutex_);
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  const ConnectionPtr connection = found->second;
  while (!connection->subscriptions.empty()) {
    const SubscriptionPtr subscription = connection->subscriptions.begin()->second;
    Remove(*subscription);
  }
  connections_.erase(id);
  MutexLock out(connection->out);
  connection->closed = true;
  connection->drain_waiters.clear();
}

void SubscriptionHub::SetIdentity(ConnectionId id, auth::Identity identity) {
  MutexLock lock(mutex_);
  Connection* const connection = FindConnection(id);
  if (connection == nullptr) return;
  connection->identity = std::move(identity);
  AskAgain(*connection);
}

void SubscriptionHub::OnUserChanged(UserId user) {
  if (!options_.role_of) return;
  MutexLock lock(mutex_);
  const std::optional<auth::Role> role = options_.role_of(user);
  for (auto& [id, connection] : connections_) {
    if (connection->identity.user != user) continue;
    if (role) connection->identity.role = *role;
    if (!role) connection->identity.user = UserId();  // dropped: nobody's
    AskAgain(*connection);
  }
}

void SubscriptionHub::AskAgain(Connection& connection) {
  std::vector<SubscriptionPtr> refused;
  for (const auto& [id, subscription] : connection.subscriptions) {
    const bool same_user = subscription->user == connection.identity.user;
    // One without a select is still starting: it will be asked with the new identity.
    if (same_user &&
        (subscription->select == nullptr || engine::CanRead(connection.identity, *subscription->select->table()))) {
      continue;
    }
    refused.push_back(subscription);
  }
  for (const SubscriptionPtr& subscription : refused) {
    FailLocked(*subscription, nullptr, CloseReason::kUnauthorized);
  }
}

void SubscriptionHub::Subscribe(ConnectionId id, SubscribeRequest request) {
  SubscriptionPtr subscription;
  ConnectionPtr connection;
  std::optional<Error> refusal;
  const std::string name = request.id;
  request.options.batch_size = std::clamp<uint32_t>(request.options.batch_size, 1, kMaxFrameRows);
  {
    MutexLock lock(mutex_);
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    connection = found->second;
    uint32_t& of_user = subscriptions_of_user_[connection->identity.user.value];
    if (connection->subscriptions.contains(name)) {
      refusal =
          Error{.code = ErrorCode::kAlreadyExists, .message = "subscription '" + name + "' is open on this connection"};
    } else if (connection->subscriptions.size() >= options_.subscriptions_per_connection) {
      refusal = OverLimit("limits.subscriptions_per_connection", options_.subscriptions_per_connection);
    } else if (of_user >= options_.subscriptions_per_user) {
      refusal = OverLimit("limits.subscriptions_per_user", options_.subscriptions_per_user);
    } else {
      const UserId user = connection->identity.user;
      subscription = std::shared_ptr<Subscription>(new Subscription{.live_id = next_live_id_++,
                                                                    .connection = connection,
                                                                    .request = std::move(request),
                                                                    .id_json = JsonId(name),
                                                                    .user = user,
                                                                    .created_at = clock_->NowMicros()});
      connection->subscriptions.emplace(name, subscription);
      ++of_user;
      subscriptions_gauge_.Add();
    }
  }
  if (!refusal) return Schedule(subscription);
  if (refusal->code == ErrorCode::kRateLimited) {
    CountRejection(refusal->message.substr(5, refusal->message.find(' ', 5) - 5));
  }
  MutexLock out(connection->out);
  if (!connection->closed) connection->sink->Send(ErrorFrame(name, *refusal), "error");
}

void SubscriptionHub::CountRejection(const std::string& limit) {
  metrics_->AddCounter("kalamdb_rate_limit_rejections_total", "Requests refused by a rate limit.", {{"limit", limit}})
      .Add();
}

void SubscriptionHub::NextBatch(ConnectionId connection, std::string_view id) {
  SubscriptionPtr subscription;
  {
    MutexLock lock(mutex_);
    subscription = FindSubscription(connection, id);
    if (subscription == nullptr || subscription->phase == Phase::kLive || subscription->phase == Phase::kCatchUp) {
      return;  // nothing is left to grant
    }
  }
  subscription->credits.fetch_add(1);
  Schedule(subscription);
}

void SubscriptionHub::Unsubscribe(ConnectionId connection, std::string_view id) {
  MutexLock lock(mutex_);
  const SubscriptionPtr subscription = FindSubscription(connection, id);
  if (subscription != nullptr) Remove(*subscription);
}

std::vector<std::string> SubscriptionHub::NamingColumn(TableId table, ColumnId column) {
  std::vector<std::string> names;
  MutexLock lock(mutex_);
  const TableEntry* const entry = registry_.FindTable(table);
  if (entry == nullptr) return names;
  for (const Subscription* subscription : entry->subscriptions) {
    if (Names(*subscription->select, column)) names.push_back(Description(*subscription));
  }
  return names;
}

std::vector<std::string> SubscriptionHub::NotBinding(const catalog::TablePtr& altered,
                                                     const std::vector<ColumnId>& columns) {
  std::vector<std::pair<engine::LiveSelectPtr, std::string>> asked;
  {
    MutexLock lock(mutex_);
    const TableEntry* const entry = registry_.FindTable(altered->id);
    if (entry == nullptr) return {};
    for (const Subscription* subscription : entry->subscriptions) {
      const bool named = std::any_of(columns.begin(), columns.end(),
                                     [&](ColumnId column) { return Names(*subscription->select, column); });
      if (named) asked.emplace_back(subscription->select, Description(*subscription));
    }
  }
  std::vector<std::string> names;
  for (auto& [select, description] : asked) {
    const Result<engine::LiveSelectPtr> rebound = Rebind(select, altered);
    // A column that goes in the same statement was asked about before.
    if (!rebound.ok() && rebound.error().code != ErrorCode::kColumnNotFound) names.push_back(std::move(description));
  }
  return names;
}

std::shared_ptr<void> SubscriptionHub::HoldColumns(TableId table, std::vector<ColumnId> columns) {
  std::shared_ptr<ColumnHold> hold(new ColumnHold{.table = table, .columns = std::move(columns), .waiting = {}});
  {
    MutexLock lock(mutex_);
    holds_.push_back(hold);
  }
  return {nullptr, [this, hold](void*) { Release(hold); }};
}

SubscriptionHub::ColumnHold* SubscriptionHub::HoldOn(const engine::LiveSelect& select) {
  const std::vector<ColumnId>& named = select.named_columns();
  for (const std::shared_ptr<ColumnHold>& hold : holds_) {
    if (hold->table != select.table()->id) continue;
    for (const ColumnId column : hold->columns) {
      if (std::find(named.begin(), named.end(), column) != named.end()) return hold.get();
    }
  }
  return nullptr;
}

void SubscriptionHub::Release(const std::shared_ptr<ColumnHold>& hold) {
  std::vector<SubscriptionPtr> waiting;
  {
    MutexLock lock(mutex_);
    std::erase(holds_, hold);
    waiting.swap(hold->waiting);
  }
  for (const SubscriptionPtr& subscription : waiting) Schedule(subscription);
}

std::vector<LiveQueryRow> SubscriptionHub::List() const {
  std::vector<LiveQueryRow> rows;
  MutexLock lock(mutex_);
  for (const auto& [id, connection] : connections_) {
    for (const auto& [name, subscription] : connection->subscriptions) {
      LiveQueryRow row;
      row.live_id = std::to_string(subscription->live_id);
      row.subscription_id = name;
      row.user_name = connection->identity.name;
      if (subscription->select != nullptr) {
        row.namespace_name = subscription->select->table()->namespace_name;
        row.table_name = subscription->select->table()->name;
      }
      row.query = subscription->request.sql;
      row.options = DescribeOptions(subscription->request.options);
      row.state = PhaseName(subscription->phase);
      row.connection = id;
      row.user = subscription->user;
      row.changes = subscription->changes.load();
      row.queued_bytes = connection->sink->QueuedBytes();
      row.created_at = subscription->created_at;
      row.last_event_at = subscription->last_event_at.load();
      rows.push_back(std::move(row));
    }
  }
  std::sort(rows.begin(), rows.end(), [](const LiveQueryRow& a, const LiveQueryRow& b) {
    return std::stoull(a.live_id) < std::stoull(b.live_id);
  });
  return rows;
}

void SubscriptionHub::CountQueuedBytes() {
  MutexLock lock(mutex_);
  size_t bytes = 0;
  for (const auto& [id, connection] : connections_) bytes += connection->sink->QueuedBytes();
  queue_bytes_gauge_.Set(static_cast<double>(bytes));
}

Connection* SubscriptionHub::FindConnection(ConnectionId id) {
  const auto found = connections_.find(id);
  return found == connections_.end() ? nullptr : found->second.get();
}

SubscriptionPtr SubscriptionHub::FindSubscription(ConnectionId id, std::string_view name) {
  Connection* const connection = FindConnection(id);
  if (connection == nullptr) return nullptr;
  const auto found = connection->subscriptions.find(name);
  return found == connection->subscriptions.end() ? nullptr : found->second;
}

bool SubscriptionHub::Send(Subscription& subscription, Frame frame, std::string_view type) {
  Connection& connection = *subscription.connection;
  MutexLock out(connection.out);
  if (connection.closed || subscription.ended.load()) return false;
  connection.sink->Send(std::move(frame), type);
  return true;
}

void SubscriptionHub::SendInTurn(Subscription& subscription, Frame frame, std::string_view type) {
  Connection& connection = *subscription.connection;
  MutexLock out(connection.out);
  if (!connection.closed && !subscription.ended.load()) connection.sink->SendInTurn(std::move(frame), type);
}

bool SubscriptionHub::SendText(Subscription& subscription, std::string text, std::string_view type) {
  return Send(subscription, std::make_shared<const std::string>(std::move(text)), type);
}

void SubscriptionHub::Fail(Subscription& subscription, const Error& error, std::optional<CloseReason> reason) {
  MutexLock lock(mutex_);
  FailLocked(subscription, &error, reason);
}

void SubscriptionHub::FailLocked(Subscription& subscription, const Error* error, std::optional<CloseReason> reason) {
  if (subscription.ended.load()) return;
  if (error != nullptr) Send(subscription, ErrorFrame(subscription.request.id, *error), "error");
  if (reason) SendText(subscription, ClosedFrame(subscription.id_json, *reason), "subscription_closed");
  Remove(subscription);
}

void SubscriptionHub::Remove(Subscription& subscription) {
  Connection& connection = *subscription.connection;
  {
    MutexLock out(connection.out);
    if (subscription.ended.exchange(true)) return;
  }
  if (subscription.partition != nullptr) {
    registry_.Remove(&subscription);
    registered_.fetch_sub(1);
  }
  const auto count = subscriptions_of_user_.find(subscription.user.value);
  if (count != subscriptions_of_user_.end() && --count->second == 0) subscriptions_of_user_.erase(count);
  subscriptions_gauge_.Subtract();
  // Last: this may free it where no step holds it.
  const auto found = connection.subscriptions.find(subscription.request.id);
  if (found != connection.subscriptions.end() && found->second.get() == &subscription) {
    connection.subscriptions.erase(found);
  }
}

void SubscriptionHub::SetPhase(Subscription& subscription, Phase phase) {
  MutexLock lock(mutex_);
  subscription.phase = phase;
}

bool SubscriptionHub::SocketIsFull(const Subscription& subscription) const {
  return subscription.connection->sink->QueuedBytes() > options_.queue_bytes;
}

void SubscriptionHub::ScheduleWhenDrained(const SubscriptionPtr& subscription) {
  const ConnectionPtr connection = subscription->connection;
  {
    MutexLock out(connection->out);
    if (connection->closed) return;
    connection->drain_waiters.push_back(subscription);
    if (connection->drain_waiters.size() > 1) return;  // one callback a connection is on its way
  }
  connection->sink->WhenDrained(options_.queue_bytes / 2, [this, weak = std::weak_ptr(connection)] {
    const ConnectionPtr drained = weak.lock();  // the sink keeps this callback, and the connection the sink
    if (drained == nullptr) return;
    std::vector<SubscriptionPtr> waiters;
    {
      MutexLock out(drained->out);
      waiters.swap(drained->drain_waiters);
    }
    for (const SubscriptionPtr& waiter : waiters) Schedule(waiter);
  });
}

}  // namespace kalamdb::live
