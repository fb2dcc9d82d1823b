// The shard thread: takes commit groups from the queue and delivers them to what is live.
#include <algorithm>
#include <utility>

#include "base/failpoint.h"
#include "engine/access.h"
#include "live/subscription_hub.h"
#include "row/key_codec.h"
#include "storage/bulk.h"

namespace kalamdb::live {
namespace {

size_t BytesOf(const storage::CommitGroup& group) {
  size_t bytes = sizeof(storage::CommitGroup);
  for (const auto& commit : group.commits) {
    bytes += sizeof(storage::Commit);
    for (const storage::WriteSet& writes : commit->writes) {
      for (const storage::RowChange& change : writes.changes) {
        bytes += sizeof(change) + change.key.size() + change.row.size() + change.old_row.size();
      }
    }
  }
  return bytes;
}

ChangeRows RowsOf(const storage::RowChange& change) {
  switch (change.kind) {
    case storage::ChangeKind::kInsert: return {.old_row = {}, .new_row = change.row};
    case storage::ChangeKind::kUpdate: return {.old_row = change.old_row, .new_row = change.row};
    case storage::ChangeKind::kDelete: return {.old_row = change.old_row, .new_row = {}};
  }
  return {};
}

}  // namespace

void SubscriptionHub::OnCommit(std::shared_ptr<const storage::CommitGroup> group) {
  // With the fence in Register: either this sees the subscription, or the subscription's view has this group.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (registered_.load(std::memory_order_relaxed) == 0) return;
  SyncPoint("live.on_commit");
  const size_t bytes = BytesOf(*group);
  MutexLock lock(queue_mutex_);
  if (queued_bytes_ + bytes > kShardQueueBytes && !queue_.empty()) {
    lost_up_to_ = queue_.back().group->commits.back()->seq;
    queue_.clear();
    queued_bytes_ = 0;
    shard_overflows_.Add();
  }
  queue_.push_back({std::move(group), bytes});
  queued_bytes_ += bytes;
  shard_bytes_gauge_.Set(static_cast<double>(queued_bytes_));
  queue_wake_.NotifyOne();
}

void SubscriptionHub::RunOnShard(const SubscriptionPtr& subscription) {
  MutexLock lock(queue_mutex_);
  shard_steps_.push_back(subscription);
  queue_wake_.NotifyOne();
}

void SubscriptionHub::RunShard() {
  SetThreadName("live-shard");
  for (;;) {
    std::shared_ptr<const storage::CommitGroup> group;
    std::deque<SubscriptionPtr> steps;
    Seq lost;
    {
      MutexLock lock(queue_mutex_);
      while (queue_.empty() && shard_steps_.empty() && !stopping_) queue_wake_.Wait(queue_mutex_);
      if (stopping_) return;
      steps.swap(shard_steps_);
      lost = std::exchange(lost_up_to_, Seq());
      if (!queue_.empty()) {
        group = std::move(queue_.front().group);
        queued_bytes_ -= queue_.front().bytes;
        queue_.pop_front();
        shard_bytes_gauge_.Set(static_cast<double>(queued_bytes_));
      }
    }
    if (lost.is_set()) FallBehind(lost);
    for (const SubscriptionPtr& subscription : steps) {
      if (subscription->pending_steps.fetch_add(1) == 0) RunSteps(subscription);
    }
    if (group == nullptr) continue;
    for (const auto& commit : group->commits) {
      SyncPoint("live.before_deliver");
      Deliver(*commit);
    }
  }
}

void SubscriptionHub::FallBehind(Seq lost_up_to) {
  MutexLock lock(mutex_);
  for (Subscription* subscription : registry_.AllLive()) Demote(subscription, /*slow=*/false);
  processed_ = std::max(processed_, lost_up_to);
  registry_.RaiseAll(lost_up_to);
}

void SubscriptionHub::Demote(Subscription* subscription, bool slow) {
  registry_.Leave(subscription);
  subscription->phase = Phase::kCatchUp;
  subscription->position = std::max(subscription->position, processed_);
  subscription->live_attempts = 0;
  subscription->slow = subscription->slow || slow;
  const auto owner = subscription->connection->subscriptions.find(subscription->request.id);
  KALAM_CHECK(owner != subscription->connection->subscriptions.end());
  if (!slow) return Schedule(owner->second);
  slow_evictions_.Add();
  wait_for_drain_.push_back(owner->second);
}

void SubscriptionHub::Deliver(const storage::Commit& commit) {
  std::vector<SubscriptionPtr> waiting;
  if (!commit.catalog_changes.empty()) DeliverCatalog(commit);
  {
    MutexLock lock(mutex_);
    for (const storage::WriteSet& writes : commit.writes) DeliverWrites(commit, writes);
    if (commit.bulk != nullptr) {
      Partition* const partition = registry_.Find(commit.bulk->table->id, commit.bulk->user);
      if (partition != nullptr) {
        for (Subscription* subscription : registry_.LiveIn(*partition)) {
          if (subscription->position < commit.seq) Demote(subscription, /*slow=*/false);
        }
        partition->last_seq = std::max(partition->last_seq, commit.seq);
      }
    }
    processed_ = std::max(processed_, commit.seq);
    waiting.swap(wait_for_drain_);
  }
  for (const SubscriptionPtr& subscription : waiting) ScheduleWhenDrained(subscription);
}

void SubscriptionHub::DeliverCatalog(const storage::Commit& commit) {
  for (const catalog::Change& change : commit.catalog_changes) {
    if (change.kind == catalog::Change::Kind::kPutTable) {
      MoveToNextVersion(change.table, commit.seq);
    } else if (change.kind == catalog::Change::Kind::kDropTable) {
      MutexLock lock(mutex_);
      TableEntry* const entry = registry_.FindTable(change.table->id);
      if (entry == nullptr) continue;
      const std::set<Subscription*> all = entry->subscriptions;  // ending one changes the entry, the last one frees it
      for (Subscription* subscription : all) FailLocked(*subscription, nullptr, CloseReason::kTableDropped);
    }
  }
}

void SubscriptionHub::DeliverWrites(const storage::Commit& commit, const storage::WriteSet& writes) {
  if (writes.changes.empty() || registry_.FindTable(writes.table->id) == nullptr) return;
  std::vector<const storage::RowChange*> in_key_order;
  for (const storage::RowChange& change : writes.changes) in_key_order.push_back(&change);
  std::sort(in_key_order.begin(), in_key_order.end(), [](const auto* a, const auto* b) { return a->key < b->key; });
  std::map<uint64_t, std::vector<ChangeRows>> by_user;
  for (const storage::RowChange* change : in_key_order) {
    by_user[row::UserOfKey(change->key).value].push_back(RowsOf(*change));
  }
  for (const auto& [user, changes] : by_user) {
    Partition* const partition = registry_.Find(writes.table->id, UserId(user));
    if (partition != nullptr) DeliverTo(*partition, changes, commit);
  }
}

void SubscriptionHub::DeliverTo(Partition& partition, std::span<const ChangeRows> changes,
                                const storage::Commit& commit) {
  partition.last_seq = std::max(partition.last_seq, commit.seq);
  bool delivered = false;
  std::vector<ChangeRows> hits;
  for (Group* group : registry_.Candidates(partition, changes)) {
    hits.clear();
    for (uint32_t index : group->hits) hits.push_back(changes[index]);
    group->hits.clear();
    ChangeChunks chunks;
    const Status judged = JudgeChanges(group->Evaluator(), hits, &chunks);
    if (!judged.ok()) {
      EndGroup(*group, judged.error(), commit.seq);
      continue;
    }
    if (chunks.empty()) continue;
    delivered = true;
    SendToMembers(*group, chunks.Take(), commit.seq);
  }
  if (!delivered) return;
  lag_.Observe(static_cast<double>(std::max<Micros>(0, clock_->NowMicros() - commit.updated)) / kMicrosPerSecond);
}

void SubscriptionHub::SendToMembers(Group& group, std::vector<ChangeChunk> chunks, Seq seq) {
  std::vector<std::string> tails;
  uint64_t rows = 0;
  for (size_t i = 0; i < chunks.size(); ++i) {
    const bool more = i + 1 < chunks.size();
    tails.push_back(ChangeTail(chunks[i], more ? PointBefore(seq, processed_) : seq, more));
    rows += chunks[i].count;
  }
  std::vector<Subscription*> slow;
  const Micros now = clock_->NowMicros();
  for (const auto& [id_json, members] : group.members) {
    std::vector<Frame> frames;
    for (const std::string& tail : tails) {
      frames.push_back(std::make_shared<const std::string>(ChangeFrame(id_json, tail)));
    }
    for (Subscription* member : members) {
      if (member->position >= seq) continue;
      if (SocketIsFull(*member)) {
        slow.push_back(member);
        continue;
      }
      for (const Frame& frame : frames) Send(*member, frame, "change");
      deliveries_.Add(static_cast<double>(frames.size()));
      member->changes.fetch_add(rows, std::memory_order_relaxed);
      member->last_event_at.store(now, std::memory_order_relaxed);
    }
  }
  for (Subscription* member : slow) Demote(member, /*slow=*/true);
}

void SubscriptionHub::EndGroup(Group& group, const Error& error, Seq seq) {
  std::vector<Subscription*> ended;  // the group goes with its last member
  for (const auto& [id_json, members] : group.members) {
    for (Subscription* member : members) {
      if (member->position < seq) ended.push_back(member);
    }
  }
  for (Subscription* member : ended) FailLocked(*member, &error, CloseReason::kPredicateError);
}

}  // namespace kalamdb::live
