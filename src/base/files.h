// Files and directories: whole-file reads and writes that survive a crash, directory syncs, listings, the directory
// lock.
//
// Errors are NOT_FOUND when the file is not there and STORAGE_UNAVAILABLE for everything else (full disk, permissions,
// damaged device). Messages name the file without its directories, so they may be shown to a client.
// All functions block; none may run on an I/O thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace kalamdb {

// The whole file. TOO_LARGE above limit_bytes.
Result<std::string> ReadFile(const std::string& path, uint64_t limit_bytes = 64 << 20);

// Readers see the old contents or the new, also after a crash: temporary file beside it, fsync, rename, fsync
// directory.
Status WriteFileAtomically(const std::string& path, std::string_view contents, unsigned mode = 0644);

// fsync of a file or of a directory (which makes its renames and removals durable).
Status SyncFile(const std::string& path);
Status SyncDirectory(const std::string& path);

// Also its parents. Succeeds if it is there.
Status CreateDirectories(const std::string& path);
// Replaces what is at `to`. Not durable before SyncDirectory.
Status RenameFile(const std::string& from, const std::string& to);
// Succeeds if it is not there.
Status RemoveFile(const std::string& path);
// A directory with everything in it. Succeeds if it is not there.
Status RemoveTree(const std::string& path);

bool PathExists(const std::string& path);
Result<uint64_t> FileSize(const std::string& path);

struct DirectoryEntry {
  std::string name;
  bool is_directory = false;
  uint64_t bytes = 0;  // 0 for directories
};
// Sorted by name; without "." and "..".
Result<std::vector<DirectoryEntry>> ListDirectory(const std::string& path);

// What an unprivileged process may still write to the file system of `path`.
Result<uint64_t> FreeBytes(const std::string& path);

// "a" + "b" -> "a/b".
std::string JoinPath(std::string_view directory, std::string_view name);
// What follows the last slash.
std::string_view BaseName(std::string_view path);

// Holds a directory against other processes (flock on <directory>/LOCK) until destroyed; the kernel lets go when a
// process dies in any way. Movable; a moved-from lock holds nothing.
class DirectoryLock {
 public:
  // ALREADY_EXISTS if another process, or another lock of this one, holds it.
  static Result<DirectoryLock> Acquire(const std::string& directory);

  DirectoryLock(DirectoryLock&& other) noexcept;
  DirectoryLock& operator=(DirectoryLock&& other) noexcept;
  ~DirectoryLock();

 private:
  explicit DirectoryLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

// A fresh directory under $TMPDIR or /tmp that disappears with this object. For tests, spools and the demo.
class TempDirectory {
 public:
  // Ends the process if none can be made.
  explicit TempDirectory(std::string_view prefix = "kalamdb");
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string File(std::string_view name) const { return JoinPath(path_, name); }

 private:
  std::string path_;
};

}  // namespace kalamdb
