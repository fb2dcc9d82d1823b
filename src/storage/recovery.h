// What a data directory holds at start: the view to begin with, epochs, ids, and what is left to clean up.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "kv/store.h"
#include "storage/read_view.h"
#include "storage/segment_file.h"

namespace kalamdb::storage {

// Sequences of one run of life without an unclean stop: those in [first, last] were given, what lies between two epochs
// never was (or was lost with the power under `wal`).
struct Epoch {
  Seq first, last;  // last unset: it goes on
};

// A segment that only the change log still names.
struct LogSegment {
  TableId table;
  Seq seq;             // of the bulk commit
  uint64_t bytes = 0;  // of the file
  std::shared_ptr<SegmentFile> file;
};

struct Recovered {
  std::unique_ptr<ReadView> view;  // without a snapshot
  std::vector<Epoch> epochs;       // epoch n is epochs[n - 1]
  uint32_t next_table_id = 1;
  uint64_t next_segment_id = 1;
  std::vector<SegmentId> segments;  // of the view, ascending
  Seq log_floor;
  std::map<SegmentId, LogSegment> log_segments;
  std::vector<TableId> dropped_tables;  // their rows and files still have to go
  std::vector<UserId> users_to_erase;   // dropped; their rows still have to go
  std::set<std::string> named_paths;    // relative to cold/
  bool clean = true;
};

// Reads all records, then begins the run on disk: after an unclean stop a new epoch at the next multiple of 2^32, with
// the end of the old one on record. Errors: kStorageUnavailable naming the record that is damaged.
Result<Recovered> Recover(kv::Store* store, const std::string& cold_dir, const std::shared_ptr<FileGarbage>& garbage);

// Removes files and directories under cold/ that no record names. Returns how many files went.
Result<uint64_t> SweepColdFiles(const std::string& cold_dir, const std::set<std::string>& named_paths);

// Marks a clean stop, durably.
Status WriteCleanStop(kv::Store* store, Seq last);

}  // namespace kalamdb::storage
