// Flush: hot rows of one table become segments, and the floor rises to the sequence of the view they were read at.
//
//   view F and a watch → rows of F in (user, key) order into segments and index entries → one small batch in the commit
//   order: segment records, floor := F, deletion bits of rows that changed since F. Readers see it before or after,
//   never in between.
#pragma once

#include "storage/storage_context.h"

namespace kalamdb::storage {

// A change of the table that a job has to catch up with in the publish itself: the last of them, so that the order is
// not held.
inline constexpr size_t kMaxCaughtUpInCommit = 500;

struct JobOutput {
  uint64_t rows = 0, files = 0, bytes = 0;
  std::vector<SegmentId> kept_old{};  // segments of rows that the newest schema cannot hold
};

// `cancelled` is asked between rows. Errors: kCancelled, kStorageUnavailable (rows stay hot).
Result<JobOutput> FlushHotRows(const StorageContext& context, TableId table, const std::function<bool()>& cancelled);

// Row numbers of `segments` whose keys are among `keys`: they are dead. By segment.
using DeadRows = std::map<SegmentId, std::vector<uint32_t>>;
Status FindDeadRows(const kv::Store& store, const std::vector<SegmentId>& segments,
                    const std::vector<std::string>& keys, DeadRows* dead);
// Catches up with the watch until little is left for the publish.
Status CatchUp(const kv::Store& store, Watch& watch, const std::vector<SegmentId>& segments, DeadRows* dead);

// Puts the segments with their dead rows into the round.
void RegisterSegments(Round& round, TableId table, const std::vector<SegmentRecord>& segments,
                      const std::vector<std::shared_ptr<SegmentFile>>& files, const DeadRows& dead);

}  // namespace kalamdb::storage
