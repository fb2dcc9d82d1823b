// The cache of parsed texts.
#include "engine/front/parse_cache.h"

namespace kalamdb::engine {

ScriptPtr ParseCache::Find(std::string_view text) {
  Part& part = PartOf(text);
  MutexLock lock(part.mutex);
  const auto found = part.by_text.find(text);
  if (found == part.by_text.end()) {
    misses_.fetch_add(1, std::memory_order_relaxed);
    return nullptr;
  }
  hits_.fetch_add(1, std::memory_order_relaxed);
  part.entries.splice(part.entries.begin(), part.entries, found->second);
  return found->second->script;
}

void ParseCache::Add(std::string_view text, ScriptPtr script) {
  if (text.size() > kMaxTextBytes) return;
  Part& part = PartOf(text);
  MutexLock lock(part.mutex);
  if (part.by_text.contains(text)) return;
  // A tree takes several times its text.
  const size_t bytes = 1024 + text.size() * 8;
  part.entries.push_front({std::string(text), std::move(script), bytes});
  part.by_text.emplace(part.entries.front().text, part.entries.begin());
  part.bytes += bytes;
  entries_.fetch_add(1, std::memory_order_relaxed);
  bytes_.fetch_add(bytes, std::memory_order_relaxed);
  while (part.bytes > max_bytes_ / kParts && part.entries.size() > 1) {
    const Entry& oldest = part.entries.back();
    part.bytes -= oldest.bytes;
    bytes_.fetch_sub(oldest.bytes, std::memory_order_relaxed);
    part.by_text.erase(oldest.text);
    part.entries.pop_back();
    entries_.fetch_sub(1, std::memory_order_relaxed);
    evictions_.fetch_add(1, std::memory_order_relaxed);
  }
}

CacheRow ParseCache::stats() const {
  return {.cache = "plan",
          .entries = entries_.load(),
          .bytes = bytes_.load(),
          .max_bytes = max_bytes_,
          .hits = hits_.load(),
          .misses = misses_.load(),
          .evictions = evictions_.load()};
}

}  // namespace kalamdb::engine
