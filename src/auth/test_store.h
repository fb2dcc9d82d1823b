// A user store in memory, for the tests of this module: what was written, and a way to fail.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "auth/users.h"

namespace kalamdb::auth {

// Thread-safe.
class MemoryStore final : public UserStore {
 public:
  Status Write(StoreRecords records) override {
    const std::lock_guard lock(mutex_);
    if (failing_) return Error{ErrorCode::kStorageUnavailable, "the disk is full"};
    ++writes_;
    for (auto& [key, value] : records) {
      if (value) {
        records_[key] = *std::move(value);
      } else {
        records_.erase(key);
      }
    }
    return {};
  }

  void set_failing(bool failing) {
    const std::lock_guard lock(mutex_);
    failing_ = failing;
  }
  std::map<std::string, std::string> records() const {
    const std::lock_guard lock(mutex_);
    return records_;
  }
  int writes() const {
    const std::lock_guard lock(mutex_);
    return writes_;
  }
  // What a server does at its start.
  template <typename Target>
  void LoadInto(Target* target) const {
    for (const auto& [key, value] : records()) {
      const Status loaded = target->Load(key, value);
      KALAM_CHECK(loaded.ok());
    }
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> records_;
  bool failing_ = false;
  int writes_ = 0;
};

}  // namespace kalamdb::auth
