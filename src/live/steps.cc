// The steps of a subscription from its start to the end of its snapshot, and the discipline of one step at a time.
#include <algorithm>
#include <utility>

#include "base/failpoint.h"
#include "engine/access.h"
#include "live/subscription_hub.h"

namespace kalamdb::live {
namespace {

constexpr uint32_t kUnaskedBatches = 2;
constexpr size_t kMaxRebound = 4'096;
constexpr size_t kMaxPastTables = 1'024;

// The subscription's own predicate or expressions are at fault, not the server or a limit.
bool IsPredicateError(const Error& error) {
  switch (error.code) {
    case ErrorCode::kTooLarge:
    case ErrorCode::kStorageUnavailable:
    case ErrorCode::kSnapshotTooOld:
    case ErrorCode::kInternal:
    case ErrorCode::kTimeout:
    case ErrorCode::kCancelled: return false;
    default: return true;
  }
}

}  // namespace

void SubscriptionHub::Schedule(const SubscriptionPtr& subscription) {
  if (subscription->pending_steps.fetch_add(1) > 0) return;  // whoever runs the steps runs one more
  // Refused only when the hub is stopped: the queue has room for a step of every subscription.
  (void)workers_.Post([this, subscription] { RunSteps(subscription); });
}

void SubscriptionHub::RunSteps(const SubscriptionPtr& subscription) {
  const uint32_t asked = subscription->pending_steps.load();
  Step(subscription);
  if (subscription->pending_steps.fetch_sub(asked) == asked) return;
  (void)workers_.Post([this, subscription] { RunSteps(subscription); });  // to the back: others have their turn
}

void SubscriptionHub::Step(const SubscriptionPtr& subscription) {
  Phase phase;
  {
    MutexLock lock(mutex_);
    if (subscription->ended.load() || stopped_.load()) return;
    phase = subscription->phase;
  }
  switch (phase) {
    case Phase::kStart: return StartSubscription(subscription);
    case Phase::kSnapshot: return ReadSnapshot(subscription);
    case Phase::kBatches: return PumpBatches(subscription);
    case Phase::kCatchUp: return CatchUp(subscription);
    case Phase::kLive: return;
  }
}

auth::Identity SubscriptionHub::IdentityOf(const Subscription& subscription) {
  MutexLock lock(mutex_);
  return subscription.connection->identity;
}

void SubscriptionHub::StartSubscription(const SubscriptionPtr& subscription) {
  const SubscribeRequest& request = subscription->request;
  engine::ExecuteContext context;
  context.identity = IdentityOf(*subscription);
  context.namespace_name = request.namespace_name.empty() ? "default" : request.namespace_name;
  context.params = &request.params;
  context.now = clock_->NowMicros();
  context.cancelled = &subscription->ended;
  Result<engine::LiveSelectPtr> select = engine_->CompileLive(request.sql, context);
  if (!select.ok()) return Fail(*subscription, select.error(), std::nullopt);
  SyncPoint("live.before_register");
  if (!Register(subscription, *std::move(select))) return;
  SyncPoint("live.after_register");
  const storage::ReadViewPtr view = database_->View();
  SyncPoint("live.after_view");
  const catalog::TablePtr table = view->catalog->FindTable(subscription->select->table()->id);
  if (table == nullptr) {
    return Fail(*subscription,
                {.code = ErrorCode::kTableNotFound,
                 .message = "table " + subscription->select->table()->QualifiedName() + " does not exist"},
                std::nullopt);
  }
  // The view may be newer than the catalog the text was bound to.
  if (table->version() != subscription->select->table()->version() &&
      (!MayRead(*subscription, *table) || !MoveToTable(*subscription, table, view->seq, /*tell=*/false))) {
    return;
  }
  if (request.options.from) return Resume(subscription, view);
  subscription->position = view->seq;
  Acknowledge(*subscription, view->seq, request.options.snapshot);
  if (request.options.snapshot) return BeginSnapshot(subscription, view);
  SetPhase(*subscription, Phase::kCatchUp);
  CatchUp(subscription);
}

bool SubscriptionHub::Register(const SubscriptionPtr& subscription, engine::LiveSelectPtr select) {
  MutexLock lock(mutex_);
  if (subscription->ended.load()) return false;
  if (ColumnHold* const hold = HoldOn(*select)) {
    hold->waiting.push_back(subscription);
    SyncPoint("live.held");
    return false;
  }
  const catalog::Table& table = *select->table();
  subscription->partition_user = engine::PartitionOf(subscription->connection->identity, table);
  subscription->select = std::move(select);
  registry_.Add(subscription.get(), table.id, subscription->partition_user, processed_);
  registered_.fetch_add(1);
  std::atomic_thread_fence(std::memory_order_seq_cst);  // see OnCommit
  return true;
}

void SubscriptionHub::Acknowledge(Subscription& subscription, Seq seq, bool snapshot_follows) {
  SendText(subscription,
           AckFrame({.id_json = subscription.id_json,
                     .select = subscription.select.get(),
                     .seq = seq,
                     .snapshot_follows = snapshot_follows}),
           "subscription_ack");
}

std::optional<ResyncReason> SubscriptionHub::WhyNotResume(const Subscription& subscription, Seq from, Seq now) const {
  storage::ChangeLog& log = database_->change_log();
  if (from > now || !log.KnowsSequence(from)) return ResyncReason::kUnknownSequence;
  if (from < log.FloorOf(subscription.select->table()->id)) return ResyncReason::kLogTruncated;
  return std::nullopt;
}

void SubscriptionHub::Resume(const SubscriptionPtr& subscription, const storage::ReadViewPtr& view) {
  const Seq from = *subscription->request.options.from;
  subscription->position = from;
  Acknowledge(*subscription, from, /*snapshot_follows=*/false);
  if (const std::optional<ResyncReason> reason = WhyNotResume(*subscription, from, view->seq)) {
    return Resync(subscription, *reason);
  }
  const catalog::TablePtr& table = subscription->select->table();
  const SchemaVersion then = VersionAt(*table, view, from);
  // Whoever was there already watched another table of this name, and holds its rows.
  if (!then.is_set() && from.is_set()) return Resync(subscription, ResyncReason::kUnknownSequence);
  if (then.is_set() && then != table->version()) {
    SendText(*subscription, SchemaChangeFrame(subscription->id_json, *subscription->select, then, from),
             "schema_change");
  }
  {
    // A partition that nobody watched does not know what happened in it before this view: the log does.
    MutexLock lock(mutex_);
    if (subscription->ended.load()) return;
    subscription->partition->last_seq = std::max(subscription->partition->last_seq, view->seq);
  }
  SetPhase(*subscription, Phase::kCatchUp);
  CatchUp(subscription);
}

SchemaVersion SubscriptionHub::VersionAt(const catalog::Table& table, const storage::ReadViewPtr& view,
                                         Seq from) const {
  SchemaVersion then = table.version();
  // A log that has been cut meanwhile is noticed by the catch-up that follows.
  const Status read = database_->change_log().Read(view, table, storage::kTablePartition, from, view->seq,
                                                   [&](const storage::LoggedChange& change) {
                                                     if (change.kind != storage::LoggedChange::Kind::kSchema)
                                                       return true;
                                                     then = change.old_version;
                                                     return false;
                                                   });
  return read.ok() ? then : table.version();
}

void SubscriptionHub::BeginSnapshot(const SubscriptionPtr& subscription, storage::ReadViewPtr view) {
  const SubscribeOptions& options = subscription->request.options;
  subscription->snapshot_seq = view->seq;
  subscription->snapshot_view = std::move(view);
  subscription->next_batch = 0;
  subscription->spool = std::make_unique<SnapshotSpool>(SnapshotSpoolOptions{.batch_rows = options.batch_size,
                                                                             .limit_bytes = options_.snapshot_bytes,
                                                                             .directory = options_.spool_directory},
                                                        &spool_budget_);
  SetPhase(*subscription, Phase::kSnapshot);
  ReadSnapshot(subscription);
}

void SubscriptionHub::ReadSnapshot(const SubscriptionPtr& subscription) {
  SyncPoint("live.before_snapshot");
  const Status read = subscription->select->ReadSnapshot(
      subscription->snapshot_view, IdentityOf(*subscription),
      {.last_rows = subscription->request.options.last_rows, .cancelled = &subscription->ended},
      subscription->spool.get());
  subscription->snapshot_view.reset();
  if (!read.ok()) {
    const bool predicate = IsPredicateError(read.error());
    if (read.error().code == ErrorCode::kTooLarge) CountRejection("limits.snapshot_bytes");
    if (!predicate) logger_->Warn("live_snapshot_failed", {{"error", read.error().message}});
    return Fail(*subscription, read.error(), predicate ? std::optional(CloseReason::kPredicateError) : std::nullopt);
  }
  SetPhase(*subscription, Phase::kBatches);
  PumpBatches(subscription);
}

void SubscriptionHub::PumpBatches(const SubscriptionPtr& subscription) {
  SnapshotSpool& spool = *subscription->spool;
  while (subscription->next_batch < spool.batch_count()) {
    if (subscription->credits.load() == 0 || subscription->ended.load()) return;
    if (SocketIsFull(*subscription)) return ScheduleWhenDrained(subscription);
    subscription->credits.fetch_sub(1);
    Result<std::string> rows = spool.ReadBatch(subscription->next_batch);
    if (!rows.ok()) return Fail(*subscription, rows.error(), std::nullopt);
    SendText(*subscription,
             BatchFrame({.id_json = subscription->id_json,
                         .rows = *rows,
                         .number = static_cast<uint32_t>(subscription->next_batch),
                         .has_more = subscription->next_batch + 1 < spool.batch_count(),
                         .seq = subscription->snapshot_seq}),
             "initial_data_batch");
    ++subscription->next_batch;
  }
  subscription->spool.reset();
  subscription->position = subscription->snapshot_seq;
  SetPhase(*subscription, Phase::kCatchUp);
  CatchUp(subscription);
}

void SubscriptionHub::Resync(const SubscriptionPtr& subscription, ResyncReason reason) {
  const storage::ReadViewPtr view = database_->View();
  resyncs_[static_cast<size_t>(reason)].Add();
  logger_->Info("live_resync", {{"user", subscription->user.value}, {"reason", ResyncReasonName(reason)}});
  SendText(*subscription, ResyncFrame(subscription->id_json, reason, view->seq), "resync_required");
  const catalog::TablePtr table = view->catalog->FindTable(subscription->select->table()->id);
  if (table == nullptr) {
    MutexLock lock(mutex_);
    return FailLocked(*subscription, nullptr, CloseReason::kTableDropped);
  }
  if (table->version() != subscription->select->table()->version() &&
      (!MayRead(*subscription, *table) || !MoveToTable(*subscription, table, view->seq, /*tell=*/true))) {
    return;
  }
  subscription->held.reset();
  subscription->skip_changes = 0;
  subscription->credits.store(kUnaskedBatches);
  BeginSnapshot(subscription, view);
}

Result<engine::LiveSelectPtr> SubscriptionHub::Rebind(const engine::LiveSelectPtr& select,
                                                      const catalog::TablePtr& table) {
  const std::string key = std::to_string(table->version().value) + ' ' + select->group_key();
  {
    MutexLock lock(rebind_mutex_);
    const auto known = rebound_.find(key);
    // The same version may have come with other options: the object counts.
    if (known != rebound_.end() && known->second->table() == table) return known->second;
  }
  ASSIGN_OR_RETURN(engine::LiveSelectPtr rebound, select->Rebind(table));
  MutexLock lock(rebind_mutex_);
  if (rebound_.size() >= kMaxRebound) rebound_.clear();
  rebound_[key] = rebound;
  return rebound;
}

bool SubscriptionHub::MayRead(Subscription& subscription, const catalog::Table& table) {
  MutexLock lock(mutex_);
  if (subscription.ended.load()) return false;
  if (engine::CanRead(subscription.connection->identity, table)) return true;
  FailLocked(subscription, nullptr, CloseReason::kUnauthorized);
  return false;
}

void SubscriptionHub::Remember(const catalog::TablePtr& table) {
  MutexLock lock(rebind_mutex_);
  if (past_tables_.size() >= kMaxPastTables) past_tables_.clear();
  past_tables_[{table->id.value, table->version().value}] = table;
}

catalog::TablePtr SubscriptionHub::TableAt(const catalog::TablePtr& now, SchemaVersion version) {
  if (version == now->version()) return now;
  MutexLock lock(rebind_mutex_);
  catalog::TablePtr& known = past_tables_[{now->id.value, version.value}];
  if (known == nullptr) {
    KALAM_CHECK(version < now->version());
    auto then = std::make_shared<catalog::Table>(*now);
    then->schemas.resize(version.value);
    then->versions.resize(version.value);
    known = std::move(then);
  }
  return known;
}

bool SubscriptionHub::MoveToTable(Subscription& subscription, const catalog::TablePtr& table, Seq seq, bool tell) {
  const SchemaVersion old_version = subscription.select->table()->version();
  Result<engine::LiveSelectPtr> rebound = Rebind(subscription.select, table);
  if (!rebound.ok()) {
    // One that was never acknowledged is answered as if it came after the change.
    const bool dropped = rebound.error().code == ErrorCode::kColumnNotFound;
    MutexLock lock(mutex_);
    if (!tell) {
      FailLocked(subscription, &rebound.error(), std::nullopt);
      return false;
    }
    FailLocked(subscription, dropped ? nullptr : &rebound.error(),
               dropped ? CloseReason::kColumnDropped : CloseReason::kPredicateError);
    return false;
  }
  {
    MutexLock lock(mutex_);
    if (subscription.ended.load()) return false;
    subscription.select = *std::move(rebound);
  }
  if (tell && old_version != table->version()) {
    SendText(subscription, SchemaChangeFrame(subscription.id_json, *subscription.select, old_version, seq),
             "schema_change");
  }
  return true;
}

}  // namespace kalamdb::live
