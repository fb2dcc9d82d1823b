// Opening, starting and stopping a database, and what its interface hands on to the parts.
#include "storage/database_core.h"

#include <algorithm>
#include <utility>

#include "row/key_codec.h"
#include "storage/bulk_writer.h"
#include "storage/records.h"

namespace kalamdb::storage {
namespace {

constexpr std::string_view kDirectoryVersion = "1";

// The share of `memory_bytes` that memtables get; the rest is block cache.
constexpr uint64_t kMemtableShare = 3;
constexpr uint64_t kMinMemtableBytes = 8u << 20;
constexpr uint64_t kMaxMemtableBytes = 256u << 20;

Status CheckVersion(const std::string& data_dir) {
  std::string path = JoinPath(data_dir, "VERSION");
  if (!PathExists(path)) {
    if (PathExists(JoinPath(data_dir, "kv"))) {
      return Error{ErrorCode::kStorageUnavailable, "the data directory has no file VERSION, but data",
                   "restore the file, or the directory from a backup"};
    }
    return WriteFileAtomically(path, std::string(kDirectoryVersion) + "\n");
  }
  ASSIGN_OR_RETURN(std::string text, ReadFile(path, 64));
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  if (text == kDirectoryVersion) return {};
  return Error{ErrorCode::kStorageUnavailable,
               "the data directory was written by a newer version (format " + text + "; this server knows " +
                   std::string(kDirectoryVersion) + ")",
               "start it with the server that wrote it, or a newer one"};
}

std::string CfType(const std::string& family) {
  if (family == "rows") return "hot";
  if (family == "changes") return "log";
  if (family == "segments") return "cold";
  return family;
}

}  // namespace

DatabaseCore::DatabaseCore(DatabaseOptions options, DirectoryLock lock, const Clock* clock, Metrics* metrics,
                           Logger* logger)
    : options_(std::move(options)), lock_(std::move(lock)) {
  context_.cold_dir = JoinPath(options_.data_dir, "cold");
  context_.segment_target_bytes = options_.segment_target_bytes;
  context_.clock = clock;
  context_.metrics = metrics;
  context_.logger = logger;
  context_.views = std::make_shared<ViewRegistry>();
  context_.garbage = std::make_shared<FileGarbage>();
  context_.trim_floors = std::make_shared<TrimFloors>();
  context_.erased_users = &erased_users_;
}

DatabaseCore::~DatabaseCore() { Stop(); }

Status DatabaseCore::Recover() {
  kv::StoreOptions store_options;
  store_options.memtable_bytes =
      std::clamp(options_.memory_bytes / kMemtableShare, kMinMemtableBytes, kMaxMemtableBytes);
  store_options.block_cache_bytes =
      options_.memory_bytes - std::min(options_.memory_bytes / 2, store_options.memtable_bytes);
  store_options.drop_in_compaction = [floors = context_.trim_floors](kv::Family family, std::string_view key,
                                                                     std::string_view value) {
    return floors->MayDrop(family, key, value);
  };
  ASSIGN_OR_RETURN(store_, kv::Store::Open(JoinPath(options_.data_dir, "kv"), std::move(store_options)));
  Micros started = context_.clock->MonotonicMicros();
  ASSIGN_OR_RETURN(Recovered recovered, storage::Recover(store_.get(), context_.cold_dir, context_.garbage));
  ASSIGN_OR_RETURN(uint64_t swept, SweepColdFiles(context_.cold_dir, recovered.named_paths));

  context_.store = store_.get();
  for (UserId user : recovered.users_to_erase) erased_users_.Add(user);
  context_.trim_floors->SetSegmentsAtStart(std::move(recovered.segments), SegmentId(recovered.next_segment_id));
  next_table_id_ = recovered.next_table_id;
  key_index_ = std::make_unique<KeyIndex>(store_.get());
  context_.key_index = key_index_.get();
  segment_ids_ = std::make_unique<SegmentIds>(store_.get(), recovered.next_segment_id);
  context_.segment_ids = segment_ids_.get();
  Seq seq = recovered.view->seq;
  CommitterOptions committer{.store = store_.get(),
                             .clock = context_.clock,
                             .metrics = context_.metrics,
                             .logger = context_.logger,
                             .views = context_.views,
                             .erased_users = &erased_users_,
                             .on_bulk = [this](const Commit& commit) { KeepForLog(commit); }};
  committer_ = std::make_unique<Committer>(committer, std::move(recovered.view));
  context_.committer = committer_.get();
  uint64_t epoch = recovered.epochs.size();
  log_ = std::make_unique<LogReader>(store_.get(), recovered.log_floor, std::move(recovered.epochs),
                                     std::move(recovered.log_segments));
  log_->SetPresent([this] { return committer_->View()->seq; });
  context_.log = log_.get();
  context_.trim_floors->SetLogFloor(recovered.log_floor);
  jobs_ = std::make_unique<JobRunner>(context_.clock, context_.metrics, context_.logger);
  MaintenanceOptions maintenance{.log_hours = options_.log_hours,
                                 .log_bytes = options_.log_bytes,
                                 .auto_compaction = options_.auto_compaction,
                                 .hot_bytes = options_.hot_bytes};
  maintenance_ = std::make_unique<Maintenance>(&context_, jobs_.get(), maintenance);
  context_.logger->Info("recovered", {{"seq", seq.value},
                                      {"epoch", epoch},
                                      {"clean", recovered.clean},
                                      {"files_removed", swept},
                                      {"ms", static_cast<double>(context_.clock->MonotonicMicros() - started) / 1000}});
  return {};
}

void DatabaseCore::Connect(ColdFileFormat* format, ChangeSink* sink) {
  context_.format = format;
  log_->Connect(format);
  sink_ = sink;
}

Status DatabaseCore::Start() {
  KALAM_CHECK(!running_);
  running_ = true;
  AddMetrics();
  maintenance_->Start();
  jobs_->Start();
  committer_->Start(sink_);
  return {};
}

void DatabaseCore::Stop() {
  if (!std::exchange(running_, false)) return;
  collector_.reset();
  maintenance_->Stop();
  jobs_->Stop();
  committer_->Stop();
  if (committer_->read_only()) return;
  Status marked = WriteCleanStop(store_.get(), View()->seq);
  if (!marked.ok()) context_.logger->Warn("stop_not_marked", {{"error", marked.error().message}});
}

Result<JobResult> DatabaseCore::RunJob(const char* type, TableId table, bool wait, JobRunner::Body body) {
  ReadViewPtr view = View();
  if (view->catalog->FindTable(table) == nullptr)
    return Error{ErrorCode::kTableNotFound, "the table is not there any more"};
  // A job that waits takes its view later than now; one that runs may have taken it before, so it is not joined.
  ASSIGN_OR_RETURN(std::string id, jobs_->Post(SpecOf(type, *view, table), std::move(body)));
  view.reset();
  return wait ? jobs_->Wait(id) : jobs_->Find(id);
}

Result<JobResult> DatabaseCore::FlushTable(TableId table, bool wait) {
  return RunJob("flush", table, wait,
                [this, table](const JobRunner::Cancelled& cancelled) { return maintenance_->Flush(table, cancelled); });
}

Status DatabaseCore::ReadSystem(char prefix, const std::function<Status(std::string_view, std::string_view)>& visit) {
  std::string lower(1, prefix);
  ReadViewPtr view = View();
  auto it = store_->NewIterator(kv::Family::kSystem,
                                {.lower = lower, .upper = row::PrefixEnd(lower), .snapshot = view->snapshot.get()});
  for (it->SeekToFirst(); it->Valid(); it->Next()) RETURN_IF_ERROR(visit(it->key(), it->value()));
  return it->status();
}

void DatabaseCore::KeepForLog(const Commit& commit) {
  const BulkCommit& bulk = *commit.bulk;
  for (size_t i = 0; i < bulk.segments.size(); ++i) {
    const SegmentRecord& segment = bulk.segments[i];
    log_->KeepSegment(segment.id,
                      {.table = bulk.table->id, .seq = commit.seq, .bytes = segment.bytes, .file = bulk.files[i]});
  }
}

Result<JobResult> DatabaseCore::CompactTable(TableId table, bool wait) {
  return RunJob("compact", table, wait, [this, table](const JobRunner::Cancelled& cancelled) {
    return maintenance_->Compact(table, cancelled);
  });
}

Result<std::unique_ptr<BulkWriter>> DatabaseCore::NewBulkWriter(ReadViewPtr /*view*/, catalog::TablePtr table,
                                                                UserId user) {
  return MakeBulkWriter(context_, std::move(table), user);
}

void DatabaseCore::AddMetrics() {
  if (context_.metrics == nullptr) return;
  Metrics& metrics = *context_.metrics;
  oldest_view_seconds_ = metrics.AddGauge("kalamdb_oldest_view_seconds", "Age of the oldest view that is still read.");
  stalls_ = metrics.AddCounter("kalamdb_rocksdb_stalls_total", "Times the key-value store slowed writers down.");
  compactions_ = metrics.AddCounter("kalamdb_rocksdb_compactions_total", "Compactions of the key-value store.");
  const MetricLabels block = {{"cache", "block"}};  // RocksDB does not count its evictions
  block_hits_ = metrics.AddCounter("kalamdb_cache_hits_total", "Look-ups a cache answered.", block);
  block_misses_ = metrics.AddCounter("kalamdb_cache_misses_total", "Look-ups a cache did not answer.", block);
  block_bytes_ = metrics.AddGauge("kalamdb_cache_bytes", "Memory a cache holds.", block);
  for (int i = 0; i < kv::kFamilyCount; ++i) {
    std::string name(kv::FamilyName(static_cast<kv::Family>(i)));
    family_bytes_[name] =
        metrics.AddGauge("kalamdb_column_family_size_bytes", "Memtables and files of a column family.",
                         {{"cf_type", CfType(name)}, {"name", name}});
  }
  collector_ = metrics.OnCollect([this] { FillMetrics(); });
}

void DatabaseCore::FillMetrics() {
  kv::StoreStats stats = store_->Stats();
  for (const auto& family : stats.families) {
    family_bytes_[family.name].Set(static_cast<double>(family.memtable_bytes + family.file_bytes));
  }
  stalls_.RaiseTo(static_cast<double>(stats.stalls));
  compactions_.RaiseTo(static_cast<double>(stats.compactions));
  block_hits_.RaiseTo(static_cast<double>(stats.block_cache_hits));
  block_misses_.RaiseTo(static_cast<double>(stats.block_cache_misses));
  block_bytes_.Set(static_cast<double>(stats.block_cache_bytes));
  oldest_view_seconds_.Set(OldestViewSeconds());
}

double DatabaseCore::OldestViewSeconds() const {
  auto oldest = context_.views->FindOldest();
  // The newest view is not old: it is what there is, however long nobody wrote.
  if (!oldest || context_.views->count() < 2) return 0;
  return static_cast<double>(StopwatchNanos() - oldest->taken_ns) * 1e-9;
}

Result<std::unique_ptr<Database>> Database::Open(DatabaseOptions options, const Clock* clock, Metrics* metrics,
                                                 Logger* logger) {
  RETURN_IF_ERROR(CreateDirectories(options.data_dir));
  auto lock = DirectoryLock::Acquire(options.data_dir);
  if (!lock.ok()) {
    if (lock.error().code != ErrorCode::kAlreadyExists) return std::move(lock).error();
    return Error{ErrorCode::kStorageUnavailable, "the data directory is in use by another server",
                 "stop the other server, or give this one a directory of its own"};
  }
  RETURN_IF_ERROR(CheckVersion(options.data_dir));
  for (const char* name : {"cold", "tmp", "keys"}) RETURN_IF_ERROR(CreateDirectories(JoinPath(options.data_dir, name)));
  auto core = std::make_unique<DatabaseCore>(std::move(options), *std::move(lock), clock, metrics, logger);
  RETURN_IF_ERROR(core->Recover());
  return std::unique_ptr<Database>(std::move(core));
}

std::pair<std::string, std::optional<std::string>> ErasureRecord(UserId user, Micros now) {
  return {ErasureKey(user), EncodeNumbers(static_cast<uint64_t>(now))};
}

std::string SegmentPath(const std::string& data_dir, const SegmentRecord& segment) {
  return JoinPath(JoinPath(data_dir, "cold"), segment.path);
}

}  // namespace kalamdb::storage
