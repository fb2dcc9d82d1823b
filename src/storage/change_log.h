// The change log: every committed change with old and new row, by partition and sequence. Live catch-up and resume read
// it.
//
//   family `changes`, key: table id (4) | user id (8) | seq (8) | ordinal (4), all big-endian
//   value: format 0x01 (1) | kind (1) | reserved 0 (2) | key length (4) | row length (4) | old row length (4),
//   little-endian,
//          then primary key, row, old row (encoded as in row_codec.h, stamped)
// Schema changes (old and new version; the making of a table among them) and bulk commits (segment ids) stand in the
// table's reserved partition, user id 2^64 - 1, and are merged by sequence while reading. Frozen by golden bytes;
// docs/formats/change-log.md.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "base/error.h"
#include "base/ids.h"
#include "storage/commit.h"
#include "storage/read_view.h"

namespace kalamdb::storage {

inline constexpr UserId kTablePartition{~0ull};

struct LoggedChange {
  enum class Kind : uint8_t { kInsert = 1, kUpdate = 2, kDelete = 3, kSchema = 4 };
  Seq seq;
  Kind kind = Kind::kInsert;
  std::string_view primary_key, row, old_row;  // valid during the visit
  SchemaVersion old_version, new_version;      // kSchema; unset: the table was made, or dropped
};

class ChangeLog {
 public:
  virtual ~ChangeLog() = default;
  // Changes of one partition with from < seq <= to (to <= view.seq), in commit order, bulk commits expanded to their
  // rows. Stops early when visit returns false. Errors: kSnapshotTooOld where the log does not reach back to `from`.
  virtual Status Read(const ReadViewPtr& view, const catalog::Table& table, UserId user, Seq from, Seq to,
                      const std::function<bool(const LoggedChange&)>& visit) = 0;
  // Changes with seq <= this are gone (for this table).
  virtual Seq FloorOf(TableId table) const = 0;
  // False for a point of a future that was lost (power loss under `wal`, a restore) or never was: between the last
  // sequence of an ended epoch and the first of the next, or above the present.
  virtual bool KnowsSequence(Seq seq) const = 0;
};

}  // namespace kalamdb::storage
