// A mutex, its lock and a condition variable that clang's thread-safety analysis understands (-Wthread-safety).
//
// The standard library's own are not annotated here, so a class with a lock uses these and marks its fields:
//   Mutex mutex_;
//   std::deque<Task> queue_ GUARDED_BY(mutex_);
// A function that expects the lock says REQUIRES(mutex_); one that takes it itself may say EXCLUDES(mutex_).
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "base/ids.h"

#define GUARDED_BY(mutex) __attribute__((guarded_by(mutex)))
#define PT_GUARDED_BY(mutex) __attribute__((pt_guarded_by(mutex)))
#define REQUIRES(...) __attribute__((requires_capability(__VA_ARGS__)))
#define EXCLUDES(...) __attribute__((locks_excluded(__VA_ARGS__)))
#define NO_THREAD_SAFETY_ANALYSIS __attribute__((no_thread_safety_analysis))

namespace kalamdb {

// Not recursive, not fair. Prefer MutexLock to Lock and Unlock.
class __attribute__((capability("mutex"))) Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() __attribute__((acquire_capability())) { mutex_.lock(); }
  void Unlock() __attribute__((release_capability())) { mutex_.unlock(); }
  bool TryLock() __attribute__((try_acquire_capability(true))) { return mutex_.try_lock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

// Holds a Mutex for a scope.
class __attribute__((scoped_lockable)) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) __attribute__((acquire_capability(mutex))) : mutex_(mutex) { mutex_.Lock(); }
  ~MutexLock() __attribute__((release_capability())) { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Waits may end without a notification: always wait in a loop over the condition.
class CondVar {
 public:
  void Wait(Mutex& mutex) REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }

  // False if the time ran out first.
  bool WaitFor(Mutex& mutex, Micros timeout) REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    std::cv_status status = condition_.wait_for(lock, std::chrono::microseconds(timeout));
    lock.release();
    return status == std::cv_status::no_timeout;
  }

  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace kalamdb
