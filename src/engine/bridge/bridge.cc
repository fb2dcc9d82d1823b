// Opens the bridge and replaces an instance that has become unusable.
#include "engine/bridge/bridge.h"

#include <algorithm>

#include "base/files.h"
#include "duckdb/main/valid_checker.hpp"
#include "engine/bridge/engine_memory.h"
#include "engine/bridge/information_schema.h"
#include "engine/parquet/parquet_format.h"

namespace kalamdb::engine {
namespace {

constexpr uint64_t kSpillShareDivisor = 2;  // of the disk that is free at the start: commits need some too

InstanceOptions OptionsOf(const EngineOptions& options) {
  InstanceOptions result;
  result.memory_bytes = options.memory_bytes;
  result.value_bytes = options.value_bytes;
  result.threads = options.threads;
  result.spill_bytes = options.spill_bytes;
  if (!options.data_dir.empty()) result.allowed_directories.push_back(options.data_dir + "/cold/");
  for (const auto& directory : options.copy_directories) {
    result.allowed_directories.push_back(directory.ends_with("/") ? directory : directory + "/");
  }
  return result;
}

}  // namespace

Bridge::Bridge() = default;

Bridge::~Bridge() {
  collector_.reset();
  runner_.reset();
  instance_.reset();
}

Result<std::unique_ptr<Bridge>> Bridge::Open(const EngineOptions& options, storage::Database* database,
                                             const Clock* clock, IdGenerators* ids, Metrics* metrics, Logger* logger) {
  std::unique_ptr<Bridge> bridge(new Bridge());
  bridge->options_ = options;
  bridge->metrics_ = metrics;
  bridge->logger_ = logger;
  ASSIGN_OR_RETURN(bridge->parquet_, ParquetFormat::Open(options.data_dir));
  bridge->services_.database = database;
  bridge->services_.clock = clock;
  bridge->services_.ids = ids;
  bridge->services_.parquet = bridge->parquet_.get();
  bridge->services_.format = bridge->parquet_.get();
  bridge->services_.transaction_rows = options.transaction_rows;
  for (auto& table : InformationSchema()) bridge->RegisterVirtualTable(std::move(table));
  if (metrics != nullptr) {
    const char* name = "kalamdb_rows_read_total";
    const char* help = "Rows that statements have read, by tier.";
    bridge->services_.rows_read_hot = metrics->AddCounter(name, help, {{"tier", "hot"}});
    bridge->services_.rows_read_cold = metrics->AddCounter(name, help, {{"tier", "cold"}});
    name = "kalamdb_segments_total";
    help = "Segments that scans have opened, and those that bounds have ruled out.";
    bridge->services_.segments_read = metrics->AddCounter(name, help, {{"result", "read"}});
    bridge->services_.segments_pruned = metrics->AddCounter(name, help, {{"result", "pruned"}});
    name = "kalamdb_row_groups_total";
    help = "Row groups that scans have read, and those that bounds have ruled out.";
    bridge->services_.groups_read = metrics->AddCounter(name, help, {{"result", "read"}});
    bridge->services_.groups_pruned = metrics->AddCounter(name, help, {{"result", "pruned"}});
  }
  if (!options.spill_directory.empty()) {
    RETURN_IF_ERROR(RemoveTree(options.spill_directory));
    RETURN_IF_ERROR(CreateDirectories(options.spill_directory));
    if (options.spill_bytes == 0) {
      ASSIGN_OR_RETURN(const uint64_t free, FreeBytes(options.spill_directory));
      bridge->options_.spill_bytes = std::min(options.memory_bytes * kSpillFactor, free / kSpillShareDivisor);
    }
  }
  ASSIGN_OR_RETURN(bridge->instance_, bridge->OpenInstance());
  if (metrics != nullptr) bridge->WatchEngine(*metrics);
  bridge->runner_ = MakeQueryRunner(bridge.get());
  return bridge;
}

// Statements of an instance that is replaced may still be running: each spills into a directory of its own.
Result<std::unique_ptr<Instance>> Bridge::OpenInstance() {
  InstanceOptions options = OptionsOf(options_);
  if (!options_.spill_directory.empty()) {
    options.spill_directory = JoinPath(options_.spill_directory, std::to_string(++opened_));
    RETURN_IF_ERROR(CreateDirectories(options.spill_directory));
  }
  return Instance::Open(options, &services_, metrics_);
}

void Bridge::WatchEngine(Metrics& metrics) {
  collector_ = metrics.OnCollect(
      [this,
       memory = metrics.AddGauge("kalamdb_engine_memory_bytes",
                                 "Memory that statements hold in the SQL engine, of limits.memory_bytes."),
       spilled = metrics.AddGauge("kalamdb_engine_spill_bytes",
                                  "Disk that sorts, joins and aggregates hold, of limits.spill_bytes.")]() mutable {
        memory.Set(static_cast<double>(EngineMemoryTaken()));
        const std::lock_guard lock(mutex_);
        spilled.Set(static_cast<double>(instance_->SpilledBytes()));
      });
}

std::vector<CacheRow> Bridge::ColdCaches() const { return {parquet_->FooterCache(), parquet_->RowCache()}; }

std::shared_ptr<Instance> Bridge::instance() {
  const std::lock_guard lock(mutex_);
  if (duckdb::ValidChecker::IsInvalidated(instance_->database())) {
    logger_->Error("engine_instance_invalid",
                   {{"error", duckdb::ValidChecker::InvalidatedMessage(instance_->database())}});
    auto opened = OpenInstance();
    if (opened.ok()) instance_ = *std::move(opened);
  }
  return instance_;
}

}  // namespace kalamdb::engine
