// The pool's threads and their queue.
#include "base/executor.h"

#include <pthread.h>

#include <utility>

#include "base/error.h"

namespace kalamdb {

Executor::Executor(ExecutorOptions options) : options_(std::move(options)) {
  KALAM_CHECK(options_.threads > 0);
  if (options_.metrics != nullptr) {
    MetricLabels labels{{"queue", options_.name}};
    length_ = options_.metrics->AddGauge("kalamdb_queue_length", "Tasks that wait in a queue.", labels);
    refusals_ =
        options_.metrics->AddCounter("kalamdb_queue_refusals_total", "Tasks that a full queue refused.", labels);
  }
}

Executor::~Executor() { Stop(); }

void Executor::Start() {
  KALAM_CHECK(threads_.empty());
  for (int i = 0; i < options_.threads; ++i) {
    threads_.emplace_back([this] {
      SetThreadName(options_.name);
      Run();
    });
  }
}

void Executor::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

bool Executor::Post(Task task) {
  {
    MutexLock lock(mutex_);
    if (!stopping_ && queue_.size() < options_.queue_limit) {
      queue_.push_back(std::move(task));
      length_.Set(static_cast<double>(queue_.size()));
      wake_.NotifyOne();
      return true;
    }
  }
  refusals_.Add();
  return false;
}

size_t Executor::queued() const {
  MutexLock lock(mutex_);
  return queue_.size();
}

void Executor::Run() {
  for (;;) {
    Task task;
    {
      MutexLock lock(mutex_);
      while (queue_.empty() && !stopping_) wake_.Wait(mutex_);
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
      length_.Set(static_cast<double>(queue_.size()));
    }
    task();
  }
}

void SetThreadName(const std::string& name) { pthread_setname_np(pthread_self(), name.substr(0, 15).c_str()); }

}  // namespace kalamdb
