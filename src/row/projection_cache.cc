// Finds or makes projections.
#include "row/projection_cache.h"

namespace kalamdb::row {

ProjectionPtr ProjectionCache::Get(const SchemaPtr& from, const SchemaPtr& to) {
  const Key key{from.get(), to.get()};
  MutexLock lock(mutex_);
  if (const auto at = entries_.find(key); at != entries_.end()) {
    ++stats_.hits;
    return at->second.projection;
  }
  ++stats_.misses;
  if (entries_.size() >= kMaxProjections) {
    stats_.evictions += entries_.size();
    entries_.clear();
  }
  auto projection = std::make_shared<const Projection>(from, to);
  entries_.emplace(key, Entry{from, to, projection});
  return projection;
}

ProjectionCache::Stats ProjectionCache::stats() const {
  MutexLock lock(mutex_);
  Stats stats = stats_;
  stats.entries = entries_.size();
  return stats;
}

}  // namespace kalamdb::row
