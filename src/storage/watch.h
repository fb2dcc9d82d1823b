// Watch: the keys of one table that changed since a view, gathered by the committer while a job works on that view; or
// whether a column was given a NULL since (SET NOT NULL).
//
// Registered together with its view (Committer::ViewWithWatch): a commit is in the view or in the watch. Thread-safe.
#pragma once

#include <algorithm>
#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/mutex.h"
#include "storage/bulk.h"

namespace kalamdb::storage {

class Watch {
 public:
  static constexpr size_t kMaxBytes = 64u << 20;  // beyond it the job starts again with a newer view

  explicit Watch(TableId table, ColumnId null_column = {}) : table_(table), null_column_(null_column) {}

  TableId table() const { return table_; }
  ColumnId null_column() const { return null_column_; }  // set: only NULLs in it are looked for

  void NoteNull() { saw_null_ = true; }
  bool saw_null() const { return saw_null_; }

  // By the committer, in commit order. A key may come more than once.
  void Add(const std::string& key) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (overflowed_) return;
    bytes_ += key.size() + sizeof(std::string);
    if (bytes_ > kMaxBytes) {
      OverflowLocked();
    } else {
      keys_.push_back(key);
    }
  }
  // A bulk load's keys cannot be named one by one: only the rows it replaced, and the range of the rest.
  void AddBulk(const BulkCommit& bulk) EXCLUDES(mutex_) {
    for (const auto& [key, place] : bulk.replaced) Add(key);
    MutexLock lock(mutex_);
    for (const SegmentRecord& segment : bulk.segments) ranges_.emplace_back(segment.min_key, segment.max_key);
  }
  // True if a bulk load since the view may have brought a key within [min_key, max_key].
  bool BulkMeets(const std::string& min_key, const std::string& max_key) const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return std::any_of(ranges_.begin(), ranges_.end(),
                       [&](const auto& range) { return range.first <= max_key && min_key <= range.second; });
  }

  // The job has to start again.
  void Overflow() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    OverflowLocked();
  }

  std::vector<std::string> Take() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    bytes_ = 0;
    return std::exchange(keys_, {});
  }
  size_t size() const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return keys_.size();
  }
  bool overflowed() const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return overflowed_;
  }

 private:
  void OverflowLocked() REQUIRES(mutex_) {
    overflowed_ = true;
    keys_.clear();
  }

  const TableId table_;
  const ColumnId null_column_;
  std::atomic<bool> saw_null_{false};
  mutable Mutex mutex_;
  std::vector<std::string> keys_ GUARDED_BY(mutex_);
  size_t bytes_ GUARDED_BY(mutex_) = 0;
  std::vector<std::pair<std::string, std::string>> ranges_
      GUARDED_BY(mutex_);  // least and greatest key of bulk segments
  bool overflowed_ GUARDED_BY(mutex_) = false;
};

}  // namespace kalamdb::storage
