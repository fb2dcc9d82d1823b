// Removing what no view can see any more: dead hot rows, expired events, dropped tables, old changes.
#pragma once

#include "storage/flush.h"
#include "storage/storage_context.h"

namespace kalamdb::storage {

// Keys that one step in the commit order removes: each costs a look-up there.
inline constexpr size_t kTrimSlice = 200;
// Above this many dead rows they are dropped by compaction: no tombstones to seek over.
inline constexpr size_t kMaxTrimmedByDeletes = 20'000;

// Removes hot rows of the table at or below the floor of the oldest live view. True if none are left that a newer view
// calls dead.
Result<bool> TrimDeadRows(const StorageContext& context, TableId table);

// Removes hot rows whose _updated lies before `cutoff` (STREAM TTL). *oldest: the least _updated that stays, or 0.
Result<uint64_t> EvictExpired(const StorageContext& context, TableId table, Micros cutoff, Micros* oldest);

// Removes rows, keys, changes, segment records and files of a table that the catalog no longer has.
Result<JobOutput> RemoveDroppedTable(const StorageContext& context, TableId table);

// Changes at or below `floor` go: on record first, then nobody reads them, then compaction drops them.
Status RaiseLogFloor(const StorageContext& context, Seq floor);

}  // namespace kalamdb::storage
