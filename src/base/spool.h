// A growing run of bytes that stays in memory while it is small and moves to an unlinked temporary file when it is not.
//
// For replies and snapshots whose size nobody knows before they are whole. The file has no name, so a crash leaves
// nothing behind. One thread at a time. Appending and reading may block on the disk once in_memory() is false.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace kalamdb {

struct SpoolOptions {
  uint64_t memory_bytes = 8u << 20;   // beyond it bytes go to the file
  uint64_t limit_bytes = 1ull << 30;  // beyond it Append fails
  std::string limit_name;             // of that limit, for the message
  std::string directory;              // of the file; made if absent
};

class Spool {
 public:
  explicit Spool(SpoolOptions options) : options_(std::move(options)) {}
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // Errors: TOO_LARGE naming the limit (nothing was appended), STORAGE_UNAVAILABLE.
  Status Append(std::string_view bytes);

  // Forgets what lies behind the first `size` bytes. REQUIRES: size <= this->size().
  Status Truncate(uint64_t size);

  // Appends bytes [offset, offset + length) to *out. REQUIRES: they are there.
  Status Read(uint64_t offset, uint64_t length, std::string* out);

  // The bytes, without a copy; the spool is empty afterwards. REQUIRES: in_memory().
  std::string TakeMemory();

  uint64_t size() const { return file_bytes_ + memory_.size(); }
  bool in_memory() const { return fd_ < 0; }

 private:
  Status OpenFile();
  Status WriteOut();

  const SpoolOptions options_;
  int fd_ = -1;
  uint64_t file_bytes_ = 0;  // written to the file; memory_ holds what follows
  std::string memory_;
};

}  // namespace kalamdb
