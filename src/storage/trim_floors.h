// What compaction may drop: hot rows at or below the floors of the oldest live view, changes at or below the log's
// floor.
#pragma once

#include <atomic>
#include <string_view>
#include <utility>

#include "base/mutex.h"
#include "kv/store.h"
#include "storage/read_view.h"

namespace kalamdb::storage {

// Thread-safe: asked from RocksDB's threads for every key they rewrite.
class TrimFloors {
 public:
  // Of the oldest live view: compaction ignores snapshots, so nothing newer may be used.
  void Set(PersistentMap<uint32_t, TableColdPtr> oldest) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    std::swap(oldest_, oldest);
  }
  void SetLogFloor(Seq floor) { log_floor_ = floor.value; }

  Seq FloorOf(TableId table) const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const TableColdPtr* cold = oldest_.Find(table.value);
    return cold == nullptr ? Seq() : (*cold)->floor;
  }

  bool MayDrop(kv::Family family, std::string_view key, std::string_view value) const;

 private:
  mutable Mutex mutex_;
  PersistentMap<uint32_t, TableColdPtr> oldest_ GUARDED_BY(mutex_);
  std::atomic<uint64_t> log_floor_{0};
};

}  // namespace kalamdb::storage
