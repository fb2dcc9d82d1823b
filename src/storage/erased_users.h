// Users that were dropped: nothing is written to their partitions any more, and a job erases what they hold.
//
// The committer adds a user with the commit that drops it, before any later commit is compared; so a statement that
// began before the drop cannot leave rows behind the job. Thread-safe.
#pragma once

#include <atomic>
#include <map>
#include <vector>

#include "base/ids.h"
#include "base/mutex.h"

namespace kalamdb::storage {

class ErasedUsers {
 public:
  void Add(UserId user) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    users_[user.value] = true;
    any_ = true;
  }
  // One relaxed load while nobody was dropped.
  bool Contains(UserId user) const EXCLUDES(mutex_) {
    if (!any_.load(std::memory_order_acquire)) return false;
    MutexLock lock(mutex_);
    return users_.contains(user.value);
  }

  // Those whose rows are still to be erased.
  std::vector<UserId> Pending() const EXCLUDES(mutex_) {
    std::vector<UserId> pending;
    if (!any_.load(std::memory_order_acquire)) return pending;
    MutexLock lock(mutex_);
    for (const auto& [user, waits] : users_) {
      if (waits) pending.push_back(UserId(user));
    }
    return pending;
  }
  // The user stays known: 40 bytes for each drop of this run, whatever statements are still on their way.
  void Done(UserId user) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    users_[user.value] = false;
  }

 private:
  std::atomic<bool> any_{false};
  mutable Mutex mutex_;
  std::map<uint64_t, bool> users_ GUARDED_BY(mutex_);  // → still to be erased
};

}  // namespace kalamdb::storage
