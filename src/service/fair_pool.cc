// The ring of users and the threads that serve it.
#include "service/fair_pool.h"

#include <utility>

#include "base/error.h"
#include "base/executor.h"

namespace kalamdb::service {

FairPool::FairPool(FairPoolOptions options) : options_(std::move(options)) {
  KALAM_CHECK(options_.threads > 0 && options_.per_user > 0);
  if (options_.metrics == nullptr) return;
  const MetricLabels labels{{"queue", options_.name}};
  length_ = options_.metrics->AddGauge("kalamdb_queue_length", "Tasks that wait in a queue.", labels);
  refusals_ = options_.metrics->AddCounter("kalamdb_queue_refusals_total", "Tasks that a full queue refused.", labels);
}

FairPool::~FairPool() { Stop(); }

void FairPool::Start() {
  for (uint32_t i = 0; i < options_.threads; ++i) {
    threads_.emplace_back([this] {
      SetThreadName(options_.name);
      Run();
    });
  }
}

void FairPool::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

bool FairPool::Post(UserId user, Task task, bool continuation) {
  {
    MutexLock lock(mutex_);
    if (!stopping_ && (continuation || queued_ < options_.queue_limit)) {
      UserQueue& queue = users_[user.value];
      queue.tasks.push_back(std::move(task));
      length_.Set(static_cast<double>(++queued_));
      EnterRing(user, queue);
      return true;
    }
  }
  refusals_.Add();
  return false;
}

void FairPool::EnterRing(UserId user, UserQueue& queue) {
  if (queue.in_ring || queue.tasks.empty() || queue.running >= options_.per_user) return;
  queue.in_ring = true;
  ring_.push_back(user);
  wake_.NotifyOne();
}

void FairPool::Run() {
  UserId user;
  bool ran = false;
  for (;;) {
    Task task;
    {
      MutexLock lock(mutex_);
      if (ran) {
        UserQueue& done = users_[user.value];
        --done.running;
        EnterRing(user, done);
        if (done.running == 0 && done.tasks.empty()) users_.erase(user.value);
        if (stopping_ && queued_ == 0) wake_.NotifyAll();
      }
      while (ring_.empty() && !(stopping_ && queued_ == 0)) wake_.Wait(mutex_);
      if (ring_.empty()) return;
      user = ring_.front();
      ring_.pop_front();
      UserQueue& queue = users_[user.value];
      queue.in_ring = false;
      task = std::move(queue.tasks.front());
      queue.tasks.pop_front();
      ++queue.running;
      length_.Set(static_cast<double>(--queued_));
      EnterRing(user, queue);
      if (stopping_ && queued_ == 0) wake_.NotifyAll();
    }
    task();
    ran = true;
  }
}

}  // namespace kalamdb::service
