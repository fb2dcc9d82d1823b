// RocksDB options of the store: one memory budget for all families, bounded WAL, filters that drop what no view needs.
#include "kv/rocks_options.h"

#include <rocksdb/compaction_filter.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/statistics.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/table_properties_collectors.h>
#include <rocksdb/write_buffer_manager.h>

#include <algorithm>
#include <functional>
#include <utility>

namespace kalamdb::kv {
namespace {

// Of `rows` and `keys`, in files and in memtables.
constexpr double kBloomBitsPerKey = 10;
constexpr double kMemtableBloomShare = 0.05;

// Logs of RocksDB itself: enough to find out what happened, never more than this.
constexpr size_t kInfoLogBytes = 4u << 20;
constexpr size_t kInfoLogFiles = 2;

// A file in which a window of 4,096 keys has 2,048 deletes is compacted soon: seeks behind tombstones are slow.
constexpr size_t kDeletionWindow = 4096;
constexpr size_t kDeletionTrigger = 2048;

// Files of the change log are rewritten this often, so that what lies below the floor goes even where nothing else
// happens.
constexpr uint64_t kChangesRewriteSeconds = 12 * 3600;

using DropRule = std::function<bool(Family, std::string_view, std::string_view)>;

class DropFilter final : public rocksdb::CompactionFilter {
 public:
  DropFilter(Family family, DropRule drop) : family_(family), drop_(std::move(drop)) {}
  const char* Name() const override { return "kalamdb.drop"; }
  bool Filter(int /*level*/, const rocksdb::Slice& key, const rocksdb::Slice& value, std::string* /*new_value*/,
              bool* /*value_changed*/) const override {
    return drop_(family_, {key.data(), key.size()}, {value.data(), value.size()});
  }

 private:
  const Family family_;
  const DropRule drop_;
};

class DropFilterFactory final : public rocksdb::CompactionFilterFactory {
 public:
  DropFilterFactory(Family family, DropRule drop) : family_(family), drop_(std::move(drop)) {}
  const char* Name() const override { return "kalamdb.drop_factory"; }
  std::unique_ptr<rocksdb::CompactionFilter> CreateCompactionFilter(
      const rocksdb::CompactionFilter::Context& /*context*/) override {
    return std::make_unique<DropFilter>(family_, drop_);
  }

 private:
  const Family family_;
  const DropRule drop_;
};

class CountingListener final : public rocksdb::EventListener {
 public:
  explicit CountingListener(std::shared_ptr<StoreCounters> counters) : counters_(std::move(counters)) {}
  void OnCompactionCompleted(rocksdb::DB* /*db*/, const rocksdb::CompactionJobInfo& /*info*/) override {
    ++counters_->compactions;
  }
  void OnStallConditionsChanged(const rocksdb::WriteStallInfo& info) override {
    if (info.condition.cur != rocksdb::WriteStallCondition::kNormal) ++counters_->stalls;
  }

 private:
  const std::shared_ptr<StoreCounters> counters_;
};

rocksdb::ColumnFamilyOptions FamilyOptions(Family family, const StoreOptions& options,
                                           const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.block_size = 8 << 10;
  table.format_version = 5;
  bool point_reads = family == Family::kRows || family == Family::kKeys;
  if (point_reads) table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kBloomBitsPerKey));

  rocksdb::ColumnFamilyOptions family_options;
  family_options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  family_options.compression = rocksdb::kLZ4Compression;
  family_options.write_buffer_size = std::max<uint64_t>(options.memtable_bytes / 4, 1 << 20);
  family_options.max_write_buffer_number = 4;
  if (point_reads) {
    // Most look-ups of a writer are for keys that are not there.
    family_options.memtable_prefix_bloom_size_ratio = kMemtableBloomShare;
    family_options.memtable_whole_key_filtering = true;
  }
  family_options.target_file_size_base = 32 << 20;
  family_options.max_bytes_for_level_base = 128 << 20;
  family_options.level_compaction_dynamic_level_bytes = true;
  family_options.table_properties_collector_factories.push_back(
      rocksdb::NewCompactOnDeletionCollectorFactory(kDeletionWindow, kDeletionTrigger));
  bool droppable = family == Family::kRows || family == Family::kChanges || family == Family::kKeys;
  if (droppable && options.drop_in_compaction) {
    family_options.compaction_filter_factory = std::make_shared<DropFilterFactory>(family, options.drop_in_compaction);
  }
  if (family == Family::kChanges) family_options.periodic_compaction_seconds = kChangesRewriteSeconds;
  return family_options;
}

}  // namespace

RocksSetup MakeRocksSetup(const StoreOptions& options, std::shared_ptr<StoreCounters> counters) {
  RocksSetup setup;
  setup.block_cache = rocksdb::NewLRUCache(options.block_cache_bytes);

  rocksdb::DBOptions& db = setup.db;
  db.create_if_missing = options.create_if_missing;
  db.create_missing_column_families = true;
  db.write_buffer_manager = std::make_shared<rocksdb::WriteBufferManager>(options.memtable_bytes);
  db.max_total_wal_size = options.wal_bytes;
  db.max_background_jobs = 2;
  db.bytes_per_sync = 1 << 20;
  db.max_open_files = -1;
  db.keep_log_file_num = kInfoLogFiles;
  db.max_log_file_size = kInfoLogBytes;
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  db.avoid_unnecessary_blocking_io = true;
  db.info_log_level = rocksdb::WARN_LEVEL;
  db.statistics = rocksdb::CreateDBStatistics();
  db.statistics->set_stats_level(rocksdb::StatsLevel::kExceptHistogramOrTimers);
  db.listeners.push_back(std::make_shared<CountingListener>(std::move(counters)));

  setup.families.emplace_back(rocksdb::kDefaultColumnFamilyName, rocksdb::ColumnFamilyOptions());
  for (int i = 0; i < kFamilyCount; ++i) {
    auto family = static_cast<Family>(i);
    setup.families.emplace_back(std::string(FamilyName(family)), FamilyOptions(family, options, setup.block_cache));
  }
  return setup;
}

}  // namespace kalamdb::kv
