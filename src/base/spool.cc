// The spool's memory and its file.
#include "base/spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/files.h"

namespace kalamdb {
namespace {

constexpr size_t kWriteBytes = 256u << 10;  // what is gathered before a write, once there is a file

Error SpoolError(const char* what) {
  return Error{.code = ErrorCode::kStorageUnavailable,
               .message = std::string("the spool file cannot be ") + what + ": " + std::strerror(errno)};
}

}  // namespace

Spool::~Spool() {
  if (fd_ >= 0) ::close(fd_);
}

Status Spool::Append(std::string_view bytes) {
  if (bytes.size() > options_.limit_bytes || size() > options_.limit_bytes - bytes.size()) {
    return Error{.code = ErrorCode::kTooLarge,
                 .message = "the result is larger than " + options_.limit_name + " (" +
                            std::to_string(options_.limit_bytes) + " bytes)"};
  }
  memory_.append(bytes);
  if (fd_ < 0) {
    if (memory_.size() <= options_.memory_bytes) return {};
    RETURN_IF_ERROR(OpenFile());
  }
  return memory_.size() < kWriteBytes ? Status() : WriteOut();
}

Status Spool::Truncate(uint64_t size) {
  KALAM_CHECK(size <= this->size());
  if (size >= file_bytes_) {
    memory_.resize(size - file_bytes_);
    return {};
  }
  memory_.clear();
  file_bytes_ = size;
  if (::ftruncate(fd_, static_cast<off_t>(size)) != 0) return SpoolError("truncated");
  return {};
}

Status Spool::Read(uint64_t offset, uint64_t length, std::string* out) {
  KALAM_CHECK(offset + length <= size());
  if (offset < file_bytes_) {
    const uint64_t from_file = std::min(length, file_bytes_ - offset);
    const size_t start = out->size();
    out->resize(start + from_file);
    uint64_t done = 0;
    while (done < from_file) {
      const ssize_t n = ::pread(fd_, out->data() + start + done, from_file - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return SpoolError("read");
      done += static_cast<uint64_t>(n);
    }
    offset += from_file;
    length -= from_file;
  }
  if (length > 0) out->append(memory_, offset - file_bytes_, length);
  return {};
}

std::string Spool::TakeMemory() {
  KALAM_CHECK(in_memory());
  return std::exchange(memory_, std::string());
}

Status Spool::OpenFile() {
  RETURN_IF_ERROR(CreateDirectories(options_.directory));
  fd_ = ::open(options_.directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd_ >= 0) return {};
  std::string path = JoinPath(options_.directory, "spool.XXXXXX");  // a file system without unnamed files
  fd_ = ::mkostemp(path.data(), O_CLOEXEC);
  if (fd_ < 0) return SpoolError("made");
  ::unlink(path.c_str());
  return {};
}

Status Spool::WriteOut() {
  size_t done = 0;
  while (done < memory_.size()) {
    const ssize_t n =
        ::pwrite(fd_, memory_.data() + done, memory_.size() - done, static_cast<off_t>(file_bytes_ + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return SpoolError("written");
    done += static_cast<size_t>(n);
  }
  file_bytes_ += memory_.size();
  memory_.clear();
  return {};
}

}  // namespace kalamdb
