// Failpoints: every action, the hit number, refusal of what is not understood.
#include "base/failpoint.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <thread>

namespace kalamdb {
namespace {

class FailpointTest : public ::testing::Test {
 protected:
  void TearDown() override { ResetFailpoints(); }
};

TEST_F(FailpointTest, UnarmedPlacesPass) {
  EXPECT_FALSE(AnyFailpointArmed());
  EXPECT_TRUE(Failpoint("test.place").ok());
}

TEST_F(FailpointTest, ErrorsHaveTheCodeAskedForAndEndWithTheScope) {
  {
    ScopedFailpoint armed("test.place", "error:WRITE_CONFLICT");
    EXPECT_EQ(Failpoint("test.place").error().code, ErrorCode::kWriteConflict);
    EXPECT_TRUE(Failpoint("test.other").ok());
  }
  EXPECT_TRUE(Failpoint("test.place").ok());
  EXPECT_FALSE(AnyFailpointArmed());
}

TEST_F(FailpointTest, AHitNumberPicksOnePassing) {
  ASSERT_TRUE(ArmFailpoint("test.place", "3@error").ok());
  EXPECT_TRUE(Failpoint("test.place").ok());
  EXPECT_TRUE(Failpoint("test.place").ok());
  EXPECT_FALSE(Failpoint("test.place").ok());
  EXPECT_TRUE(Failpoint("test.place").ok());
  EXPECT_EQ(FailpointHits("test.place"), 4u);
}

TEST_F(FailpointTest, SignalAndWaitFixAnInterleaving) {
  ASSERT_TRUE(ArmFailpoints("flush.before=signal:flushing+wait:scanned;").ok());
  int step = 0;
  std::thread flusher([&] {
    SyncPoint("flush.before");
    EXPECT_EQ(step, 1);
    step = 2;
  });
  WaitForPoint("flushing");
  step = 1;
  SignalPoint("scanned");
  flusher.join();
  EXPECT_EQ(step, 2);
}

TEST_F(FailpointTest, CrashEndsTheProcessWithoutCleaningUp) {
  ASSERT_TRUE(ArmFailpoint("test.place", "2@crash").ok());
  EXPECT_TRUE(Failpoint("test.place").ok());
  EXPECT_EXIT(SyncPoint("test.place"), ::testing::ExitedWithCode(137), "");
}

TEST_F(FailpointTest, CallbacksRunWhereThePlaceIs) {
  int calls = 0;
  ScopedFailpoint armed("test.place", [&]() -> Status {
    ++calls;
    return {};
  });
  SyncPoint("test.place");
  EXPECT_TRUE(Failpoint("test.place").ok());
  EXPECT_EQ(calls, 2);
}

TEST_F(FailpointTest, WhatIsNotUnderstoodArmsNothing) {
  for (const char* spec : {"a", "=error", "a=explode", "a=error:NO_SUCH_CODE", "a=0@error", "a=x@error", "a=wait",
                           "a=error+", "good=error;bad=explode"}) {
    EXPECT_EQ(ArmFailpoints(spec).error().code, ErrorCode::kInvalidParameter) << spec;
  }
  EXPECT_FALSE(AnyFailpointArmed());
}

TEST_F(FailpointTest, TheEnvironmentArmsAProcess) {
  setenv("KALAMDB_FAILPOINTS", "test.env=error", 1);
  ASSERT_TRUE(ArmFailpointsFromEnvironment().ok());
  unsetenv("KALAMDB_FAILPOINTS");
  EXPECT_FALSE(Failpoint("test.env").ok());
}

}  // namespace
}  // namespace kalamdb
