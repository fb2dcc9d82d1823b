// Compaction: small, deleted-heavy and old-schema segments of a table become few whole ones of the newest schema.
//
// The same protocol as a flush: a view and a watch, new files and index entries, one small batch that swaps the
// segments and marks what changed meanwhile. No answer changes by it.
#pragma once

#include <set>
#include <vector>

#include "storage/flush.h"
#include "storage/storage_context.h"

namespace kalamdb::storage {

inline constexpr size_t kMaxCompactedSegments = 64;  // in one run: each is read by a thread of its own

// Segments worth compacting now, by id. Empty: nothing to do.
std::vector<ColdSegment> SegmentsToCompact(const TableCold& cold, const catalog::Table& table,
                                           uint64_t segment_target_bytes);
// True where compaction starts by itself. `kept_old`: a run left these in an old version, another would too.
bool NeedsCompaction(const TableCold& cold, const catalog::Table& table, uint64_t segment_target_bytes,
                     const std::set<SegmentId>& kept_old);

Result<JobOutput> CompactSegments(const StorageContext& context, TableId table, const std::function<bool()>& cancelled);

// Compacts segments that have rows of the user, all of which are dead by now: what is written has none.
Result<JobOutput> RewriteWithout(const StorageContext& context, TableId table, UserId user,
                                 const std::function<bool()>& cancelled);

}  // namespace kalamdb::storage
