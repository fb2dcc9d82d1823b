// The commit pipeline: one order for all changes of rows, catalog, segments and system records.
//
// A writer reads what it changes from a view, encodes the new rows, attaches old images and what it observed, and
// submits. The committer, per group: compares → numbers → one atomic batch → write (fsync if a member asked) → view
// swapped → change sink → callbacks. It compares with RocksDB and memory only: it never reads a file and never
// evaluates anything. Submit is thread-safe. Callbacks run on the thread that committed and must be short; they may not
// submit and wait.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "catalog/snapshot.h"
#include "storage/read_view.h"
#include "storage/rows.h"

namespace kalamdb::storage {

inline constexpr size_t kMaxGroupBytes = 4u << 20;  // a group of several statements closes here,
inline constexpr size_t kMaxGroupRows = 200;        // or here,
inline constexpr int64_t kMaxGroupMicros = 1'000;   // or after this much work, whichever is first
inline constexpr size_t kMaxQueueBytes = 8u << 20;  // commit queue: above it new work waits, then kRateLimited/503
inline constexpr size_t kMaxQueueRequests = 4'096;
inline constexpr size_t kBulkRows = 10'000;  // above either a statement goes by segments (bulk.h)
inline constexpr size_t kBulkBytes = 8u << 20;

enum class ChangeKind : uint8_t { kInsert = 1, kUpdate = 2, kDelete = 3 };  // in the change log: never renumber
enum class Durability : uint8_t { kSync, kWal };

struct RowChange {
  ChangeKind kind = ChangeKind::kInsert;
  std::string key;  // row key
  std::string row;  // the new row, encoded with _seq = _updated = 0; kDelete: the last values with the deleted flag set
  std::string old_row;  // the row before, whole; empty for an insert (also where it replaces a soft-deleted row)
  Place observed;       // where the key's row was, soft-deleted ones too; kNone = nowhere
};

// The changes of one statement to one table. Each key at most once.
struct WriteSet {
  catalog::TablePtr table;       // as planned on; compared by write_version
  uint64_t cold_generation = 0;  // of the table in the view the observations come from
  std::vector<RowChange> changes;
  bool keep_deleted = true;  // DELETED_RETENTION is not `off`: a deleted key keeps its row
};

class Watch;        // watch.h
struct BulkCommit;  // bulk.h: segments written beforehand and their watch

// All of it commits or nothing does.
struct CommitRequest {
  std::vector<WriteSet> writes;
  std::vector<catalog::Change> catalog_changes;
  std::vector<std::pair<std::string, std::optional<std::string>>> system_records;  // family `system`
  std::shared_ptr<BulkCommit> bulk;
  // Of Database::WatchNulls: a NULL that came into one of the columns meanwhile fails the commit (kNotNullViolation).
  std::vector<std::shared_ptr<Watch>> not_null;
  Durability durability = Durability::kSync;
  size_t ByteSize() const;
};

struct CommitOutcome {
  enum class Kind : uint8_t {
    kCommitted,
    kMoved,   // a row or cold state has moved since the observation: observe again and submit again
    kSchema,  // the table is not the one planned on: plan again once, then kSchemaChanged
    kFailed,  // error: nothing changed, unless error.outcome_unknown
  };
  Kind kind = Kind::kFailed;
  Seq seq;
  Micros updated = 0;  // commit time; grows with seq, never goes back
  Error error;
};
using CommitCallback = std::function<void(CommitOutcome)>;

// One commit as the change sink sees it.
struct Commit {
  Seq seq;
  Micros updated = 0;
  std::vector<WriteSet> writes;  // rows are stamped
  std::vector<catalog::Change> catalog_changes;
  std::vector<catalog::TablePtr>
      tables_before;  // for kPutTable / kDropTable changes: the table before (nullptr = created)
  std::shared_ptr<const BulkCommit> bulk;
};
struct CommitGroup {
  std::vector<std::shared_ptr<const Commit>> commits;  // by seq
  ReadViewPtr view;                                    // after the last of them
};

// Implemented by live. Called in commit order, after the view is swapped and before replies, on the committing thread.
// Must not block.
class ChangeSink {
 public:
  virtual ~ChangeSink() = default;
  virtual void OnCommit(std::shared_ptr<const CommitGroup> group) = 0;
};

class CommitPipeline {
 public:
  virtual ~CommitPipeline() = default;
  // `callback` is called exactly once. A `wal` request on an empty queue may be committed on the calling thread (no
  // hop); a `sync` one goes to the commit thread. A full queue: waits up to 1 s if may_block, else and then fails with
  // kRateLimited.
  virtual void Submit(CommitRequest request, bool may_block, CommitCallback callback) = 0;
  // Submits and waits. For workers, never for network threads.
  CommitOutcome Run(CommitRequest request);
};

}  // namespace kalamdb::storage
