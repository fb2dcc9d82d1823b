// Queue, rounds, write and publish.
#include "storage/committer.h"

#include <algorithm>
#include <optional>

#include "base/clock.h"
#include "base/executor.h"
#include "base/failpoint.h"
#include "row/row_codec.h"
#include "storage/bulk.h"
#include "storage/segment_writer.h"

namespace kalamdb::storage {
namespace {

void LookForNulls(const Commit& commit, Watch& watch) {
  for (const WriteSet& write : commit.writes) {
    if (write.table->id != watch.table()) continue;
    std::optional<size_t> ordinal = write.table->schema()->FindById(watch.null_column());
    for (const RowChange& change : write.changes) {
      if (change.kind != ChangeKind::kDelete && ordinal && row::RowIsNull(change.row, *ordinal)) watch.NoteNull();
    }
  }
  if (commit.bulk == nullptr || commit.bulk->table->id != watch.table()) return;
  for (const SegmentRecord& segment : commit.bulk->segments) {
    bool none = std::any_of(segment.null_counts.begin(), segment.null_counts.end(),
                            [&](const auto& entry) { return entry.first == watch.null_column() && entry.second == 0; });
    if (!none) watch.NoteNull();  // or the count is unknown
  }
}

// What a write set adds to the table's hot rows.
int64_t HotBytes(const WriteSet& write) {
  int64_t bytes = 0;
  for (const RowChange& change : write.changes) {
    bool stays = change.kind != ChangeKind::kDelete || write.keep_deleted;
    if (stays) bytes += static_cast<int64_t>(change.key.size() + change.row.size());
    if (change.observed.kind == Place::Kind::kHot) {
      bytes -= static_cast<int64_t>(change.key.size() + change.old_row.size());
    }
  }
  return bytes;
}

constexpr Micros kLongestWaitForRoom = 1'000'000;
constexpr int kMaxInlineRounds = 4;  // then the commit thread takes over from a caller that leads

const std::vector<double>& BatchSizeBuckets() {
  static const std::vector<double> buckets = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16384};
  return buckets;
}

}  // namespace

Committer::Committer(CommitterOptions options, std::unique_ptr<ReadView> recovered) : options_(std::move(options)) {
  recovered->snapshot = options_.store->TakeSnapshot();
  recovered->taken_ns = StopwatchNanos();
  {
    MutexLock lock(view_mutex_);
    view_ = options_.views->Adopt(std::move(recovered));
  }
  if (options_.metrics == nullptr) return;
  Metrics& metrics = *options_.metrics;
  commits_total_ = metrics.AddCounter("kalamdb_commits_total", "Commits.");
  group_seconds_ = metrics.AddHistogram("kalamdb_commit_group_seconds",
                                        "Time a commit group holds the order, without its fsync.", LatencyBuckets());
  batch_size_ = metrics.AddHistogram("kalamdb_commit_batch_size", "Commits in one group.", BatchSizeBuckets());
  fsync_seconds_ = metrics.AddHistogram("kalamdb_fsync_duration_seconds", "Time to make the write-ahead log durable.",
                                        LatencyBuckets());
  queue_length_ = metrics.AddGauge("kalamdb_queue_length", "Tasks that wait in a queue.", {{"queue", "commit"}});
  refusals_ =
      metrics.AddCounter("kalamdb_queue_refusals_total", "Tasks that a full queue refused.", {{"queue", "commit"}});
}

Committer::~Committer() { Stop(); }

void Committer::Start(ChangeSink* sink) {
  sink_ = sink;
  {
    MutexLock lock(mutex_);
    started_ = true;
  }
  thread_ = std::thread([this] { RunThread(); });
}

void Committer::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.NotifyAll();
    room_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

ReadViewPtr Committer::View() const {
  MutexLock lock(view_mutex_);
  return view_;
}

std::pair<ReadViewPtr, std::shared_ptr<Watch>> Committer::ViewWithWatch(TableId table, ColumnId null_column) {
  auto watch = std::make_shared<Watch>(table, null_column);
  MutexLock lock(view_mutex_);
  watches_.push_back(watch);
  return {view_, std::move(watch)};
}

void Committer::Submit(CommitRequest request, bool may_block, CommitCallback callback) {
  Pending pending{.request = std::move(request), .callback = std::move(callback)};
  pending.bytes = pending.request.ByteSize();
  for (const WriteSet& write : pending.request.writes) pending.rows += write.changes.size();
  pending.alone = pending.request.bulk != nullptr || !pending.request.catalog_changes.empty();
  Enqueue(std::move(pending), may_block);
}

Status Committer::RunInOrder(Work work, Durability durability) {
  struct Waiting {
    Mutex mutex;
    CondVar done_changed;
    std::optional<CommitOutcome> outcome GUARDED_BY(mutex);
  };
  auto waiting = std::make_shared<Waiting>();
  Pending pending{.work = std::move(work), .alone = true};
  pending.request.durability = durability;
  pending.callback = [waiting](CommitOutcome outcome) {
    MutexLock lock(waiting->mutex);
    waiting->outcome = std::move(outcome);
    waiting->done_changed.NotifyOne();
  };
  Enqueue(std::move(pending), true);
  MutexLock lock(waiting->mutex);
  while (!waiting->outcome) waiting->done_changed.Wait(waiting->mutex);
  if (waiting->outcome->kind == CommitOutcome::Kind::kCommitted) return {};
  return std::move(waiting->outcome->error);
}

bool Committer::HasRoom(size_t bytes) const {
  // One request larger than the whole bound is let in when nothing else waits.
  return queue_.empty() || (queue_.size() < kMaxQueueRequests && queued_bytes_ + bytes <= kMaxQueueBytes);
}

bool Committer::WaitForRoom(size_t bytes, bool may_block, Error* why) {
  Micros left = kLongestWaitForRoom;
  int64_t started = StopwatchNanos();
  while (started_ && !stopping_ && !HasRoom(bytes) && may_block && left > 0) {
    (void)room_.WaitFor(mutex_, left);
    left = kLongestWaitForRoom - (StopwatchNanos() - started) / 1000;
  }
  if (!started_) {
    *why = {ErrorCode::kStarting, "the server is starting"};
  } else if (stopping_) {
    *why = {ErrorCode::kDraining, "the server is shutting down"};
  } else if (!HasRoom(bytes)) {
    refusals_.Add();
    *why = {ErrorCode::kRateLimited, "too many writes are waiting to be committed", "try again in a moment"};
  } else {
    return true;
  }
  return false;
}

void Committer::Enqueue(Pending pending, bool may_block) {
  Error why;
  CommitCallback refused;
  std::optional<Pending> lead;  // what this thread commits itself
  {
    MutexLock lock(mutex_);
    if (!WaitForRoom(pending.bytes, may_block, &why)) {
      refused = std::move(pending.callback);
    } else if (pending.request.durability == Durability::kWal && !pending.alone && pending.rows <= kMaxGroupRows &&
               queue_.empty() && !busy_) {
      busy_ = true;
      lead = std::move(pending);
    } else {
      queued_bytes_ += pending.bytes;
      queue_.push_back(std::move(pending));
      queue_length_.Set(static_cast<double>(queue_.size()));
      if (!busy_) wake_.NotifyOne();
    }
  }
  if (lead) LeadInline(*std::move(lead));
  if (refused) refused({.kind = CommitOutcome::Kind::kFailed, .error = std::move(why)});
}

Committer::Group Committer::TakeGroup(bool wal_only) {
  Group group;
  size_t bytes = 0, rows = 0;
  while (!queue_.empty()) {
    Pending& next = queue_.front();
    if (wal_only && (next.alone || next.request.durability != Durability::kWal || next.rows > kMaxGroupRows)) break;
    if (!group.empty() && (next.alone || bytes + next.bytes > kMaxGroupBytes || rows + next.rows > kMaxGroupRows))
      break;
    bytes += next.bytes;
    rows += next.rows;
    queued_bytes_ -= next.bytes;
    bool alone = next.alone;
    group.push_back(std::move(next));
    queue_.pop_front();
    if (alone) break;
  }
  queue_length_.Set(static_cast<double>(queue_.size()));
  if (!group.empty()) room_.NotifyAll();
  return group;
}

void Committer::PutBack(Group rest) {
  MutexLock lock(mutex_);
  for (auto it = rest.rbegin(); it != rest.rend(); ++it) {
    queued_bytes_ += it->bytes;
    queue_.push_front(std::move(*it));
  }
}

void Committer::RunThread() {
  SetThreadName("commit");
  for (;;) {
    Group group;
    std::unique_ptr<Built> handed_over;
    {
      MutexLock lock(mutex_);
      while (handed_over_ == nullptr && (busy_ || (queue_.empty() && !stopping_))) wake_.Wait(mutex_);
      handed_over = std::move(handed_over_);
      if (handed_over == nullptr) {
        if (queue_.empty()) return;
        busy_ = true;
        group = TakeGroup(false);
      }
    }
    std::unique_ptr<Built> built;
    if (handed_over == nullptr) {
      Group rest = BuildRound(std::move(group), false, &built);
      if (!rest.empty()) PutBack(std::move(rest));
    } else {
      built = std::move(handed_over);
    }
    if (built != nullptr) (void)FinishRound(*built, false);
    MutexLock lock(mutex_);
    busy_ = false;
  }
}

void Committer::LeadInline(Pending first) {
  Group group;
  group.push_back(std::move(first));
  for (int round = 1;; ++round) {
    std::unique_ptr<Built> built;
    Group rest = BuildRound(std::move(group), true, &built);
    bool hand_over = !rest.empty();
    if (hand_over) PutBack(std::move(rest));
    if (built != nullptr && !FinishRound(*built, true)) {
      MutexLock lock(mutex_);
      handed_over_ = std::move(built);  // busy_ goes with it
      wake_.NotifyOne();
      return;
    }
    MutexLock lock(mutex_);
    group.clear();
    if (!hand_over && round < kMaxInlineRounds) group = TakeGroup(true);
    if (!group.empty()) continue;
    busy_ = false;
    if (!queue_.empty() || stopping_) wake_.NotifyOne();
    return;
  }
}

size_t Committer::AddMembers(Group& group, Round& round, std::vector<Reply>* replies) {
  int64_t deadline = StopwatchNanos() + kMaxGroupMicros * 1000;
  size_t taken = 0;
  for (Pending& member : group) {
    if (taken != 0 && StopwatchNanos() > deadline) break;
    CommitOutcome outcome;
    if (member.work) {
      Status status = member.work(round);
      outcome.kind = status.ok() ? CommitOutcome::Kind::kCommitted : CommitOutcome::Kind::kFailed;
      if (!status.ok()) outcome.error = std::move(status).error();
    } else {
      Round::Verdict verdict = round.Add(member.request, &outcome.error);
      if (verdict == Round::Verdict::kNotCached) break;
      switch (verdict) {
        case Round::Verdict::kAdded: outcome.kind = CommitOutcome::Kind::kCommitted; break;
        case Round::Verdict::kMoved: outcome.kind = CommitOutcome::Kind::kMoved; break;
        case Round::Verdict::kSchema: outcome.kind = CommitOutcome::Kind::kSchema; break;
        default: outcome.kind = CommitOutcome::Kind::kFailed; break;
      }
      if (verdict == Round::Verdict::kAdded) {
        outcome.seq = round.commits().back()->seq;
        outcome.updated = round.commits().back()->updated;
      }
    }
    replies->push_back({std::move(member.callback), std::move(outcome)});
    ++taken;
  }
  return taken;
}

Committer::Group Committer::BuildRound(Group group, bool must_not_block, std::unique_ptr<Built>* out) {
  auto built = std::make_unique<Built>();
  built->started_ns = StopwatchNanos();
  built->sync = std::any_of(group.begin(), group.end(),
                            [](const Pending& member) { return member.request.durability == Durability::kSync; });
  if (read_only_) {
    for (Pending& member : group) {
      member.callback({.kind = CommitOutcome::Kind::kFailed, .error = ReadOnlyError()});
    }
    return {};
  }
  built->round =
      std::make_unique<Round>(Round::Input{.base = View(),
                                           .store = options_.store,
                                           .tier = must_not_block ? kv::ReadTier::kCacheOnly : kv::ReadTier::kAll,
                                           .now = options_.clock->NowMicros(),
                                           .erased = options_.erased_users,
                                           .alone = group.size() == 1});
  auto taken = static_cast<ptrdiff_t>(AddMembers(group, *built->round, &built->replies));
  Group rest(std::make_move_iterator(group.begin() + taken), std::make_move_iterator(group.end()));
  bool gave_up = !built->replies.empty() && group.front().work &&
                 built->replies[0].outcome.kind != CommitOutcome::Kind::kCommitted;
  if (built->round->empty() || gave_up) {
    Answer(std::move(built->replies));
  } else {
    built->view = built->round->Finish();
    *out = std::move(built);
  }
  return rest;
}

// Before this the round is nothing; after the write it is in the log, and an error leaves it open whether it will be
// there after a restart. So such an error ends all writing.
Status Committer::WriteRound(Round& round, bool must_not_block) {
  RETURN_IF_ERROR(Failpoint("storage.wal_write"));
  Status status = options_.store->Write(round.batch(), {.no_slowdown = must_not_block});
  if (status.ok()) status = Failpoint("storage.after_write");
  if (status.ok() || (must_not_block && status.error().code == ErrorCode::kRateLimited)) return status;
  return TurnReadOnly(std::move(status).error());
}

Status Committer::SyncRound() {
  int64_t started = StopwatchNanos();
  Status status = Failpoint("storage.fsync");
  if (status.ok()) status = options_.store->SyncWal();
  fsync_seconds_.Observe(static_cast<double>(StopwatchNanos() - started) * 1e-9);
  if (status.ok()) return {};
  return TurnReadOnly(std::move(status).error());
}

Error Committer::TurnReadOnly(Error error) {
  read_only_ = true;
  options_.logger->Error("storage_read_only", {{"error", error.message}});
  return {
      .code = ErrorCode::kStorageUnavailable,
      .message = "the write could not be made durable: " + error.message,
      .hint = "the change may or may not be there after the server is restarted; nothing more is written until then",
      .outcome_unknown = true};
}

bool Committer::FinishRound(Built& built, bool must_not_block) {
  Status status = WriteRound(*built.round, must_not_block);
  if (!status.ok() && must_not_block && status.error().code == ErrorCode::kRateLimited) return false;
  int64_t sync_started = StopwatchNanos();
  if (status.ok() && built.sync) status = SyncRound();
  int64_t sync_ns = StopwatchNanos() - sync_started;
  // Where nobody knows whether the records are on disk the files stay, too: the next start finds out.
  if (status.ok() || status.error().outcome_unknown) KeepBulkFiles(*built.round, status.ok());
  if (!status.ok()) {
    FailCommitted(built.replies, status.error());
    Answer(std::move(built.replies));
    return true;
  }
  for (UserId user : built.round->erased()) {
    if (options_.erased_users != nullptr) options_.erased_users->Add(user);
  }
  SyncPoint("storage.before_publish");
  auto delivered = std::make_shared<CommitGroup>();
  delivered->commits = built.round->commits();
  delivered->view = Publish(std::move(built.view), *built.round);
  size_t commits = delivered->commits.size();
  if (sink_ != nullptr && commits != 0) sink_->OnCommit(std::move(delivered));
  commits_total_.Add(static_cast<double>(commits));
  batch_size_.Observe(static_cast<double>(commits));
  group_seconds_.Observe(static_cast<double>(StopwatchNanos() - built.started_ns - sync_ns) * 1e-9);
  SyncPoint("storage.before_reply");
  Answer(std::move(built.replies));
  return true;
}

void Committer::KeepBulkFiles(const Round& round, bool published) {
  for (const auto& commit : round.commits()) {
    if (commit->bulk == nullptr) continue;
    commit->bulk->writer->Keep();
    if (published && options_.on_bulk) options_.on_bulk(*commit);
  }
}

ReadViewPtr Committer::Publish(std::unique_ptr<ReadView> view, const Round& round) {
  view->snapshot = options_.store->TakeSnapshot();
  view->taken_ns = StopwatchNanos();
  ReadViewPtr next = options_.views->Adopt(std::move(view));
  ReadViewPtr before;  // released outside the lock
  MutexLock lock(view_mutex_);
  for (const auto& commit : round.commits()) {
    for (const WriteSet& write : commit->writes) {
      TableActivity& activity = activity_[write.table->id.value];
      if (activity.rows == 0) activity.first_at = commit->updated;
      activity.rows += write.changes.size();
      activity.bytes += HotBytes(write);
    }
    if (!watches_.empty()) FillWatches(*commit);
  }
  before = std::exchange(view_, next);
  return next;
}

void Committer::FillWatches(const Commit& commit) {
  for (size_t i = 0; i < watches_.size();) {
    std::shared_ptr<Watch> watch = watches_[i].lock();
    if (watch == nullptr) {
      watches_[i] = std::move(watches_.back());
      watches_.pop_back();
      continue;
    }
    if (watch->null_column().is_set()) {
      LookForNulls(commit, *watch);
      ++i;
      continue;
    }
    for (const WriteSet& write : commit.writes) {
      if (write.table->id != watch->table()) continue;
      for (const RowChange& change : write.changes) watch->Add(change.key);
    }
    if (commit.bulk != nullptr && commit.bulk->table->id == watch->table()) watch->AddBulk(*commit.bulk);
    ++i;
  }
}

std::unordered_map<uint32_t, TableActivity> Committer::Activity() const {
  MutexLock lock(view_mutex_);
  return activity_;
}

TableActivity Committer::TakeActivity(TableId table) {
  MutexLock lock(view_mutex_);
  auto node = activity_.extract(table.value);
  return node.empty() ? TableActivity() : node.mapped();
}

void Committer::AddActivity(TableId table, TableActivity activity) {
  MutexLock lock(view_mutex_);
  TableActivity& sum = activity_[table.value];
  sum.first_at = sum.rows == 0 ? activity.first_at : std::min(sum.first_at, activity.first_at);
  sum.rows += activity.rows;
  sum.bytes += activity.bytes;
}

Error Committer::ReadOnlyError() const {
  return {ErrorCode::kStorageUnavailable, "the server is read-only since a write could not be made durable",
          "check the disk, then restart the server"};
}

void Committer::FailCommitted(std::vector<Reply>& replies, const Error& error) {
  for (Reply& reply : replies) {
    if (reply.outcome.kind != CommitOutcome::Kind::kCommitted) continue;  // refused before, for reasons of its own
    reply.outcome = {.kind = CommitOutcome::Kind::kFailed, .error = error};
  }
}

void Committer::Answer(std::vector<Reply> replies) {
  for (Reply& reply : replies) reply.callback(std::move(reply.outcome));
}

}  // namespace kalamdb::storage
