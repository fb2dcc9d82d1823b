// Parsed texts by their text, the least recently used ones dropped above a limit in bytes.
//
// Thread-safe: sixteen parts, each with its own lock. Long texts (bulk INSERTs) are not kept.
#pragma once

#include <array>
#include <atomic>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/mutex.h"
#include "engine/engine.h"

namespace kalamdb::engine {

class ParseCache {
 public:
  static constexpr size_t kParts = 16;
  static constexpr size_t kMaxTextBytes = 64u << 10;

  explicit ParseCache(size_t max_bytes) : max_bytes_(max_bytes) {}

  ScriptPtr Find(std::string_view text);  // nullptr: not there
  void Add(std::string_view text, ScriptPtr script);
  // entries, bytes, max_bytes, evictions; of hits and misses the lookups of texts.
  CacheRow stats() const;

 private:
  struct Entry {
    std::string text;
    ScriptPtr script;
    size_t bytes = 0;
  };
  struct Part {
    Mutex mutex;
    std::list<Entry> entries GUARDED_BY(mutex);  // newest first
    std::unordered_map<std::string_view, std::list<Entry>::iterator> by_text GUARDED_BY(mutex);
    size_t bytes GUARDED_BY(mutex) = 0;
  };
  Part& PartOf(std::string_view text) { return parts_[std::hash<std::string_view>()(text) % kParts]; }

  const size_t max_bytes_;
  std::array<Part, kParts> parts_;
  std::atomic<uint64_t> hits_{0}, misses_{0}, evictions_{0}, entries_{0}, bytes_{0};
};

}  // namespace kalamdb::engine
