// Files and directories over POSIX calls: every call that can be interrupted is repeated, every failure is named.
#include "base/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/failpoint.h"

namespace kalamdb {

namespace {

namespace fs = std::filesystem;

Error Failure(const char* what, std::string_view path, int error) {
  ErrorCode code = error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kStorageUnavailable;
  std::string message = std::string("cannot ") + what + " '" + std::string(BaseName(path)) +
                        "': " + std::generic_category().message(error);
  return Error{.code = code, .message = std::move(message)};
}

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags, mode_t mode = 0) {
    do {
      fd_ = open(path.c_str(), flags | O_CLOEXEC, mode);
    } while (fd_ < 0 && errno == EINTR);
  }
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  bool ok() const { return fd_ >= 0; }
  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

Status WriteAll(int fd, std::string_view path, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return Failure("write", path, errno);
    }
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

Status WriteTemporary(const std::string& temporary, const std::string& path, std::string_view contents, mode_t mode) {
  Descriptor file(temporary, O_WRONLY | O_CREAT | O_TRUNC, mode);
  if (!file.ok()) return Failure("create", path, errno);
  // The umask may have taken bits away, and a file that a crash left behind has other ones.
  if (fchmod(file.get(), mode) != 0) return Failure("set the mode of", path, errno);
  RETURN_IF_ERROR(Failpoint("files.atomic_write"));
  RETURN_IF_ERROR(WriteAll(file.get(), path, contents));
  if (fsync(file.get()) != 0) return Failure("sync", path, errno);
  return {};
}

Status SyncPath(const std::string& path, int flags) {
  Descriptor file(path, flags);
  if (!file.ok()) return Failure("open", path, errno);
  if (fsync(file.get()) != 0) return Failure("sync", path, errno);
  return {};
}

}  // namespace

Result<std::string> ReadFile(const std::string& path, uint64_t limit_bytes) {
  Descriptor file(path, O_RDONLY);
  if (!file.ok()) return Failure("open", path, errno);
  struct stat info;
  if (fstat(file.get(), &info) != 0) return Failure("inspect", path, errno);
  if (S_ISDIR(info.st_mode)) return Failure("read", path, EISDIR);
  std::string contents;
  contents.reserve(static_cast<size_t>(std::min<uint64_t>(static_cast<uint64_t>(info.st_size), limit_bytes)));
  char buffer[64 << 10];
  for (;;) {
    ssize_t got = read(file.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failure("read", path, errno);
    if (got == 0) return contents;
    if (contents.size() + static_cast<size_t>(got) > limit_bytes) {
      return Error{.code = ErrorCode::kTooLarge,
                   .message = "file '" + std::string(BaseName(path)) + "' has more than " +
                              std::to_string(limit_bytes) + " bytes"};
    }
    contents.append(buffer, static_cast<size_t>(got));
  }
}

Status WriteFileAtomically(const std::string& path, std::string_view contents, unsigned mode) {
  std::string temporary = path + ".tmp";
  if (Status written = WriteTemporary(temporary, path, contents, static_cast<mode_t>(mode)); !written.ok()) {
    unlink(temporary.c_str());
    return written;
  }
  RETURN_IF_ERROR(RenameFile(temporary, path));
  size_t slash = path.rfind('/');
  std::string directory = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  return SyncDirectory(directory);
}

Status SyncFile(const std::string& path) { return SyncPath(path, O_RDONLY); }
Status SyncDirectory(const std::string& path) { return SyncPath(path, O_RDONLY | O_DIRECTORY); }

Status CreateDirectories(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return Failure("create directory", path, error.value());
  return {};
}

Status RenameFile(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) != 0) return Failure("rename", from, errno);
  return {};
}

Status RemoveFile(const std::string& path) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return Failure("remove", path, errno);
  return {};
}

Status RemoveTree(const std::string& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error && error.value() != ENOENT) return Failure("remove", path, error.value());
  return {};
}

bool PathExists(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0;
}

Result<uint64_t> FileSize(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return Failure("inspect", path, errno);
  return static_cast<uint64_t>(info.st_size);
}

Result<std::vector<DirectoryEntry>> ListDirectory(const std::string& path) {
  std::error_code error;
  std::vector<DirectoryEntry> entries;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    DirectoryEntry entry{.name = it->path().filename().string()};
    std::error_code gone;  // a file removed meanwhile is listed with size 0
    entry.is_directory = it->is_directory(gone);
    if (!entry.is_directory) {
      uint64_t bytes = it->file_size(gone);
      entry.bytes = gone ? 0 : bytes;
    }
    entries.push_back(std::move(entry));
  }
  if (error) return Failure("list", path, error.value());
  std::sort(entries.begin(), entries.end(),
            [](const DirectoryEntry& a, const DirectoryEntry& b) { return a.name < b.name; });
  return entries;
}

Result<uint64_t> FreeBytes(const std::string& path) {
  struct statvfs info;
  if (statvfs(path.c_str(), &info) != 0) return Failure("inspect the file system of", path, errno);
  return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
}

std::string JoinPath(std::string_view directory, std::string_view name) {
  std::string path(directory);
  if (!path.empty() && path.back() != '/') path += '/';
  return path.append(name);
}

std::string_view BaseName(std::string_view path) {
  size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

Result<DirectoryLock> DirectoryLock::Acquire(const std::string& directory) {
  std::string path = JoinPath(directory, "LOCK");
  Descriptor file(path, O_RDWR | O_CREAT, 0644);
  if (!file.ok()) return Failure("open", path, errno);
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return Failure("lock", path, errno);
    return Error{.code = ErrorCode::kAlreadyExists,
                 .message = "directory '" + std::string(BaseName(directory)) + "' is in use by another process"};
  }
  return DirectoryLock(file.Release());
}

DirectoryLock::DirectoryLock(DirectoryLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

DirectoryLock& DirectoryLock::operator=(DirectoryLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

DirectoryLock::~DirectoryLock() {
  if (fd_ >= 0) close(fd_);
}

TempDirectory::TempDirectory(std::string_view prefix) {
  const char* parent = std::getenv("TMPDIR");
  path_ = JoinPath(parent != nullptr && *parent != '\0' ? parent : "/tmp", std::string(prefix) + ".XXXXXX");
  KALAM_CHECK(mkdtemp(path_.data()) != nullptr);
}

TempDirectory::~TempDirectory() { (void)RemoveTree(path_); }

}  // namespace kalamdb
