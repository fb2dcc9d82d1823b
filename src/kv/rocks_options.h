// How RocksDB is set up: memory bounds, filters, compaction and what is counted. Seen by kv's sources only.
#pragma once

#include <rocksdb/cache.h>
#include <rocksdb/db.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "kv/store.h"

namespace kalamdb::kv {

// What the listener counts; shared with RocksDB's background threads.
struct StoreCounters {
  std::atomic<uint64_t> stalls{0};
  std::atomic<uint64_t> compactions{0};
};

struct RocksSetup {
  rocksdb::DBOptions db;
  std::vector<rocksdb::ColumnFamilyDescriptor> families;  // RocksDB's own `default` (unused) first, then by Family
  std::shared_ptr<rocksdb::Cache> block_cache;
};

RocksSetup MakeRocksSetup(const StoreOptions& options, std::shared_ptr<StoreCounters> counters);

}  // namespace kalamdb::kv
