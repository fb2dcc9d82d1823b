// When a run is over: its own time, its client, and the age of its view.
#include "engine/bridge/run_watch.h"

#include <gtest/gtest.h>

#include "storage/rows.h"

namespace kalamdb::engine {
namespace {

using Reason = RunWatch::Reason;

TEST(RunWatchTest, AViewIsGivenUpAfterItsTime) {
  ManualClock clock;
  const RunWatch watch(clock);
  RunWatch::Entry entry;
  entry.started_ns = clock.MonotonicMicros() * 1000;
  clock.Advance(storage::kMaxScanMicros - 1);
  EXPECT_EQ(watch.Due(entry), Reason::kNone);
  clock.Advance(1);
  EXPECT_EQ(watch.Due(entry), Reason::kViewTooOld);
  EXPECT_EQ(ErrorOf(Reason::kViewTooOld).code, ErrorCode::kSnapshotTooOld);
  EXPECT_NE(ErrorOf(Reason::kViewTooOld).message.find("10 minutes"), std::string::npos);
}

TEST(RunWatchTest, TheFirstReasonIsTold) {
  ManualClock clock;
  const RunWatch watch(clock);
  RunWatch::Entry entry;
  entry.started_ns = clock.MonotonicMicros() * 1000;
  entry.deadline_ns = entry.started_ns + 5'000;
  EXPECT_EQ(watch.Due(entry), Reason::kNone);
  clock.Advance(storage::kMaxScanMicros);
  EXPECT_EQ(watch.Due(entry), Reason::kTimeout);
  std::atomic<bool> gone{true};
  entry.cancelled = &gone;
  EXPECT_EQ(watch.Due(entry), Reason::kCancelled);
}

}  // namespace
}  // namespace kalamdb::engine
