// Lines of the log in both formats, escaping, levels.
#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/files.h"

namespace kalamdb {
namespace {

using ::testing::MatchesRegex;

std::string Written(LogFormat format, std::string_view event, std::initializer_list<LogField> fields) {
  TempDirectory directory;
  auto logger = Logger::Open({.format = format, .file = directory.File("log")}).value();
  logger->Info(event, fields);
  logger->Debug("below_the_level");
  return ReadFile(directory.File("log")).value();
}

TEST(Log, JsonLinesCarryTypedFields) {
  std::string line =
      Written(LogFormat::kJson, "flush",
              {{"table", "chat.messages"}, {"rows", 1200}, {"ms", 3.5}, {"ok", true}, {"big", uint64_t{7}}});
  EXPECT_THAT(line, MatchesRegex(R"(\{"ts":"....-..-..T..:..:..\.[0-9]+Z","level":"info","event":"flush",)"
                                 R"("table":"chat\.messages","rows":1200,"ms":3\.5,"ok":true,"big":7\})"
                                 "\n"));
}

TEST(Log, TextLinesQuoteWhatWouldBeAmbiguous) {
  std::string line = Written(LogFormat::kText, "login", {{"user", "a b"}, {"empty", ""}, {"plain", "x"}});
  EXPECT_THAT(line, MatchesRegex("....-..-..T..:..:..\\.[0-9]+Z INFO login user=\"a b\" empty=\"\" plain=x\n"));
}

TEST(Log, AHostileValueCannotMakeASecondLine) {
  for (LogFormat format : {LogFormat::kText, LogFormat::kJson}) {
    std::string line = Written(format, "login", {{"user", "x\n2026 ERROR fake \"\\\x01"}});
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    EXPECT_THAT(line, ::testing::HasSubstr(R"("x\n2026 ERROR fake \"\\\u0001")"));
  }
}

TEST(Log, NumbersThatJsonCannotSayAreNull) {
  EXPECT_THAT(Written(LogFormat::kJson, "x", {{"n", std::numeric_limits<double>::quiet_NaN()}}),
              ::testing::HasSubstr("\"n\":null"));
}

TEST(Log, NamesOfLevelsAndFormats) {
  EXPECT_EQ(ParseLogLevel("warn").value(), LogLevel::kWarn);
  EXPECT_EQ(ParseLogFormat("json").value(), LogFormat::kJson);
  EXPECT_EQ(ParseLogLevel("loud").error().code, ErrorCode::kInvalidParameter);
  TempDirectory directory;
  EXPECT_EQ(Logger::Open({.file = directory.path()}).error().code, ErrorCode::kStorageUnavailable);
}

}  // namespace
}  // namespace kalamdb
