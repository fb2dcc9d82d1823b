// Projections made once for each pair of schema versions.
//
// Thread-safe. Bounded by kMaxProjections: when full it starts again from nothing (pairs in use are few: old versions
// fade out with compaction). A scan keeps the pointer it got; a projection handed out lives as long as someone holds
// it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>

#include "base/mutex.h"
#include "row/projection.h"

namespace kalamdb::row {

class ProjectionCache {
 public:
  static constexpr size_t kMaxProjections = 4'096;

  struct Stats {
    uint64_t entries = 0, hits = 0, misses = 0, evictions = 0;
  };

  ProjectionCache() = default;
  ProjectionCache(const ProjectionCache&) = delete;
  ProjectionCache& operator=(const ProjectionCache&) = delete;

  // REQUIRES: both are versions of one table, from is not newer than to.
  ProjectionPtr Get(const SchemaPtr& from, const SchemaPtr& to);
  Stats stats() const;

 private:
  // By identity: an entry holds both schemas, so that an address in the map is never one that was used again.
  struct Key {
    const Schema* from;
    const Schema* to;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    size_t operator()(const Key& key) const {
      return std::hash<const Schema*>()(key.from) * 31 + std::hash<const Schema*>()(key.to);
    }
  };
  struct Entry {
    SchemaPtr from, to;
    ProjectionPtr projection;
  };

  mutable Mutex mutex_;
  std::unordered_map<Key, Entry, KeyHash> entries_ GUARDED_BY(mutex_);
  Stats stats_ GUARDED_BY(mutex_);
};

}  // namespace kalamdb::row
