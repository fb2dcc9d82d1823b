// A cold file that stays on disk while a view names it.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace kalamdb::storage {

// Paths of files that nothing names any more. Thread-safe. Removing a file may block, and the last view may be released
// on any thread, so the jobs' thread removes what is gathered here.
class FileGarbage {
 public:
  void Add(std::string path) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    paths_.push_back(std::move(path));
  }
  std::vector<std::string> Take() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return std::exchange(paths_, {});
  }

 private:
  Mutex mutex_;
  std::vector<std::string> paths_ GUARDED_BY(mutex_);
};

// Shared by the views that name the file. Thread-safe.
class SegmentFile {
 public:
  SegmentFile(std::string path, std::shared_ptr<FileGarbage> garbage)
      : path_(std::move(path)), garbage_(std::move(garbage)) {}
  ~SegmentFile() {
    if (dropped_) garbage_->Add(path_);
  }
  SegmentFile(const SegmentFile&) = delete;
  SegmentFile& operator=(const SegmentFile&) = delete;

  // No record names the file any more: it goes when the last view does.
  void Drop() { dropped_ = true; }
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
  const std::shared_ptr<FileGarbage> garbage_;
  std::atomic<bool> dropped_{false};
};

}  // namespace kalamdb::storage
