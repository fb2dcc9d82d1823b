// The store over RocksDB: batches, snapshots, reads and iterators, and RocksDB's errors in our words.
#include "kv/store.h"

#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/statistics.h>
#include <rocksdb/write_batch.h>

#include <array>
#include <utility>

#include "kv/rocks_options.h"

namespace kalamdb::kv {
namespace {

rocksdb::Slice ToSlice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

// RocksDB's words without the directories of this machine: "While appending to file: /data/kv/000007.log" names
// 000007.log.
std::string WithoutDirectories(const std::string& text) {
  std::string shown;
  size_t word = 0;  // where the current word begins in `shown`
  for (char c : text) {
    if (c == '/') {
      shown.resize(word);
      continue;
    }
    shown += c;
    if (c == ' ') word = shown.size();
  }
  return shown;
}

Error ToError(const rocksdb::Status& status, std::string_view doing) {
  std::string what(doing);
  if (status.IsIncomplete() || status.IsBusy() || status.IsTryAgain()) {
    return {ErrorCode::kRateLimited, what + ": the store is behind with its background work"};
  }
  if (status.subcode() == rocksdb::Status::kNoSpace) {
    return {ErrorCode::kStorageUnavailable, what + ": the disk is full",
            "free space on the disk and restart the server"};
  }
  if (status.IsCorruption()) {
    return {ErrorCode::kStorageUnavailable,
            what + ": the key-value store is damaged: " + WithoutDirectories(status.ToString()),
            "restore the data directory from a backup"};
  }
  return {ErrorCode::kStorageUnavailable, what + ": " + WithoutDirectories(status.ToString())};
}

Status ToStatus(const rocksdb::Status& status, std::string_view doing) {
  if (status.ok()) [[likely]]
    return {};
  return ToError(status, doing);
}

// The open database; snapshots share it, so that a view that outlives the store does no harm.
struct OpenDb {
  ~OpenDb() {
    for (rocksdb::ColumnFamilyHandle* handle : handles) {
      if (db != nullptr && handle != nullptr) (void)db->DestroyColumnFamilyHandle(handle);
    }
    if (db != nullptr) (void)db->Close();
  }
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;  // [0] is `default`
  rocksdb::ColumnFamilyHandle* handle(Family family) const { return handles[static_cast<size_t>(family) + 1]; }
};

}  // namespace

std::string_view FamilyName(Family family) {
  static constexpr std::array<std::string_view, kFamilyCount> kNames = {"catalog", "rows",     "changes",
                                                                        "keys",    "segments", "system"};
  return kNames[static_cast<size_t>(family)];
}

class Snapshot {
 public:
  explicit Snapshot(std::shared_ptr<OpenDb> open) : open_(std::move(open)), snapshot_(open_->db->GetSnapshot()) {}
  ~Snapshot() { open_->db->ReleaseSnapshot(snapshot_); }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;
  const rocksdb::Snapshot* get() const { return snapshot_; }

 private:
  const std::shared_ptr<OpenDb> open_;
  const rocksdb::Snapshot* const snapshot_;
};

// Mutations are addressed to handles of one database only when they are written; until then by family number.
struct Batch::Rep {
  rocksdb::WriteBatch batch;
};

namespace {

// Family i stands in the batch under the id it always has: RocksDB numbers families by order of creation, and Open
// checks that the numbers are these.
class FamilyId final : public rocksdb::ColumnFamilyHandle {
 public:
  explicit FamilyId(Family family) : name_(FamilyName(family)), id_(static_cast<uint32_t>(family) + 1) {}
  const std::string& GetName() const override { return name_; }
  uint32_t GetID() const override { return id_; }
  rocksdb::Status GetDescriptor(rocksdb::ColumnFamilyDescriptor* /*descriptor*/) override {
    return rocksdb::Status::NotSupported();
  }
  const rocksdb::Comparator* GetComparator() const override { return rocksdb::BytewiseComparator(); }

 private:
  const std::string name_;
  const uint32_t id_;
};

rocksdb::ColumnFamilyHandle* BatchHandle(Family family) {
  static std::array<FamilyId, kFamilyCount> ids = {FamilyId(Family::kCatalog),  FamilyId(Family::kRows),
                                                   FamilyId(Family::kChanges),  FamilyId(Family::kKeys),
                                                   FamilyId(Family::kSegments), FamilyId(Family::kSystem)};
  return &ids[static_cast<size_t>(family)];
}

}  // namespace

Batch::Batch() : rep_(std::make_unique<Rep>()) {}
Batch::~Batch() = default;
Batch::Batch(Batch&&) noexcept = default;
Batch& Batch::operator=(Batch&&) noexcept = default;

// The batch grows in memory; none of these can fail before the limits of the commit pipeline are far behind.
void Batch::Put(Family family, std::string_view key, std::string_view value) {
  KALAM_CHECK(rep_->batch.Put(BatchHandle(family), ToSlice(key), ToSlice(value)).ok());
}
void Batch::Delete(Family family, std::string_view key) {
  KALAM_CHECK(rep_->batch.Delete(BatchHandle(family), ToSlice(key)).ok());
}
void Batch::DeleteRange(Family family, std::string_view begin, std::string_view end) {
  KALAM_CHECK(rep_->batch.DeleteRange(BatchHandle(family), ToSlice(begin), ToSlice(end)).ok());
}
void Batch::Clear() { rep_->batch.Clear(); }
size_t Batch::ByteSize() const { return rep_->batch.GetDataSize(); }
size_t Batch::Count() const { return rep_->batch.Count(); }

struct Pinned::Rep {
  rocksdb::PinnableSlice slice;
};
Pinned::Pinned() = default;
Pinned::~Pinned() = default;
Pinned::Pinned(Pinned&&) noexcept = default;
Pinned& Pinned::operator=(Pinned&&) noexcept = default;
std::string_view Pinned::view() const { return rep_ == nullptr ? std::string_view() : ToView(rep_->slice); }
Pinned::Rep* Pinned::rep() {
  if (rep_ == nullptr) rep_ = std::make_unique<Rep>();
  return rep_.get();
}

namespace {

class RocksIterator final : public Iterator {
 public:
  RocksIterator(std::shared_ptr<OpenDb> open, Family family, IterateOptions options)
      : open_(std::move(open)), lower_(std::move(options.lower)), upper_(std::move(options.upper)) {
    rocksdb::ReadOptions read;
    if (!lower_.empty()) {
      lower_slice_ = lower_;
      read.iterate_lower_bound = &lower_slice_;
    }
    if (!upper_.empty()) {
      upper_slice_ = upper_;
      read.iterate_upper_bound = &upper_slice_;
    }
    if (options.snapshot != nullptr) read.snapshot = options.snapshot->get();
    if (options.tier == ReadTier::kCacheOnly) read.read_tier = rocksdb::kBlockCacheTier;
    read.fill_cache = options.fill_cache;
    if (!options.fill_cache) read.readahead_size = 256 << 10;
    iterator_.reset(open_->db->NewIterator(read, open_->handle(family)));
  }

  void Seek(std::string_view key) override { iterator_->Seek(ToSlice(key)); }
  void SeekForPrev(std::string_view key) override { iterator_->SeekForPrev(ToSlice(key)); }
  void SeekToFirst() override { iterator_->SeekToFirst(); }
  void SeekToLast() override { iterator_->SeekToLast(); }
  bool Valid() const override { return iterator_->Valid(); }
  void Next() override { iterator_->Next(); }
  void Prev() override { iterator_->Prev(); }
  std::string_view key() const override { return ToView(iterator_->key()); }
  std::string_view value() const override { return ToView(iterator_->value()); }
  Status status() const override {
    rocksdb::Status status = iterator_->status();
    if (status.IsIncomplete()) return {};
    return ToStatus(status, "reading the key-value store");
  }
  bool not_cached() const override { return !iterator_->Valid() && iterator_->status().IsIncomplete(); }

 private:
  const std::shared_ptr<OpenDb> open_;
  const std::string lower_, upper_;  // RocksDB keeps pointers to the slices, which point here
  rocksdb::Slice lower_slice_, upper_slice_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

class RocksStore final : public Store {
 public:
  RocksStore(std::shared_ptr<OpenDb> open, std::shared_ptr<StoreCounters> counters,
             std::shared_ptr<rocksdb::Cache> cache, std::shared_ptr<rocksdb::Statistics> statistics)
      : open_(std::move(open)),
        counters_(std::move(counters)),
        cache_(std::move(cache)),
        statistics_(std::move(statistics)) {}

  Status Write(Batch& batch, const WriteOptions& options) override {
    rocksdb::WriteOptions write;
    write.sync = options.sync;
    write.no_slowdown = options.no_slowdown;
    write.disableWAL = !options.use_wal;
    return ToStatus(open_->db->Write(write, &batch.rep()->batch), "writing");
  }

  Status SyncWal() override { return ToStatus(open_->db->SyncWAL(), "making the write-ahead log durable"); }

  Result<Lookup> Get(Family family, std::string_view key, const Snapshot* snapshot, ReadTier tier,
                     Pinned* out) const override {
    rocksdb::ReadOptions read;
    if (snapshot != nullptr) read.snapshot = snapshot->get();
    if (tier == ReadTier::kCacheOnly) read.read_tier = rocksdb::kBlockCacheTier;
    rocksdb::PinnableSlice& slice = out->rep()->slice;
    slice.Reset();
    rocksdb::Status status = open_->db->Get(read, open_->handle(family), ToSlice(key), &slice);
    if (status.ok()) return Lookup::kFound;
    if (status.IsNotFound()) return Lookup::kAbsent;
    if (status.IsIncomplete() && tier == ReadTier::kCacheOnly) return Lookup::kNotCached;
    return ToError(status, "reading the key-value store");
  }

  std::unique_ptr<Iterator> NewIterator(Family family, IterateOptions options) const override {
    return std::make_unique<RocksIterator>(open_, family, std::move(options));
  }

  SnapshotPtr TakeSnapshot() override { return std::make_shared<const Snapshot>(open_); }

  Status FlushFamily(Family family) override {
    rocksdb::FlushOptions flush;
    flush.wait = true;
    flush.allow_write_stall = true;
    return ToStatus(open_->db->Flush(flush, open_->handle(family)), "writing a memtable to its file");
  }

  Status CompactRange(Family family, std::string_view begin, std::string_view end) override {
    rocksdb::CompactRangeOptions compact;
    compact.exclusive_manual_compaction = false;
    // Also the last level: what a filter drops lies there.
    compact.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
    rocksdb::Slice first = ToSlice(begin), last = ToSlice(end);
    return ToStatus(open_->db->CompactRange(compact, open_->handle(family), begin.empty() ? nullptr : &first,
                                            end.empty() ? nullptr : &last),
                    "compacting the key-value store");
  }

  StoreStats Stats() const override {
    StoreStats stats;
    for (int i = 0; i < kFamilyCount; ++i) {
      auto family = static_cast<Family>(i);
      StoreStats::PerFamily one;
      one.name = FamilyName(family);
      (void)open_->db->GetIntProperty(open_->handle(family), rocksdb::DB::Properties::kSizeAllMemTables,
                                      &one.memtable_bytes);
      (void)open_->db->GetIntProperty(open_->handle(family), rocksdb::DB::Properties::kTotalSstFilesSize,
                                      &one.file_bytes);
      stats.families.push_back(std::move(one));
    }
    stats.block_cache_bytes = cache_->GetUsage();
    stats.block_cache_limit = cache_->GetCapacity();
    stats.block_cache_hits = statistics_->getTickerCount(rocksdb::BLOCK_CACHE_HIT);
    stats.block_cache_misses = statistics_->getTickerCount(rocksdb::BLOCK_CACHE_MISS);
    stats.stalls = counters_->stalls;
    stats.compactions = counters_->compactions;
    return stats;
  }

 private:
  const std::shared_ptr<OpenDb> open_;
  const std::shared_ptr<StoreCounters> counters_;
  const std::shared_ptr<rocksdb::Cache> cache_;
  const std::shared_ptr<rocksdb::Statistics> statistics_;
};

}  // namespace

Result<std::unique_ptr<Store>> Store::Open(const std::string& path, StoreOptions options) {
  auto counters = std::make_shared<StoreCounters>();
  RocksSetup setup = MakeRocksSetup(options, counters);
  auto open = std::make_shared<OpenDb>();
  rocksdb::DB* db = nullptr;
  rocksdb::Status status = rocksdb::DB::Open(setup.db, path, setup.families, &open->handles, &db);
  if (!status.ok()) return ToError(status, "opening the key-value store");
  open->db.reset(db);
  for (int i = 0; i < kFamilyCount; ++i) {
    if (open->handle(static_cast<Family>(i))->GetID() != static_cast<uint32_t>(i) + 1) {
      return Error{ErrorCode::kStorageUnavailable,
                   "opening the key-value store: its column families are not in the order this "
                   "server makes them"};
    }
  }
  return std::unique_ptr<Store>(
      std::make_unique<RocksStore>(std::move(open), std::move(counters), setup.block_cache, setup.db.statistics));
}

}  // namespace kalamdb::kv
