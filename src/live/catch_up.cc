// Catch-up: from a subscription's position through the change log of its partition to the present, and over to live.
#include <algorithm>
#include <utility>

#include "base/failpoint.h"
#include "engine/access.h"
#include "live/change_judge.h"
#include "live/subscription_hub.h"
#include "row/row_codec.h"

namespace kalamdb::live {
namespace {

constexpr size_t kSliceChanges = 4'000;  // then other subscriptions have their turn
constexpr size_t kSliceBytes = 4u << 20;
constexpr uint32_t kMaxAttempts = 4;  // races lost against the shard before it is done on the shard

}  // namespace

// Takes the log's changes commit by commit, judges them and sends their frames. A commit above storage::kBulkRows is
// sent in parts as it is read, with the last frame held back until it is known whether more follow.
class SubscriptionHub::LogReader {
 public:
  enum class Stop : uint8_t { kNo, kEnded, kSocketFull, kSliceOver };

  LogReader(SubscriptionHub& hub, Subscription& subscription, storage::ReadViewPtr view, catalog::TablePtr table)
      : hub_(hub),
        subscription_(subscription),
        view_(std::move(view)),
        table_(std::move(table)),
        evaluator_(subscription.select->NewEvaluator()),
        to_skip_(subscription.skip_changes) {
    if (subscription.held) chunks_.Restore(*std::exchange(subscription.held, std::nullopt));
  }

  Stop stopped() const { return stop_; }

  bool Visit(const storage::LoggedChange& change) {
    if (subscription_.ended.load()) return StopWith(Stop::kEnded);
    if (current_.is_set() && change.seq != current_ && !FinishCommit()) return false;
    current_ = change.seq;
    if (change.kind == storage::LoggedChange::Kind::kSchema) return VisitSchema(change);
    ++visited_;
    if (to_skip_ > 0) {
      --to_skip_;
      return true;
    }
    Append(change);
    if (visited_ <= storage::kBulkRows || rows_.size() < kMaxFrameRows) return true;
    return SendPart();
  }

  // The changes that were visited last are a whole commit. False: stopped.
  bool FinishCommit() {
    if (!current_.is_set()) return true;
    if (!Judge()) return false;
    std::vector<ChangeChunk> chunks = chunks_.Take();
    const Seq before = chunks.size() > 1 ? hub_.PointBefore(current_, subscription_.position) : Seq();
    for (size_t i = 0; i < chunks.size(); ++i) {
      const bool more = i + 1 < chunks.size();
      SendChunk(chunks[i], more ? before : current_, more);
    }
    subscription_.position = current_;
    subscription_.skip_changes = 0;
    to_skip_ = 0;
    slice_changes_ += visited_;
    visited_ = 0;
    current_ = Seq();
    if (hub_.SocketIsFull(subscription_)) return StopWith(Stop::kSocketFull);
    if (slice_changes_ >= kSliceChanges || sent_bytes_ >= kSliceBytes) return StopWith(Stop::kSliceOver);
    return true;
  }

 private:
  struct OwnedRows {
    std::string key, old_row, new_row;
  };

  bool StopWith(Stop stop) {
    stop_ = stop;
    return false;
  }

  void Append(const storage::LoggedChange& change) {
    const bool deleted = change.kind == storage::LoggedChange::Kind::kDelete;
    const bool inserted = change.kind == storage::LoggedChange::Kind::kInsert;
    rows_.push_back({.key = std::string(change.primary_key),
                     .old_row = inserted ? std::string() : std::string(change.old_row),
                     .new_row = deleted ? std::string() : std::string(change.row)});
    // Rows of a bulk commit carry no sequence of their own.
    std::string& row = rows_.back().new_row;
    if (row.size() >= row::kRowHeaderBytes && !row::RowSeq(row).is_set()) {
      row::StampRow(row.data(), change.seq, row::RowUpdated(row));
    }
  }

  bool Judge() {
    std::sort(rows_.begin(), rows_.end(), [](const OwnedRows& a, const OwnedRows& b) { return a.key < b.key; });
    std::vector<ChangeRows> views;
    views.reserve(rows_.size());
    for (const OwnedRows& rows : rows_) views.push_back({.old_row = rows.old_row, .new_row = rows.new_row});
    const Status judged = JudgeChanges(*evaluator_, views, &chunks_);
    rows_.clear();
    if (judged.ok()) return true;
    hub_.Fail(subscription_, judged.error(), CloseReason::kPredicateError);
    return StopWith(Stop::kEnded);
  }

  // Sends what is sure not to be the commit's last frame.
  bool SendPart() {
    if (!Judge()) return false;
    std::vector<ChangeChunk> chunks = chunks_.Take();
    if (!chunks.empty()) {
      ChangeChunk open = std::move(chunks.back());
      chunks.pop_back();
      const Seq before = hub_.PointBefore(current_, subscription_.position);
      for (const ChangeChunk& chunk : chunks) SendChunk(chunk, before, /*more=*/true);
      chunks_.Restore(std::move(open));
    }
    if (!hub_.SocketIsFull(subscription_)) return true;
    subscription_.skip_changes = visited_;
    chunks = chunks_.Take();
    if (!chunks.empty()) subscription_.held = std::move(chunks.front());
    return StopWith(Stop::kSocketFull);
  }

  bool VisitSchema(const storage::LoggedChange& change) {
    if (!change.new_version.is_set()) {
      MutexLock lock(hub_.mutex_);
      hub_.FailLocked(subscription_, nullptr, CloseReason::kTableDropped);
      return StopWith(Stop::kEnded);
    }
    // Each version at its place. A resumed subscription has the newest one from the start.
    if (change.new_version > subscription_.select->table()->version()) {
      const catalog::TablePtr then = hub_.TableAt(table_, change.new_version);
      if (!hub_.MoveToTable(subscription_, then, change.seq, /*tell=*/true)) return StopWith(Stop::kEnded);
      evaluator_ = subscription_.select->NewEvaluator();
    }
    return true;
  }

  void SendChunk(const ChangeChunk& chunk, Seq seq, bool more) {
    std::string frame = ChangeFrame(subscription_.id_json, ChangeTail(chunk, seq, more));
    sent_bytes_ += frame.size();
    if (!hub_.SendText(subscription_, std::move(frame), "change")) return;
    hub_.deliveries_.Add();
    subscription_.changes.fetch_add(chunk.count, std::memory_order_relaxed);
    subscription_.last_event_at.store(hub_.clock_->NowMicros(), std::memory_order_relaxed);
  }

  SubscriptionHub& hub_;
  Subscription& subscription_;
  const storage::ReadViewPtr view_;
  const catalog::TablePtr table_;  // of the view
  std::unique_ptr<engine::LiveEvaluator> evaluator_;
  Seq current_;           // the commit that is being collected
  uint64_t visited_ = 0;  // of its changes
  uint64_t to_skip_;      // of its changes, sent by an earlier slice
  std::vector<OwnedRows> rows_;
  ChangeChunks chunks_;
  size_t slice_changes_ = 0, sent_bytes_ = 0;
  Stop stop_ = Stop::kNo;
};

void SubscriptionHub::CatchUp(const SubscriptionPtr& subscription) {
  Subscription& s = *subscription;
  if (TryGoLive(s)) return;
  if (SocketIsFull(s)) return ScheduleWhenDrained(subscription);
  const storage::ReadViewPtr view = database_->View();
  SyncPoint("live.catch_up");
  const catalog::TablePtr table = view->catalog->FindTable(s.select->table()->id);
  if (table == nullptr) {
    MutexLock lock(mutex_);
    return FailLocked(s, nullptr, CloseReason::kTableDropped);
  }
  if (!MayRead(s, *table)) return;
  LogReader reader(*this, s, view, table);
  if (s.position < view->seq) {
    const Status read =
        database_->change_log().Read(view, *table, s.partition_user, s.position, view->seq,
                                     [&](const storage::LoggedChange& change) { return reader.Visit(change); });
    if (read.ok() && reader.stopped() == LogReader::Stop::kNo) (void)reader.FinishCommit();
    if (!read.ok()) {
      if (read.error().code != ErrorCode::kSnapshotTooOld) return Fail(s, read.error(), std::nullopt);
      return Resync(subscription, s.slow ? ResyncReason::kSlowReader : ResyncReason::kLogTruncated);
    }
  }
  switch (reader.stopped()) {
    case LogReader::Stop::kEnded: return;
    case LogReader::Stop::kSocketFull: return ScheduleWhenDrained(subscription);
    case LogReader::Stop::kSliceOver: return Schedule(subscription);
    case LogReader::Stop::kNo: break;
  }
  s.position = std::max(s.position, view->seq);
  // Options that changed without a version of their own are not in the log.
  if (s.select->table() != table && !MoveToTable(s, table, view->seq, /*tell=*/true)) return;
  SyncPoint("live.before_go_live");
  if (TryGoLive(s)) return;
  if (++s.live_attempts >= kMaxAttempts) return RunOnShard(subscription);
  Schedule(subscription);
}

bool SubscriptionHub::TryGoLive(Subscription& subscription) {
  if (subscription.held || subscription.skip_changes > 0) return false;
  MutexLock lock(mutex_);
  if (subscription.ended.load()) return true;
  const Partition& partition = *subscription.partition;
  if (subscription.position < partition.last_seq || subscription.position < partition.table->last_schema_seq) {
    return false;
  }
  registry_.Join(&subscription);
  subscription.phase = Phase::kLive;
  subscription.slow = false;
  subscription.live_attempts = 0;
  return true;
}

Seq SubscriptionHub::PointBefore(Seq seq, Seq floor) const {
  const Seq before(seq.value - 1);
  return before > floor && database_->change_log().KnowsSequence(before) ? before : floor;
}

}  // namespace kalamdb::live
