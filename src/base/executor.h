// A named pool of threads behind one bounded queue.
//
// Tasks start in the order they were posted. A full queue refuses (Post returns false) and the caller answers
// RATE_LIMITED: nothing waits for room. A task must not throw; if it does, the process ends.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "base/metrics.h"
#include "base/mutex.h"
#include "base/task.h"

namespace kalamdb {

struct ExecutorOptions {
  std::string name;  // of the threads (the kernel shows 15 characters) and of the `queue` label
  int threads = 1;
  size_t queue_limit = 1024;   // tasks that wait; those that run are not counted
  Metrics* metrics = nullptr;  // kalamdb_queue_length{queue}, kalamdb_queue_refusals_total{queue}; must outlive this
};

// Thread-safe.
class Executor {
 public:
  explicit Executor(ExecutorOptions options);
  ~Executor();  // Stop()
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // REQUIRES: not started before.
  void Start() EXCLUDES(mutex_);

  // Refuses new tasks, runs those that are queued, waits for all. May be called twice, not from a task of this pool.
  void Stop() EXCLUDES(mutex_);

  // False if the queue is full or the pool is stopped; the task is then destroyed without having run.
  // Before Start tasks are queued.
  [[nodiscard]] bool Post(Task task) EXCLUDES(mutex_);

  size_t queued() const EXCLUDES(mutex_);

 private:
  void Run();

  const ExecutorOptions options_;
  Gauge length_;
  Counter refusals_;
  mutable Mutex mutex_;
  CondVar wake_;
  std::deque<Task> queue_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;  // changed by Start and Stop only
};

// Names the calling thread as the kernel and debuggers show it (at most 15 characters).
void SetThreadName(const std::string& name);

}  // namespace kalamdb
