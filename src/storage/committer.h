// The committer: the queue, the leader of each round, the write, the view that follows, and the replies.
//
// At any time at most one thread runs rounds (`busy_`): the commit thread, or a caller of Submit whose `wal` request
// met an empty queue and who commits it without a thread hop. Lock order: mutex_ (queue), then view_mutex_ (view and
// watches); neither is held while a round compares or writes. Thread-safe.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "kv/store.h"
#include "storage/commit.h"
#include "storage/round.h"
#include "storage/view_registry.h"
#include "storage/watch.h"

namespace kalamdb::storage {

struct CommitterOptions {
  kv::Store* store = nullptr;
  const Clock* clock = nullptr;
  Metrics* metrics = nullptr;  // may be null
  Logger* logger = nullptr;
  std::shared_ptr<ViewRegistry> views;
  ErasedUsers* erased_users = nullptr;         // may be null
  std::function<void(const Commit&)> on_bulk;  // a bulk commit is durable and about to be published
};

// What was written to a table since it was last asked for: the scheduler's input.
struct TableActivity {
  uint64_t rows = 0;
  int64_t bytes = 0;    // keys and rows that became hot, less those that went; of rows hot before, below zero
  Micros first_at = 0;  // commit time of the first of them
};

class Committer final : public CommitPipeline {
 public:
  // `recovered` has everything but a snapshot.
  Committer(CommitterOptions options, std::unique_ptr<ReadView> recovered);
  ~Committer() override;

  void Start(ChangeSink* sink);
  void Stop() EXCLUDES(mutex_);  // runs what is queued, then refuses

  void Submit(CommitRequest request, bool may_block, CommitCallback callback) override EXCLUDES(mutex_);

  // Work that must stand in the commit order without being a commit (a flush's publish, trimming). Runs alone in a
  // round on the commit thread; an error of `work` leaves everything as it was. Waits. Not from callbacks.
  using Work = std::function<Status(Round&)>;
  Status RunInOrder(Work work, Durability durability) EXCLUDES(mutex_);

  ReadViewPtr View() const EXCLUDES(view_mutex_);
  // A view, and every change of the table after it (with null_column: only whether it was given a NULL).
  std::pair<ReadViewPtr, std::shared_ptr<Watch>> ViewWithWatch(TableId table, ColumnId null_column = {})
      EXCLUDES(view_mutex_);

  // Rows written a table since start or TakeActivity.
  std::unordered_map<uint32_t, TableActivity> Activity() const EXCLUDES(view_mutex_);
  TableActivity TakeActivity(TableId table) EXCLUDES(view_mutex_);
  void AddActivity(TableId table, TableActivity activity) EXCLUDES(view_mutex_);

  bool read_only() const { return read_only_; }

 private:
  struct Pending {
    CommitRequest request;
    CommitCallback callback;
    Work work;  // instead of request
    size_t bytes = 0, rows = 0;
    bool alone = false;  // bulk, catalog and work: a round of its own
  };
  struct Reply {
    CommitCallback callback;
    CommitOutcome outcome;
  };
  using Group = std::vector<Pending>;
  struct Built {  // a round that only has to be written
    std::unique_ptr<Round> round;
    std::unique_ptr<ReadView> view;
    std::vector<Reply> replies;
    bool sync = false;
    int64_t started_ns = 0;
  };

  void Enqueue(Pending pending, bool may_block) EXCLUDES(mutex_);
  bool WaitForRoom(size_t bytes, bool may_block, Error* why) REQUIRES(mutex_);
  bool HasRoom(size_t bytes) const REQUIRES(mutex_);
  Group TakeGroup(bool wal_only) REQUIRES(mutex_);
  void RunThread() EXCLUDES(mutex_);
  void LeadInline(Pending first) EXCLUDES(mutex_);
  void PutBack(Group rest) EXCLUDES(mutex_);

  // Compares a group and builds its batch. What could not be taken in (time was up, or a read would have blocked) comes
  // back, in order. *out stays empty where there is nothing to write: the replies are then given.
  Group BuildRound(Group group, bool must_not_block, std::unique_ptr<Built>* out) EXCLUDES(mutex_, view_mutex_);
  size_t AddMembers(Group& group, Round& round, std::vector<Reply>* replies);
  // Writes, publishes, delivers, replies. False: the store would have had to wait, and nothing has happened.
  bool FinishRound(Built& built, bool must_not_block) EXCLUDES(mutex_, view_mutex_);
  Status WriteRound(Round& round, bool must_not_block);
  Status SyncRound();
  void KeepBulkFiles(const Round& round, bool published);
  Error TurnReadOnly(Error error);
  ReadViewPtr Publish(std::unique_ptr<ReadView> view, const Round& round) EXCLUDES(view_mutex_);
  void FillWatches(const Commit& commit) REQUIRES(view_mutex_);
  static void FailCommitted(std::vector<Reply>& replies, const Error& error);
  static void Answer(std::vector<Reply> replies);
  Error ReadOnlyError() const;

  const CommitterOptions options_;
  ChangeSink* sink_ = nullptr;  // constant after Start
  std::thread thread_;
  std::atomic<bool> read_only_{false};

  mutable Mutex mutex_;
  CondVar wake_, room_;
  std::deque<Pending> queue_ GUARDED_BY(mutex_);
  size_t queued_bytes_ GUARDED_BY(mutex_) = 0;
  bool busy_ GUARDED_BY(mutex_) = false;
  std::unique_ptr<Built> handed_over_ GUARDED_BY(mutex_);  // a round whose leader must not wait for the store
  bool started_ GUARDED_BY(mutex_) = false;
  bool stopping_ GUARDED_BY(mutex_) = false;

  mutable Mutex view_mutex_;
  ReadViewPtr view_ GUARDED_BY(view_mutex_);
  std::vector<std::weak_ptr<Watch>> watches_ GUARDED_BY(view_mutex_);
  std::unordered_map<uint32_t, TableActivity> activity_ GUARDED_BY(view_mutex_);

  Counter commits_total_, refusals_;
  Histogram group_seconds_, batch_size_, fsync_seconds_;
  Gauge queue_length_;
};

}  // namespace kalamdb::storage
