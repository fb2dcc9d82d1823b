// Ends runs that are past their deadline, whose view is too old or whose client has gone, by interrupting the engine.
//
// One thread, asleep while nothing runs; it looks every kWatchMillis.
#pragma once

#include <atomic>
#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "duckdb.hpp"

namespace kalamdb::engine {

inline constexpr int kWatchMillis = 10;

class RunWatch {
 public:
  explicit RunWatch(const Clock& clock);
  ~RunWatch();

  enum class Reason : uint8_t { kNone, kTimeout, kCancelled, kViewTooOld };
  struct Entry {
    duckdb::Connection* connection = nullptr;
    int64_t deadline_ns = 0;
    int64_t started_ns = 0;  // storage::kMaxScanMicros later its view is given up; 0 = never
    const std::atomic<bool>* cancelled = nullptr;
    std::atomic<Reason> reason{Reason::kNone};
    std::atomic<bool> ended{false};  // reason is not kNone
  };
  // Watches `entry` while this lives; the connection stays lent meanwhile.
  class Guard {
   public:
    Guard(RunWatch& watch, Entry* entry);
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    RunWatch& watch_;
    Entry* const entry_;
  };
  // Why it is to end now; also before it has begun.
  Reason Due(const Entry& entry) const;

 private:
  void Run();

  const Clock& clock_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::list<Entry*> entries_;
  bool stopping_ = false;
  std::thread thread_;
};

// kTimeout, kCancelled or kSnapshotTooOld. REQUIRES: not kNone.
Error ErrorOf(RunWatch::Reason reason);

}  // namespace kalamdb::engine
