// Files: atomic replacement also under failure, limits, the directory lock between processes.
#include "base/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/failpoint.h"

namespace kalamdb {
namespace {

TEST(Files, AFailedAtomicWriteLeavesTheOldContentsAndNothingElse) {
  TempDirectory directory;
  std::string path = directory.File("state");
  ASSERT_TRUE(WriteFileAtomically(path, "old").ok());
  {
    ScopedFailpoint full("files.atomic_write", "error");
    Status failed = WriteFileAtomically(path, "new");
    ASSERT_FALSE(failed.ok());
    EXPECT_EQ(failed.error().code, ErrorCode::kStorageUnavailable);
  }
  EXPECT_EQ(ReadFile(path).value(), "old");
  EXPECT_EQ(ListDirectory(directory.path()).value().size(), 1u);
  ASSERT_TRUE(WriteFileAtomically(path, std::string(1 << 20, 'x'), 0600).ok());
  EXPECT_EQ(ReadFile(path).value().size(), 1u << 20);
  struct stat info;
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST(Files, ErrorsNameTheFileButNotItsDirectory) {
  TempDirectory directory;
  Result<std::string> missing = ReadFile(directory.File("absent"));
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_NE(missing.error().message.find("'absent'"), std::string::npos);
  EXPECT_EQ(missing.error().message.find(directory.path()), std::string::npos);
  EXPECT_EQ(ReadFile(directory.path()).error().code, ErrorCode::kStorageUnavailable);
}

TEST(Files, ReadFileRefusesMoreThanItsLimit) {
  TempDirectory directory;
  ASSERT_TRUE(WriteFileAtomically(directory.File("f"), "12345").ok());
  EXPECT_EQ(ReadFile(directory.File("f"), 5).value(), "12345");
  EXPECT_EQ(ReadFile(directory.File("f"), 4).error().code, ErrorCode::kTooLarge);
}

TEST(Files, ListsByNameAndRemovesTrees) {
  TempDirectory directory;
  ASSERT_TRUE(CreateDirectories(directory.File("b/c/d")).ok());
  ASSERT_TRUE(CreateDirectories(directory.File("b/c/d")).ok());
  ASSERT_TRUE(WriteFileAtomically(directory.File("a"), "123").ok());
  auto entries = ListDirectory(directory.path()).value();
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].name, "a");
  EXPECT_EQ(entries[0].bytes, 3u);
  EXPECT_TRUE(entries[1].is_directory);
  ASSERT_TRUE(RemoveTree(directory.File("b")).ok());
  EXPECT_FALSE(PathExists(directory.File("b")));
  EXPECT_TRUE(RemoveTree(directory.File("b")).ok());
  EXPECT_TRUE(RemoveFile(directory.File("b")).ok());
  EXPECT_EQ(ListDirectory(directory.File("b")).error().code, ErrorCode::kNotFound);
  EXPECT_GT(FreeBytes(directory.path()).value(), 0u);
}

TEST(Files, ADirectoryIsLockedOnceAndFreedWhenItsProcessIsKilled) {
  TempDirectory directory;
  {
    auto first = DirectoryLock::Acquire(directory.path());
    ASSERT_TRUE(first.ok());
    EXPECT_EQ(DirectoryLock::Acquire(directory.path()).error().code, ErrorCode::kAlreadyExists);
    DirectoryLock moved = std::move(first).value();
    EXPECT_FALSE(DirectoryLock::Acquire(directory.path()).ok());
  }
  pid_t child = fork();
  if (child == 0) {
    bool held = DirectoryLock::Acquire(directory.path()).ok();
    _exit(held ? 7 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_TRUE(DirectoryLock::Acquire(directory.path()).ok());
}

TEST(Files, TempDirectoriesDisappear) {
  std::string path;
  {
    TempDirectory directory;
    path = directory.path();
    ASSERT_TRUE(WriteFileAtomically(directory.File("x"), "x").ok());
  }
  EXPECT_FALSE(PathExists(path));
}

}  // namespace
}  // namespace kalamdb
