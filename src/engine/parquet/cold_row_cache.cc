// The parts of the cache of cold rows.
#include "engine/parquet/cold_row_cache.h"

namespace kalamdb::engine {

bool ColdRowCache::Find(SegmentId segment, uint32_t number, std::string* row) {
  const Key key{segment.value, number};
  Part& part = PartOf(key);
  MutexLock lock(part.mutex);
  const auto found = part.by_key.find(key);
  if (found == part.by_key.end()) {
    misses_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  hits_.fetch_add(1, std::memory_order_relaxed);
  part.entries.splice(part.entries.begin(), part.entries, found->second);
  row->assign(found->second->row);
  return true;
}

void ColdRowCache::Add(SegmentId segment, uint32_t number, std::string_view row) {
  if (row.size() > kMaxRowBytes) return;
  const Key key{segment.value, number};
  Part& part = PartOf(key);
  MutexLock lock(part.mutex);
  if (part.by_key.contains(key)) return;
  part.entries.push_front({key, std::string(row)});
  part.by_key.emplace(key, part.entries.begin());
  part.bytes += BytesOf(part.entries.front());
  bytes_.fetch_add(BytesOf(part.entries.front()), std::memory_order_relaxed);
  entries_.fetch_add(1, std::memory_order_relaxed);
  while (part.bytes > kMaxBytes / kParts) {
    const Entry& oldest = part.entries.back();
    part.bytes -= BytesOf(oldest);
    bytes_.fetch_sub(BytesOf(oldest), std::memory_order_relaxed);
    part.by_key.erase(oldest.key);
    part.entries.pop_back();
    entries_.fetch_sub(1, std::memory_order_relaxed);
    evictions_.fetch_add(1, std::memory_order_relaxed);
  }
}

CacheRow ColdRowCache::stats() const {
  return {.cache = "cold_row",
          .entries = entries_.load(),
          .bytes = bytes_.load(),
          .max_bytes = kMaxBytes,
          .hits = hits_.load(),
          .misses = misses_.load(),
          .evictions = evictions_.load()};
}

}  // namespace kalamdb::engine
