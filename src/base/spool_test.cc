// A spool gives back what was put in, from memory and from its file, and holds its limit.
#include "base/spool.h"

#include <gtest/gtest.h>

#include "base/files.h"

namespace kalamdb {
namespace {

std::string Pattern(size_t bytes, size_t from) {
  std::string text(bytes, ' ');
  for (size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>('a' + (from + i) * 7 % 26);
  return text;
}

TEST(Spool, StaysInMemoryWhileSmall) {
  TempDirectory directory;
  Spool spool({.memory_bytes = 10, .limit_bytes = 100, .limit_name = "l", .directory = directory.path()});
  ASSERT_TRUE(spool.Append("hello"));
  ASSERT_TRUE(spool.Truncate(4));
  EXPECT_TRUE(spool.in_memory());
  EXPECT_EQ(spool.TakeMemory(), "hell");
}

TEST(Spool, MovesToAFileThatHasNoName) {
  TempDirectory directory;
  Spool spool({.memory_bytes = 1'000, .limit_bytes = 10u << 20, .limit_name = "l", .directory = directory.path()});
  std::string all;
  while (all.size() < 2u << 20) {
    std::string piece = Pattern(777, all.size());
    ASSERT_TRUE(spool.Append(piece));
    all += piece;
  }
  EXPECT_FALSE(spool.in_memory());
  EXPECT_TRUE(ListDirectory(directory.path()).value().empty());
  std::string read;
  for (uint64_t at = 0; at < spool.size();) {
    const uint64_t length = std::min<uint64_t>(100'001, spool.size() - at);
    ASSERT_TRUE(spool.Read(at, length, &read));
    at += length;
  }
  EXPECT_EQ(read, all);
}

TEST(Spool, TruncatesBackIntoTheFileAndGoesOn) {
  TempDirectory directory;
  Spool spool({.memory_bytes = 10, .limit_bytes = 10u << 20, .limit_name = "l", .directory = directory.path()});
  ASSERT_TRUE(spool.Append(Pattern(600'000, 0)));
  ASSERT_TRUE(spool.Append("tail"));
  ASSERT_TRUE(spool.Truncate(300'000));
  ASSERT_TRUE(spool.Append("end"));
  std::string read;
  ASSERT_TRUE(spool.Read(0, spool.size(), &read));
  EXPECT_EQ(read, Pattern(300'000, 0) + "end");
}

TEST(Spool, NamesTheLimit) {
  TempDirectory directory;
  Spool spool({.memory_bytes = 10, .limit_bytes = 20, .limit_name = "limits.x", .directory = directory.path()});
  ASSERT_TRUE(spool.Append(Pattern(20, 0)));
  Status status = spool.Append("a");
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kTooLarge);
  EXPECT_NE(status.error().message.find("limits.x"), std::string::npos);
  EXPECT_EQ(spool.size(), 20u);
}

}  // namespace
}  // namespace kalamdb
