// What the jobs of storage work with: the parts of one open database, and where things lie.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "kv/store.h"
#include "storage/cold_file.h"
#include "storage/committer.h"
#include "storage/erased_users.h"
#include "storage/key_index.h"
#include "storage/log_reader.h"
#include "storage/segment_file.h"
#include "storage/trim_floors.h"

namespace kalamdb::storage {

// Gives segment ids. Each is on disk as given before it is used: an id in a stale index entry never means another file.
// Thread-safe.
class SegmentIds {
 public:
  static constexpr uint64_t kReserve = 256;  // ids reserved by one durable write

  SegmentIds(kv::Store* store, uint64_t next) : store_(store), next_(next), reserved_(next) {}
  Result<SegmentId> Take() EXCLUDES(mutex_);

 private:
  kv::Store* const store_;
  Mutex mutex_;
  uint64_t next_ GUARDED_BY(mutex_);
  uint64_t reserved_ GUARDED_BY(mutex_);
};

struct StorageContext {
  std::string cold_dir;
  uint64_t segment_target_bytes = 0;
  kv::Store* store = nullptr;
  const Clock* clock = nullptr;
  Metrics* metrics = nullptr;  // may be null
  Logger* logger = nullptr;
  std::shared_ptr<ViewRegistry> views;
  std::shared_ptr<FileGarbage> garbage;
  std::shared_ptr<TrimFloors> trim_floors;
  ErasedUsers* erased_users = nullptr;
  Committer* committer = nullptr;
  KeyIndex* key_index = nullptr;
  LogReader* log = nullptr;
  SegmentIds* segment_ids = nullptr;
  ColdFileFormat* format = nullptr;
};

}  // namespace kalamdb::storage
