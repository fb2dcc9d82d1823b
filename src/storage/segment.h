// Cold state of a table: its segments (Parquet files), which of their rows are dead, and the flush floor.
//
// Everything here is immutable once published and shared by views; a change makes new objects that share what did not
// change (setting one deletion bit copies one chunk of 512 bytes and a path to it). Safe from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/ids.h"

namespace kalamdb::storage {

// Rows of one user within a segment: from `first_row` up to the next range's first row. Sorted by user, as the rows
// are.
struct UserRange {
  UserId user;
  uint32_t first_row = 0;
};

struct SegmentRecord {
  SegmentId id;
  TableId table;
  std::string path;  // relative to the storage's root; contains table id and segment id; never reused
  uint64_t rows = 0, bytes = 0;
  SchemaVersion schema_version;  // the columns of the file
  Seq min_seq, max_seq;
  Micros min_updated = 0, max_updated = 0;
  std::string min_key, max_key;  // row keys (with table and user)
  bool bulk = false;      // no _seq and _updated columns in the file: min_seq and min_updated are those of every row
  bool key_order = true;  // rows are in (user, key) order; else in (user) order only
  uint64_t deleted_flag_rows = 0;  // rows that are kept soft-deleted rows (their `_deleted` column is true)
  std::vector<std::pair<ColumnId, uint64_t>> null_counts;  // a column that is not listed: unknown
  uint64_t checksum = 0;  // XXH3-64 of the file's footer (last bytes from the footer's start)
  uint64_t footer_bytes = 0;
  std::vector<UserRange> users;
  Micros created_at = 0;
};
using SegmentPtr = std::shared_ptr<const SegmentRecord>;

// Bytes of a segment record (docs/formats/segment.md), versioned by their first byte; frozen by golden bytes.
std::string EncodeSegment(const SegmentRecord& segment);
Result<SegmentPtr> DecodeSegment(std::string_view bytes);

// A persistent bit set over the rows of a segment: a set bit = the row is dead.
class DeletionVector {
 public:
  static constexpr uint32_t kChunkRows = 4096;
  using Chunk = std::array<uint64_t, kChunkRows / 64>;  // 512 bytes, the unit on disk

  bool Test(uint32_t row) const;
  uint64_t count() const { return count_; }
  bool AnyIn(uint32_t first_row, uint32_t rows) const;  // false: the whole vector of rows may be used untouched
  uint64_t CountIn(uint32_t first_row, uint32_t rows) const;
  DeletionVector With(uint32_t row) const;                             // O(chunk + path)
  DeletionVector WithRows(std::span<const uint32_t> rows) const;       // each touched chunk and path is copied once
  const Chunk* chunk(uint32_t index) const;                            // nullptr = all clear
  DeletionVector WithChunk(uint32_t index, const Chunk& chunk) const;  // at load

 private:
  static constexpr uint32_t kNodeChunks = 64;
  struct Node {
    std::array<std::shared_ptr<const Chunk>, kNodeChunks> chunks;
  };
  std::vector<std::shared_ptr<const Node>> nodes_;
  uint64_t count_ = 0;
};

// Bytes of one chunk on disk (docs/formats/segment.md): the set rows one by one where they are few, else all bits.
std::string EncodeChunk(const DeletionVector::Chunk& chunk);
Result<DeletionVector::Chunk> DecodeChunk(std::string_view bytes);

// Keeps a file on disk while any view names it; unlinks it when dropped and no longer named.
class SegmentFile;

struct ColdSegment {
  SegmentPtr record;
  std::shared_ptr<const DeletionVector> deleted;
  std::shared_ptr<SegmentFile> file;
};

// Rows [first, end) of `segment` that are the user's; first == end where there are none.
std::pair<uint32_t, uint32_t> RowsOfUser(const SegmentRecord& segment, UserId user);

// The cold side of one table in one view.
struct TableCold {
  Seq floor;                // hot rows with _seq <= floor are dead: they live in segments
  uint64_t generation = 0;  // grows when segments come or go: "absent in cold" observed under g holds while it is g
  std::vector<ColdSegment> segments;  // by id
  const ColdSegment* Find(SegmentId id) const;
};
using TableColdPtr = std::shared_ptr<const TableCold>;

}  // namespace kalamdb::storage
