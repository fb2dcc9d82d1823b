// Workers for heavy statements, fair by user: a user with a thousand queued statements delays another's first by one.
//
// Each user has a queue of their own and at most `per_user` statements running; users with work wait in a ring and give
// one task a turn. Thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/task.h"

namespace kalamdb::service {

struct FairPoolOptions {
  std::string name;
  uint32_t threads = 2;
  size_t queue_limit = 1'024;  // tasks that wait, of all users
  uint32_t per_user = 2;       // running at once
  Metrics* metrics = nullptr;
};

class FairPool {
 public:
  explicit FairPool(FairPoolOptions options);
  ~FairPool();  // Stop()
  FairPool(const FairPool&) = delete;
  FairPool& operator=(const FairPool&) = delete;

  void Start();
  void Stop() EXCLUDES(mutex_);  // runs what is queued, waits

  // False where the queue is full (and counts it) or the pool is stopped. `continuation`: the request is at work
  // already, so a full queue does not refuse it (their number is bounded by the requests that were admitted).
  [[nodiscard]] bool Post(UserId user, Task task, bool continuation) EXCLUDES(mutex_);

 private:
  struct UserQueue {
    std::deque<Task> tasks;
    uint32_t running = 0;
    bool in_ring = false;
  };
  void Run();
  void EnterRing(UserId user, UserQueue& queue) REQUIRES(mutex_);

  const FairPoolOptions options_;
  Gauge length_;
  Counter refusals_;
  Mutex mutex_;
  CondVar wake_;
  std::unordered_map<uint64_t, UserQueue> users_ GUARDED_BY(mutex_);
  std::deque<UserId> ring_ GUARDED_BY(mutex_);  // users with a task that may start
  size_t queued_ GUARDED_BY(mutex_) = 0;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace kalamdb::service
