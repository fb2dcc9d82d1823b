// Reading rows of a table from a view: by key, and in key order, over hot and cold as one set.
//
// A row comes as its encoded bytes under the schema version it was written with (row/row_codec.h); the caller projects
// it. Cold rows come back in the same bytes (ColdFileFormat encodes them). Functions are thread-safe; a cursor is one
// thread's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/ids.h"
#include "kv/store.h"
#include "storage/read_view.h"

namespace kalamdb::storage {

class ColdFileFormat;

// Where a key's row was in a view: what a writer observed, and the committer compares.
struct Place {
  enum class Kind : uint8_t { kNone, kHot, kCold };
  Kind kind = Kind::kNone;
  Seq hot_seq;        // kHot: the row's _seq
  SegmentId segment;  // kCold
  uint32_t row = 0;   // kCold: its number in the file
  bool operator==(const Place&) const = default;
};

struct FoundRow {
  Place place;           // also of a soft-deleted row (an INSERT replaces it)
  bool deleted = false;  // soft-deleted: readers skip it
  std::string_view row;  // encoded bytes; empty where place is kNone. Lives as long as this object stays as it is
  kv::Pinned pinned;     // owns `row` (hot)
  std::string owned;     // owns `row` (cold)
};

enum class ReadOutcome : uint8_t { kDone, kNotCached };  // kNotCached: only with kCacheOnly; ask again on a worker

// The row of one key (row key with table and user). `out` says kNone where there is none. Cold rows need a file
// unless they were read lately: kNotCached under kCacheOnly. Errors: kStorageUnavailable naming the segment.
Result<ReadOutcome> FindRow(const ReadView& view, const kv::Store& store, ColdFileFormat* format,
                            std::string_view row_key, kv::ReadTier tier, FoundRow* out);

// The hot row only, for callers who know that there is no cold one.
Status FindHotRow(const ReadView& view, const kv::Store& store, std::string_view row_key, FoundRow* out);

struct RangeOptions {
  TableId table;
  UserId user;               // kSharedUser for shared tables
  std::string lower, upper;  // row keys [lower, upper); both within the partition; empty = the partition's own bounds
  bool reverse = false;
  bool include_deleted = false;  // also soft-deleted rows (queries that name _deleted)
  Micros expire_before = 0;      // rows with _updated below it are invisible (STREAM TTL); 0 = none
  kv::ReadTier tier = kv::ReadTier::kAll;
};

inline constexpr Micros kMaxScanMicros =
    600LL * 1'000'000;  // a cursor holds its view, and so dead rows and files, no longer

// Live rows of a key range in key order, hot and cold merged through the key index. Errors of Next():
// kStorageUnavailable, and kSnapshotTooOld once the scan has taken kMaxScanMicros.
class RangeCursor {
 public:
  virtual ~RangeCursor() = default;
  // Moves to the next row; false at the end. With kCacheOnly the end may be not_cached(): ask again on a worker.
  virtual Result<bool> Next() = 0;
  virtual std::string_view key() const = 0;  // row key; REQUIRES: the last Next() was true
  virtual const Place& place() const = 0;
  virtual std::string_view row() const = 0;  // encoded; valid until the next Next()
  virtual bool deleted() const = 0;
  virtual bool not_cached() const = 0;
};
std::unique_ptr<RangeCursor> NewRangeCursor(ReadViewPtr view, kv::Store* store, ColdFileFormat* format,
                                            RangeOptions options);

// Hot rows only (those above the floor), for scans whose cold side is read by the engine itself. `user` unset in
// options with all_users: the whole table (flush, checks). Same contract as RangeCursor.
std::unique_ptr<RangeCursor> NewHotCursor(ReadViewPtr view, kv::Store* store, RangeOptions options, bool all_users);

}  // namespace kalamdb::storage
