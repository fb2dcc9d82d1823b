// The key index: for each key with cold rows, where they lie. Family `keys`: row key → places, newest first.
//
//   value: one or more places of 12 bytes: segment id (8) | row number (4), big-endian
// A place counts only if its segment is in the view and its bit is clear there; so entries are written before their
// segment is published, without the write-ahead log, and made durable by flushing the family. A key keeps the places
// that still count beside a new one: two writers (a flush, a bulk load) may prepare segments with the same key at a
// time.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/mutex.h"
#include "kv/store.h"
#include "storage/read_view.h"

namespace kalamdb::storage {

struct ColdPlace {
  SegmentId segment;
  uint32_t row = 0;
  bool operator==(const ColdPlace&) const = default;
};

inline constexpr size_t kColdPlaceBytes = 12;
void AppendColdPlace(const ColdPlace& place, std::string* value);
ColdPlace ReadColdPlace(const char* bytes);

// The live place among those of an index value. Errors: kStorageUnavailable for a damaged value.
Result<std::optional<ColdPlace>> FindLivePlace(const TableCold& cold, std::string_view value);
// The place within one of `segments` (ids, ascending), live or not.
std::optional<ColdPlace> FindPlaceIn(const std::vector<SegmentId>& segments, std::string_view value);

// Writes index entries. Thread-safe: writers of one key take turns.
class KeyIndex {
 public:
  explicit KeyIndex(kv::Store* store) : store_(store) {}

  // A segment that is being written: its places are kept though no view names it yet.
  void AddPending(SegmentId segment) EXCLUDES(mutex_);
  void RemovePending(SegmentId segment) EXCLUDES(mutex_);

  using Entries = std::vector<std::pair<std::string, uint32_t>>;  // row key, row number
  // Adds places in `segment`. `durable` is a view whose commits are known to be on disk: only what it proves dead is
  // dropped. `newest` is asked for the view of now. keys_are_fresh: no such key was ever there, so nothing is read.
  Status Write(SegmentId segment, const Entries& entries, const ReadView& durable,
               const std::function<ReadViewPtr()>& newest, bool keys_are_fresh) EXCLUDES(mutex_);
  // Takes out places that `durable` proves dead, of keys whose rows a compaction leaves behind.
  Status Prune(const std::vector<std::string>& keys, const ReadView& durable,
               const std::function<ReadViewPtr()>& newest) EXCLUDES(mutex_);

 private:
  bool Counts(const ColdPlace& place, const TableCold& durable, const TableCold& newest) const REQUIRES(mutex_);

  kv::Store* const store_;
  Mutex mutex_;
  std::set<SegmentId> pending_ GUARDED_BY(mutex_);
};

}  // namespace kalamdb::storage
