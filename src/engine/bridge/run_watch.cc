// The timer of running statements.
#include "engine/bridge/run_watch.h"

#include <chrono>

#include "base/executor.h"
#include "storage/rows.h"

namespace kalamdb::engine {

RunWatch::RunWatch(const Clock& clock) : clock_(clock), thread_([this] { Run(); }) {}

RunWatch::~RunWatch() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

RunWatch::Guard::Guard(RunWatch& watch, Entry* entry) : watch_(watch), entry_(entry) {
  const std::lock_guard lock(watch_.mutex_);
  watch_.entries_.push_back(entry_);
  if (watch_.entries_.size() == 1) watch_.wake_.notify_all();
}

RunWatch::Guard::~Guard() {
  const std::lock_guard lock(watch_.mutex_);
  watch_.entries_.remove(entry_);
}

RunWatch::Reason RunWatch::Due(const Entry& entry) const {
  if (entry.cancelled != nullptr && entry.cancelled->load(std::memory_order_relaxed)) return Reason::kCancelled;
  const int64_t now_ns = clock_.MonotonicMicros() * 1000;
  if (entry.deadline_ns != 0 && now_ns >= entry.deadline_ns) return Reason::kTimeout;
  if (entry.started_ns != 0 && now_ns - entry.started_ns >= storage::kMaxScanMicros * 1000) return Reason::kViewTooOld;
  return Reason::kNone;
}

void RunWatch::Run() {
  SetThreadName("engine-timer");
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (entries_.empty()) {
      wake_.wait(lock);
      continue;
    }
    for (Entry* entry : entries_) {
      const Reason reason = Due(*entry);
      if (reason == Reason::kNone) continue;
      entry->reason = reason;
      entry->ended = true;
      entry->connection->Interrupt();
    }
    wake_.wait_for(lock, std::chrono::milliseconds(kWatchMillis));
  }
}

Error ErrorOf(RunWatch::Reason reason) {
  if (reason == RunWatch::Reason::kViewTooOld)
    return Error{ErrorCode::kSnapshotTooOld, "the statement has read one view for 10 minutes",
                 "read in ranges of the key"};
  if (reason == RunWatch::Reason::kTimeout)
    return Error{ErrorCode::kTimeout, "the statement ran longer than its time limit"};
  return Error{ErrorCode::kCancelled, "the statement was cancelled"};
}

}  // namespace kalamdb::engine
