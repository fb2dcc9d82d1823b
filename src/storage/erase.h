// Erasing what a dropped user held: hot rows, cold rows, index entries, changes.
//
// Runs as a job, table after table; each step is small in the commit order and does nothing the second time, so a job
// that was cut short is simply run again. The record of the erasure (records.h) goes last.
#pragma once

#include "storage/flush.h"
#include "storage/storage_context.h"

namespace kalamdb::storage {

// Keys that one step in the commit order deletes.
inline constexpr size_t kEraseSlice = 1'000;
// Deletion bits that one step sets.
inline constexpr uint32_t kErasedBitsSlice = 20'000;

// True where the table holds something of the user, or may: what a flush of the table is about to publish counts.
Result<bool> HoldsRowsOf(const StorageContext& context, TableId table, UserId user);

// Removes it. No other job of the table may run. The output's rows are those that were hot or cold, dead ones not
// counted; its files and bytes those of the segments that were written without them.
Result<JobOutput> EraseUserFromTable(const StorageContext& context, TableId table, UserId user,
                                     const std::function<bool()>& cancelled);

// Every table is done: takes the record away.
Status FinishErasure(const StorageContext& context, UserId user);

}  // namespace kalamdb::storage
