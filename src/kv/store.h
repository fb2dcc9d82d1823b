// Ordered bytes on disk: column families, atomic batches, snapshots, iterators. The only door to RocksDB.
//
// Store, Snapshot: thread-safe. Batch, Iterator: one thread at a time. Views of bytes (std::string_view) handed out
// live as long as the Pinned or Iterator they come from does not move. Errors of all calls: kStorageUnavailable unless
// said otherwise.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace kalamdb::kv {

// A few families for all tables: 10,000 tables cost nothing. The names are on disk: catalog, rows, changes, keys,
// segments, system.
enum class Family : uint8_t { kCatalog, kRows, kChanges, kKeys, kSegments, kSystem };
inline constexpr int kFamilyCount = 6;
std::string_view FamilyName(Family family);

// Mutations applied together or not at all.
class Batch {
 public:
  Batch();
  ~Batch();
  Batch(Batch&&) noexcept;
  Batch& operator=(Batch&&) noexcept;

  void Put(Family family, std::string_view key, std::string_view value);
  void Delete(Family family, std::string_view key);
  void DeleteRange(Family family, std::string_view begin, std::string_view end);  // [begin, end)
  void Clear();
  size_t ByteSize() const;
  size_t Count() const;

  struct Rep;
  Rep* rep() const { return rep_.get(); }

 private:
  std::unique_ptr<Rep> rep_;
};

class Snapshot;  // a point in time; released when the last reference goes
using SnapshotPtr = std::shared_ptr<const Snapshot>;

// A value that stays where it is (block cache or memtable copy) while this lives. Must not outlive the Store.
class Pinned {
 public:
  Pinned();
  ~Pinned();
  Pinned(Pinned&&) noexcept;
  Pinned& operator=(Pinned&&) noexcept;
  std::string_view view() const;
  struct Rep;
  Rep* rep();

 private:
  std::unique_ptr<Rep> rep_;
};

enum class ReadTier : uint8_t {
  kAll,        // may read files
  kCacheOnly,  // memtables and block cache only: for threads that must not block
};
enum class Lookup : uint8_t { kFound, kAbsent, kNotCached };  // kNotCached: only with kCacheOnly; ask again on a worker

// Keys in order within [lower, upper); upper empty = no bound. Starts unpositioned.
class Iterator {
 public:
  virtual ~Iterator() = default;
  virtual void Seek(std::string_view key) = 0;         // first key >= key
  virtual void SeekForPrev(std::string_view key) = 0;  // last key <= key
  virtual void SeekToFirst() = 0;
  virtual void SeekToLast() = 0;
  virtual bool Valid() const = 0;  // false at the end, on an error, or (kCacheOnly) where the next block is not cached
  virtual void Next() = 0;         // REQUIRES: Valid()
  virtual void Prev() = 0;
  virtual std::string_view key() const = 0;
  virtual std::string_view value() const = 0;
  virtual Status status() const = 0;    // an I/O error, if that is why it is not Valid()
  virtual bool not_cached() const = 0;  // kCacheOnly stopped it
};

struct IterateOptions {
  std::string lower;                   // inclusive; empty = start
  std::string upper;                   // exclusive; empty = end
  const Snapshot* snapshot = nullptr;  // nullptr = now; REQUIRES: outlives the iterator
  ReadTier tier = ReadTier::kAll;
  bool fill_cache = true;  // false for scans that would push out everything
};

struct StoreOptions {
  uint64_t block_cache_bytes = 64ull << 20;
  uint64_t memtable_bytes = 32ull << 20;  // all memtables together (one write-buffer manager)
  uint64_t wal_bytes = 32ull << 20;       // recovery is bounded by this
  bool create_if_missing = true;
  // Called from compaction for keys of `changes`, `rows` and `keys`: true = drop. Must be thread-safe and fast. May be
  // null.
  std::function<bool(Family, std::string_view key, std::string_view value)> drop_in_compaction;
};

struct WriteOptions {
  bool sync = false;         // fdatasync before the call returns
  bool no_slowdown = false;  // fail with kRateLimited instead of waiting for a stall
  bool use_wal = true;       // false: durable only after FlushFamily
};

struct StoreStats {
  struct PerFamily {
    std::string name;
    uint64_t memtable_bytes = 0;
    uint64_t file_bytes = 0;
  };
  std::vector<PerFamily> families;
  uint64_t block_cache_bytes = 0, block_cache_limit = 0, block_cache_hits = 0, block_cache_misses = 0;
  uint64_t stalls = 0, compactions = 0;
};

class Store {
 public:
  // Opens or makes the store in `path` (a directory of its own). Errors name what is wrong and what to do.
  static Result<std::unique_ptr<Store>> Open(const std::string& path, StoreOptions options);
  virtual ~Store() = default;

  virtual Status Write(Batch& batch, const WriteOptions& options) = 0;
  virtual Status SyncWal() = 0;  // everything written before is durable after
  virtual Result<Lookup> Get(Family family, std::string_view key, const Snapshot* snapshot, ReadTier tier,
                             Pinned* out) const = 0;
  virtual std::unique_ptr<Iterator> NewIterator(Family family, IterateOptions options) const = 0;
  virtual SnapshotPtr TakeSnapshot() = 0;         // ~0.07 µs
  virtual Status FlushFamily(Family family) = 0;  // memtable to file, waits
  virtual Status CompactRange(Family family, std::string_view begin, std::string_view end) = 0;
  virtual StoreStats Stats() const = 0;
};

}  // namespace kalamdb::kv
