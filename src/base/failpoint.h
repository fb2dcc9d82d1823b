// Named places in the code where a test can make something happen: an error, a crash, a wait for another thread.
//
//   RETURN_IF_ERROR(Failpoint("storage.wal_write"));   // a place that can fail
//   SyncPoint("flush.before_publish");                 // a place where an interleaving can be fixed
//
// Always compiled in; while nothing is armed a place costs one relaxed load. Names are "<module>.<place>" and are
// written down where they stand, nowhere else. What is armed belongs to the whole process, because the places are in
// the code.
//
// Armed by KALAMDB_FAILPOINTS="name=action;name=action" (read by ArmFailpointsFromEnvironment) or by tests through this
// API. An action is a list joined by "+", run in order; "N@" before it means: only at the N-th hit of the place.
//   error            Failpoint returns STORAGE_UNAVAILABLE, "failpoint <name>" (SyncPoint ignores it)
//   error:CODE       … with another code, for instance error:WRITE_CONFLICT
//   crash            the process ends at once, as by kill -9: no destructors, no flush of buffers; status 137
//   signal:NAME      marks NAME as reached, for ever
//   wait:NAME        waits until NAME is reached (at most 60 s, then the process aborts: a test that hangs is wrong)
// Example: storage.after_batch=17@crash;flush.before_publish=signal:flushing+wait:scanned
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace kalamdb {

namespace failpoint_internal {
inline std::atomic<int> armed_places{0};
Status Hit(std::string_view name);
}  // namespace failpoint_internal

inline bool AnyFailpointArmed() { return failpoint_internal::armed_places.load(std::memory_order_relaxed) != 0; }

inline Status Failpoint(std::string_view name) {
  if (!AnyFailpointArmed()) [[likely]]
    return {};
  return failpoint_internal::Hit(name);
}

inline void SyncPoint(std::string_view name) {
  if (!AnyFailpointArmed()) [[likely]]
    return;
  (void)failpoint_internal::Hit(name);
}

// INVALID_PARAMETER if the text is not as described above; then nothing is armed. Replaces what the place had.
Status ArmFailpoint(const std::string& name, std::string_view action);
// "name=action;name=action".
Status ArmFailpoints(std::string_view spec);
// From KALAMDB_FAILPOINTS; nothing if it is not set.
Status ArmFailpointsFromEnvironment();
void DisarmFailpoint(const std::string& name);

// Takes everything back, also the reached names and hit counts.
void ResetFailpoints();

// For tests in the same process: marks a name as reached; waits until one is (as wait: does).
void SignalPoint(const std::string& name);
void WaitForPoint(const std::string& name);

// How often a place was passed since it was armed.
uint64_t FailpointHits(const std::string& name);

// Arms one place for a scope. The callback form runs the callback on the thread that passes the place and returns what
// it returns.
class ScopedFailpoint {
 public:
  ScopedFailpoint(std::string name, std::string_view action);  // the action must be valid
  ScopedFailpoint(std::string name, std::function<Status()> callback);
  ~ScopedFailpoint();
  ScopedFailpoint(const ScopedFailpoint&) = delete;
  ScopedFailpoint& operator=(const ScopedFailpoint&) = delete;

 private:
  const std::string name_;
};

}  // namespace kalamdb
