// The one thing every read is made from: the state of the whole database at one commit sequence.
//
// Immutable, reference-counted, thread-safe. The committer builds one after each group and swaps it in before live
// delivery and before any reply; nothing else may be combined into a read. While a view lives, the files it names stay.
#pragma once

#include <memory>

#include "base/ids.h"
#include "base/persistent_map.h"
#include "catalog/snapshot.h"
#include "kv/store.h"
#include "storage/segment.h"

namespace kalamdb::storage {

class ReadView {
 public:
  Seq seq;
  uint64_t epoch = 0;
  Micros committed_at = 0;  // commit time of `seq`
  int64_t taken_ns = 0;     // monotonic time the view was made; for the age metric
  kv::SnapshotPtr snapshot;
  catalog::SnapshotPtr catalog;
  PersistentMap<uint32_t, TableColdPtr> cold_by_table;  // table id → cold state; absent: no segments, floor 0

  // The table's cold state; a static empty one where there is none.
  const TableCold& ColdOf(TableId table) const;
};
using ReadViewPtr = std::shared_ptr<const ReadView>;

}  // namespace kalamdb::storage
