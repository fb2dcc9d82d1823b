// The hub: its API, the shard that delivers commits to live subscriptions, and the steps of those that are not live.
// Private to live/; hub.h is the door.
//
// Flows:
//   a commit   OnCommit (commit thread) → queue_ → Shard → Deliver: candidates → judge → frames → FrameSink::Send
//   a subscribe  Subscribe → Schedule → Start: compile → register → load the view → ack → ReadSnapshot → PumpBatches →
//   CatchUp → live
//   a schema change  MoveGroup where the query means the same in the next version, else as falling back
//   falling back  Demote (schema change, bulk commit, slow reader, overflow): out of the group, position kept → CatchUp
// Lock order: mutex_ → Connection::out → whatever FrameSink takes. queue_mutex_, rebind_mutex_ and the executor's are
// leaves. A FrameSink may be called under mutex_, so it must not call the hub from Send, QueuedBytes or WhenDrained
// (its drain callback only schedules). Going live without gap or overlap: a subscription is registered before its view
// is loaded, its partition remembers the last commit that was judged for it, and it joins its group only while its own
// position is not behind that, under mutex_. Deliveries at or below its position are discarded.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/executor.h"
#include "base/mutex.h"
#include "live/hub.h"
#include "live/registry.h"
#include "live/subscription.h"

namespace kalamdb::live {

class SubscriptionHub final : public Hub {
 public:
  SubscriptionHub(HubOptions options, engine::Engine* engine, storage::Database* database, const Clock* clock,
                  Metrics* metrics, Logger* logger);
  ~SubscriptionHub() override;

  void Start() override;
  void Stop() override EXCLUDES(mutex_);
  ConnectionId Open(auth::Identity identity, std::shared_ptr<FrameSink> sink) override EXCLUDES(mutex_);
  void SetIdentity(ConnectionId connection, auth::Identity identity) override EXCLUDES(mutex_);
  void Close(ConnectionId connection) override EXCLUDES(mutex_);
  void Subscribe(ConnectionId connection, SubscribeRequest request) override EXCLUDES(mutex_);
  void NextBatch(ConnectionId connection, std::string_view id) override EXCLUDES(mutex_);
  void Unsubscribe(ConnectionId connection, std::string_view id) override EXCLUDES(mutex_);
  void OnUserChanged(UserId user) override EXCLUDES(mutex_);
  std::vector<LiveQueryRow> List() const override EXCLUDES(mutex_);
  void OnCommit(std::shared_ptr<const storage::CommitGroup> group) override EXCLUDES(queue_mutex_);
  std::vector<std::string> NamingColumn(TableId table, ColumnId column) override EXCLUDES(mutex_);
  std::shared_ptr<void> HoldColumns(TableId table, std::vector<ColumnId> columns) override EXCLUDES(mutex_);
  std::vector<std::string> NotBinding(const catalog::TablePtr& altered, const std::vector<ColumnId>& columns) override
      EXCLUDES(mutex_);

 private:
  class LogReader;  // catch_up.cc

  // ── the shard (shard.cc)
  void RunShard();
  void FallBehind(Seq lost_up_to) EXCLUDES(mutex_);
  void Deliver(const storage::Commit& commit) EXCLUDES(mutex_);
  void DeliverCatalog(const storage::Commit& commit) EXCLUDES(mutex_);
  // Live subscriptions go on over the table's next version, and are told, without leaving the stream: group by group,
  // since what asks the same goes on as the same, some groups a turn, between which the lock is free. Back to catch-up
  // go those whose query must be bound again and those whose socket is full. Before any other change of the commit.
  class SchemaMove;
  void MoveToNextVersion(const catalog::TablePtr& table, Seq seq) EXCLUDES(mutex_);
  void MoveGroup(Partition& partition, Group* group, SchemaMove* move) REQUIRES(mutex_);
  void DeliverWrites(const storage::Commit& commit, const storage::WriteSet& writes) REQUIRES(mutex_);
  void DeliverTo(Partition& partition, std::span<const ChangeRows> changes, const storage::Commit& commit)
      REQUIRES(mutex_);
  void SendToMembers(Group& group, std::vector<ChangeChunk> chunks, Seq seq) REQUIRES(mutex_);
  void EndGroup(Group& group, const Error& error, Seq seq) REQUIRES(mutex_);
  // Back to catch-up from what it has seen. When `slow`, it goes on when the socket has drained.
  void Demote(Subscription* subscription, bool slow) REQUIRES(mutex_);

  // ── steps on workers (steps.cc, catch_up.cc)
  void Schedule(const SubscriptionPtr& subscription);
  void RunSteps(const SubscriptionPtr& subscription);
  void Step(const SubscriptionPtr& subscription) EXCLUDES(mutex_);
  void StartSubscription(const SubscriptionPtr& subscription) EXCLUDES(mutex_);
  // False: it has ended, or a column it names is held, and it starts anew when that is over.
  bool Register(const SubscriptionPtr& subscription, engine::LiveSelectPtr select) EXCLUDES(mutex_);
  struct ColumnHold {
    TableId table;
    std::vector<ColumnId> columns;
    std::vector<SubscriptionPtr> waiting;  // (hub) start when it is released
  };
  ColumnHold* HoldOn(const engine::LiveSelect& select) REQUIRES(mutex_);  // nullptr: none of its columns is held
  void Release(const std::shared_ptr<ColumnHold>& hold) EXCLUDES(mutex_);
  void Resume(const SubscriptionPtr& subscription, const storage::ReadViewPtr& view);
  void Acknowledge(Subscription& subscription, Seq seq, bool snapshot_follows);
  // The reason why the log cannot serve `from`; nothing if it can.
  std::optional<ResyncReason> WhyNotResume(const Subscription& subscription, Seq from, Seq now) const;
  // The table's version in force at `from`; unset: it was not made yet.
  SchemaVersion VersionAt(const catalog::Table& table, const storage::ReadViewPtr& view, Seq from) const;
  void BeginSnapshot(const SubscriptionPtr& subscription, storage::ReadViewPtr view) EXCLUDES(mutex_);
  void ReadSnapshot(const SubscriptionPtr& subscription) EXCLUDES(mutex_);
  void PumpBatches(const SubscriptionPtr& subscription) EXCLUDES(mutex_);
  void CatchUp(const SubscriptionPtr& subscription) EXCLUDES(mutex_);
  bool TryGoLive(Subscription& subscription) EXCLUDES(mutex_);
  void Resync(const SubscriptionPtr& subscription, ResyncReason reason) EXCLUDES(mutex_);
  // The select over the table's newest version; equal subscriptions share the work.
  Result<engine::LiveSelectPtr> Rebind(const engine::LiveSelectPtr& select, const catalog::TablePtr& table);
  // Its next step runs on the shard thread, between two commits, so that it can lose no race.
  void RunOnShard(const SubscriptionPtr& subscription) EXCLUDES(queue_mutex_);
  auth::Identity IdentityOf(const Subscription& subscription) EXCLUDES(mutex_);
  // False: it has ended (and the client was told).
  bool MoveToTable(Subscription& subscription, const catalog::TablePtr& table, Seq seq, bool tell) EXCLUDES(mutex_);
  // Asked of the newest table only. False: it has ended.
  bool MayRead(Subscription& subscription, const catalog::Table& table) EXCLUDES(mutex_);
  // The table as it was at `version`, which is not newer than `now`: with the name of that day where it was altered
  // while someone watched, else with that of now.
  catalog::TablePtr TableAt(const catalog::TablePtr& now, SchemaVersion version) EXCLUDES(rebind_mutex_);
  void Remember(const catalog::TablePtr& table) EXCLUDES(rebind_mutex_);
  // A sequence to resume from that lies before `seq` and not before `floor`.
  Seq PointBefore(Seq seq, Seq floor) const;

  // ── sending and ending (subscription_hub.cc)
  bool Send(Subscription& subscription, Frame frame, std::string_view type);
  // One of many that are sent at once: see FrameSink.
  void SendInTurn(Subscription& subscription, Frame frame, std::string_view type);
  bool SendText(Subscription& subscription, std::string text, std::string_view type);
  void Fail(Subscription& subscription, const Error& error, std::optional<CloseReason> reason) EXCLUDES(mutex_);
  void FailLocked(Subscription& subscription, const Error* error, std::optional<CloseReason> reason) REQUIRES(mutex_);
  void Remove(Subscription& subscription) REQUIRES(mutex_);
  void SetPhase(Subscription& subscription, Phase phase) EXCLUDES(mutex_);
  bool SocketIsFull(const Subscription& subscription) const;
  // Its next step comes when the socket has drained.
  void ScheduleWhenDrained(const SubscriptionPtr& subscription);
  void CountRejection(const std::string& limit);  // limits.…
  void AskAgain(Connection& connection) REQUIRES(mutex_);
  Connection* FindConnection(ConnectionId id) REQUIRES(mutex_);
  SubscriptionPtr FindSubscription(ConnectionId connection, std::string_view id) REQUIRES(mutex_);
  void CountQueuedBytes();

  const HubOptions options_;
  engine::Engine* const engine_;
  storage::Database* const database_;
  const Clock* const clock_;
  Metrics* const metrics_;
  Logger* const logger_;

  mutable Mutex mutex_;
  Registry registry_ GUARDED_BY(mutex_);
  std::unordered_map<ConnectionId, ConnectionPtr> connections_ GUARDED_BY(mutex_);
  std::unordered_map<uint64_t, uint32_t> subscriptions_of_user_ GUARDED_BY(mutex_);
  Seq processed_ GUARDED_BY(mutex_);  // commits up to here were delivered to those that were live
  ConnectionId next_connection_ GUARDED_BY(mutex_) = 1;
  uint64_t next_live_id_ GUARDED_BY(mutex_) = 1;
  std::vector<std::shared_ptr<ColumnHold>> holds_ GUARDED_BY(mutex_);  // one for each DROP COLUMN that runs
  std::vector<SubscriptionPtr> wait_for_drain_ GUARDED_BY(mutex_);     // demoted in this commit by a full socket

  Mutex queue_mutex_;
  CondVar queue_wake_;
  struct Queued {
    std::shared_ptr<const storage::CommitGroup> group;
    size_t bytes = 0;
  };
  std::deque<Queued> queue_ GUARDED_BY(queue_mutex_);
  std::deque<SubscriptionPtr> shard_steps_
      GUARDED_BY(queue_mutex_);  // last slices of a catch-up that lost its race too often
  size_t queued_bytes_ GUARDED_BY(queue_mutex_) = 0;
  Seq lost_up_to_ GUARDED_BY(queue_mutex_);  // groups up to here were dropped from a full queue
  bool stopping_ GUARDED_BY(queue_mutex_) = false;

  Mutex rebind_mutex_;
  std::map<std::string, engine::LiveSelectPtr> rebound_
      GUARDED_BY(rebind_mutex_);  // old group key and version → select
  std::map<std::pair<uint32_t, uint32_t>, catalog::TablePtr> past_tables_
      GUARDED_BY(rebind_mutex_);  // (table, version): of what was altered while someone watched it, and caught up with

  std::atomic<size_t> registered_{0};  // subscriptions that have entered the registry: 0 = commits concern nobody
  std::atomic<bool> stopped_{false};
  SpoolBudget spool_budget_;
  Executor workers_;
  std::thread shard_;

  Gauge subscriptions_gauge_, queue_bytes_gauge_, shard_bytes_gauge_;
  Counter deliveries_, slow_evictions_, shard_overflows_;
  Counter resyncs_[3];
  Histogram lag_;
  std::unique_ptr<Metrics::Collector> collector_;
};

}  // namespace kalamdb::live
