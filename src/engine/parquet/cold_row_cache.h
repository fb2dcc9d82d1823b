// Rows of cold files that were read one by one, by segment and row number; the least recently used go first.
//
// A segment's rows never change and its id is never given twice, so nothing is ever invalidated: who asks has found the
// place of a live row in a view. Thread-safe: sixteen parts, each with its own lock, no file is read under it.
#pragma once

#include <array>
#include <atomic>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/ids.h"
#include "base/mutex.h"
#include "engine/engine.h"

namespace kalamdb::engine {

class ColdRowCache {
 public:
  static constexpr size_t kParts = 16;
  static constexpr size_t kMaxBytes = 16u << 20;     // of all parts, with what an entry costs beside its row
  static constexpr size_t kMaxRowBytes = 64u << 10;  // a longer row is not kept

  // False: not there; `row` is as it was.
  bool Find(SegmentId segment, uint32_t number, std::string* row);
  void Add(SegmentId segment, uint32_t number, std::string_view row);
  CacheRow stats() const;  // cache `cold_row`

 private:
  struct Key {
    uint64_t segment = 0;
    uint32_t number = 0;
    bool operator==(const Key&) const = default;
  };
  struct HashKey {
    size_t operator()(const Key& key) const { return (key.segment << 20 ^ key.number) * 0x9E3779B97F4A7C15ull; }
  };
  struct Entry {
    Key key;
    std::string row;
  };
  struct Part {
    Mutex mutex;
    std::list<Entry> entries GUARDED_BY(mutex);  // newest first
    std::unordered_map<Key, std::list<Entry>::iterator, HashKey> by_key GUARDED_BY(mutex);
    size_t bytes GUARDED_BY(mutex) = 0;
  };
  static size_t BytesOf(const Entry& entry) { return entry.row.size() + sizeof(Entry) + 96; }
  Part& PartOf(const Key& key) { return parts_[HashKey()(key) >> 60]; }

  std::array<Part, kParts> parts_;
  std::atomic<uint64_t> hits_{0}, misses_{0}, evictions_{0}, entries_{0}, bytes_{0};
};

}  // namespace kalamdb::engine
