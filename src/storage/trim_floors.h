// What compaction may drop: hot rows at or below the floors of the oldest live view, changes at or below the log's
// floor, index entries of segments that never came to be.
#pragma once

#include <atomic>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

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

  // Segments of earlier runs that records name, ascending; others of them (ids below `first_id`) never came to be, or
  // are gone: no view of this run names them.
  void SetSegmentsAtStart(std::vector<SegmentId> segments, SegmentId first_id) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    at_start_ = std::move(segments);
    first_id_ = first_id;
  }
  // A segment of this run that was given up before any view named it: a refused load, a failed flush.
  void Abandon(SegmentId segment) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    abandoned_.insert(segment);
  }

  bool MayDrop(kv::Family family, std::string_view key, std::string_view value) const;

 private:
  bool IsLeftOver(std::string_view index_value) const EXCLUDES(mutex_);

  mutable Mutex mutex_;
  PersistentMap<uint32_t, TableColdPtr> oldest_ GUARDED_BY(mutex_);
  std::vector<SegmentId> at_start_ GUARDED_BY(mutex_);
  SegmentId first_id_ GUARDED_BY(mutex_);
  std::set<SegmentId> abandoned_ GUARDED_BY(mutex_);
  std::atomic<uint64_t> log_floor_{0};
};

}  // namespace kalamdb::storage
