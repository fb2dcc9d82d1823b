// Results carry values and errors; a broken invariant ends the process with a stack trace.
#include "base/error.h"

#include <gtest/gtest.h>

#include <csignal>
#include <memory>

#include "base/crash_handler.h"

namespace kalamdb {
namespace {

Result<std::unique_ptr<int>> Half(int value) {
  if (value % 2 != 0) return Error{.code = ErrorCode::kTypeMismatch, .message = "odd"};
  return std::make_unique<int>(value / 2);
}

Result<int> Quarter(int value) {
  ASSIGN_OR_RETURN(auto half, Half(value));
  ASSIGN_OR_RETURN(auto quarter, Half(*half));
  return *quarter;
}

Status CheckQuarter(int value) {
  RETURN_IF_ERROR(Quarter(value));
  return {};
}

TEST(Error, PassesThroughTheMacrosWithMoveOnlyValues) {
  EXPECT_EQ(Quarter(12).value(), 3);
  EXPECT_EQ(Quarter(6).error().code, ErrorCode::kTypeMismatch);
  EXPECT_TRUE(CheckQuarter(4).ok());
  EXPECT_EQ(CheckQuarter(3).error().message, "odd");
}

TEST(Error, EveryCodeHasItsOwnName) {
  std::string_view last;
  for (int i = 0; i < static_cast<int>(ErrorCode::kInternal); ++i) {
    std::string_view name = ErrorCodeName(static_cast<ErrorCode>(i));
    EXPECT_NE(name, "INTERNAL") << i;
    EXPECT_NE(name, last);
    last = name;
  }
}

TEST(ErrorDeathTest, ABrokenInvariantPrintsPlaceAndStack) {
  EXPECT_DEATH(KALAM_CHECK(1 + 1 == 3), "broken invariant 1 \\+ 1 == 3 at .*error_test.cc:[0-9]+(.|\n)*CheckFailed");
}

#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
TEST(CrashHandlerDeathTest, ASignalPrintsItsNameAndAStackAndKeepsItsStatus) {
  EXPECT_EXIT(
      {
        InstallCrashHandler();
        raise(SIGSEGV);
      },
      ::testing::KilledBySignal(SIGSEGV), "ended by SIGSEGV(.|\n)*base_test");
}
#endif

}  // namespace
}  // namespace kalamdb
