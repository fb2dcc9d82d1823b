// An ALTER reaches the live subscriptions of its table: each goes on in its place, over the next version.
#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/failpoint.h"
#include "engine/access.h"
#include "live/subscription_hub.h"

namespace kalamdb::live {
namespace {

// Some 0.2 ms. Only the lock is given up between turns, not the CPU: on a machine that is busy with other programs,
// each yield cost the thread a slice of theirs, and deliveries fell behind by seconds.
constexpr size_t kGroupsATurn = 64;

}  // namespace

// One ALTER, and what was made for it that many subscriptions share.
class SubscriptionHub::SchemaMove {
 public:
  SchemaMove(catalog::TablePtr table, Seq seq) : table_(std::move(table)), seq_(seq) {}

  const catalog::TablePtr& table() const { return table_; }
  Seq seq() const { return seq_; }

  // nullptr: it must be bound again.
  const engine::LiveSelectPtr& Rebound(const engine::LiveSelectPtr& old) {
    auto [known, added] = rebound_.try_emplace(old.get());
    if (added) known->second = {.old = old, .rebound = old->RebindSame(table_)};
    return known->second.rebound;
  }

  // The bytes are made once for all with the same columns and id.
  Frame FrameFor(const std::string& id_json, const engine::LiveSelect& select, SchemaVersion old_version) {
    // Columns at one address are the same columns: everything that was rebound is kept until the end.
    if (columns_ != &select.columns() || old_version_ != old_version) {
      columns_ = &select.columns();
      old_version_ = old_version;
      tail_ = SchemaChangeTail(select, old_version, seq_);
      frame_.reset();
    }
    if (frame_ == nullptr || id_json_ != id_json) {
      id_json_ = id_json;
      frame_ = std::make_shared<const std::string>(SchemaChangeFrame(id_json, tail_));
    }
    return frame_;
  }

 private:
  struct Pair {
    engine::LiveSelectPtr old, rebound;
  };

  const catalog::TablePtr table_;
  const Seq seq_;
  std::unordered_map<const engine::LiveSelect*, Pair> rebound_;
  const std::vector<engine::LiveColumn>* columns_ = nullptr;
  SchemaVersion old_version_;
  std::string tail_, id_json_;
  Frame frame_;
};

void SubscriptionHub::MoveToNextVersion(const catalog::TablePtr& table, Seq seq) {
  std::vector<std::pair<UserId, std::string>> groups;  // by key: they may go between two turns
  {
    MutexLock lock(mutex_);
    TableEntry* const entry = registry_.FindTable(table->id);
    if (entry == nullptr) return;
    Remember(table);
    // From here on nobody goes live who has not passed the change.
    entry->last_schema_seq = std::max(entry->last_schema_seq, seq);
    for (const Partition* partition : registry_.PartitionsOf(table->id)) {
      for (const auto& [key, group] : partition->groups) {
        // Those that came to be live after the change have its version.
        if (group->select->table()->version() < table->version()) groups.emplace_back(partition->user, key);
      }
    }
  }
  SchemaMove move(table, seq);
  for (size_t begin = 0; begin < groups.size(); begin += kGroupsATurn) {
    SyncPoint("live.move_turn");
    MutexLock lock(mutex_);
    for (size_t i = begin; i < std::min(groups.size(), begin + kGroupsATurn); ++i) {
      Partition* const partition = registry_.Find(table->id, groups[i].first);
      if (partition == nullptr) continue;
      const auto group = partition->groups.find(groups[i].second);
      if (group != partition->groups.end()) MoveGroup(*partition, group->second.get(), &move);
    }
  }
}

void SubscriptionHub::MoveGroup(Partition& partition, Group* group, SchemaMove* move) {
  struct Moving {
    Subscription* subscription;
    engine::LiveSelectPtr select;
  };
  std::vector<Moving> moving;
  std::vector<Subscription*> falling, refused;
  const SchemaVersion old_version = group->select->table()->version();
  for (const auto& [id_json, members] : group->members) {
    for (Subscription* member : members) {
      const engine::LiveSelectPtr& rebound = move->Rebound(member->select);
      if (rebound == nullptr || SocketIsFull(*member)) {
        falling.push_back(member);
      } else if (!engine::CanRead(member->connection->identity, *move->table())) {
        refused.push_back(member);
      } else {
        moving.push_back({member, rebound});
      }
    }
  }
  // The group, and with the last subscription its partition, goes with its last member.
  for (Subscription* member : falling) Demote(member, /*slow=*/false);
  for (Subscription* member : refused) FailLocked(*member, nullptr, CloseReason::kUnauthorized);
  if (moving.empty()) return;
  const std::string& key = moving.front().select->group_key();
  const bool together = std::all_of(moving.begin(), moving.end(),
                                    [&](const Moving& member) { return member.select->group_key() == key; }) &&
                        registry_.Move(partition, group, moving.front().select);
  for (Moving& member : moving) {
    Subscription& subscription = *member.subscription;
    if (!together) registry_.Leave(&subscription);
    subscription.select = std::move(member.select);
    if (!together) registry_.Join(&subscription);
    SendInTurn(subscription, move->FrameFor(subscription.id_json, *subscription.select, old_version), "schema_change");
  }
}

}  // namespace kalamdb::live
