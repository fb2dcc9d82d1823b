// The maintenance thread.
#include "storage/maintenance.h"

#include <algorithm>

#include "base/executor.h"
#include "base/files.h"
#include "row/key_codec.h"
#include "row/row_codec.h"
#include "storage/compact.h"
#include "storage/erase.h"
#include "storage/records.h"
#include "storage/trim.h"

namespace kalamdb::storage {
namespace {

constexpr Micros kFirstRetry = 1'000'000, kLongestRetry = 300'000'000;  // of a failed flush
constexpr Micros kMarkEvery = 60'000'000;  // a point (time, sequence) for the log's retention
constexpr Micros kWeighEvery = 1'000'000;  // how soon a log that takes too many bytes is noticed
constexpr Micros kEvictEvery = 1'000'000;  // expired events go at least this often, if the scan is cheap
constexpr int kEvictShare = 10;            // a scan that takes t runs again after 10 t

}  // namespace

JobSpec SpecOf(const char* type, const ReadView& view, TableId table) {
  JobSpec spec{.type = type, .table = table};
  if (catalog::TablePtr found = view.catalog->FindTable(table); found != nullptr) {
    spec.namespace_name = found->namespace_name;
    spec.table_name = found->name;
  } else {
    spec.table_name = "table-" + std::to_string(table.value);
  }
  return spec;
}

Maintenance::Maintenance(const StorageContext* context, JobRunner* jobs, MaintenanceOptions options)
    : context_(context), jobs_(jobs), options_(options) {
  if (context->metrics == nullptr) return;
  hot_bytes_ = context->metrics->AddGauge("kalamdb_hot_bytes", "Hot rows that a flush would make cold, about.");
  pressure_flushes_ = context->metrics->AddCounter("kalamdb_pressure_flushes_total",
                                                   "Flushes begun because hot rows took more than limits.hot_bytes.");
}

Maintenance::~Maintenance() { Stop(); }

void Maintenance::Start() {
  {
    MutexLock tick(tick_mutex_);
    start_view_ = context_->committer->View();
  }
  thread_ = std::thread([this] { RunThread(); });
}

void Maintenance::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void Maintenance::RunThread() {
  SetThreadName("maintenance");
  for (;;) {
    {
      MutexLock lock(mutex_);
      if (!stopping_) (void)wake_.WaitFor(mutex_, options_.tick);
      if (stopping_) return;
    }
    Tick();
  }
}

void Maintenance::Tick() {
  MutexLock tick(tick_mutex_);
  if (ReadViewPtr start = std::exchange(start_view_, nullptr); start != nullptr) CountHotRows(*start);
  if (auto oldest = context_->views->FindOldest()) context_->trim_floors->Set(oldest->cold_by_table);
  RemoveGarbage();
  if (context_->committer->read_only()) return;
  ReadViewPtr view = context_->committer->View();
  ScheduleFlushes(*view);
  RelievePressure(*view);
  ScheduleRemovals(*view);
  ScheduleErasures();
  if (options_.auto_compaction) ScheduleCompactions(view);
  EvictStreams(*view);
  KeepLogBounded(*view);
  view.reset();
  TrimTables();
}

void Maintenance::CountHotRows(const ReadView& view) {
  auto it = context_->store->NewIterator(kv::Family::kRows, {.snapshot = view.snapshot.get(), .fill_cache = false});
  TableId table;
  TableActivity activity;
  Seq floor;
  uint64_t dead = 0;
  auto done = [&] {
    if (activity.rows != 0) context_->committer->AddActivity(table, activity);
    MutexLock lock(mutex_);
    if (dead != 0) to_trim_.insert(table.value);
  };
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    if (it->key().size() < row::kPartitionPrefixBytes || it->value().size() < row::kRowHeaderBytes) continue;
    TableId next = row::TableOfKey(it->key());
    if (next != table) {
      done();
      table = next;
      activity = {};
      dead = 0;
      floor = view.ColdOf(table).floor;
    }
    if (row::RowSeq(it->value()) <= floor) {
      ++dead;
      continue;
    }
    Micros updated = row::RowUpdated(it->value());
    activity.first_at = activity.rows == 0 ? updated : std::min(activity.first_at, updated);
    ++activity.rows;
    activity.bytes += static_cast<int64_t>(it->key().size() + it->value().size());
  }
  done();
}

void Maintenance::RemoveGarbage() {
  for (const std::string& path : context_->garbage->Take()) {
    (void)RemoveFile(path + ".tmp");
    Status removed = RemoveFile(path);
    if (!removed.ok()) context_->logger->Warn("file_not_removed", {{"error", removed.error().message}});
  }
}

void Maintenance::ScheduleFlushes(const ReadView& view) {
  Micros wall = context_->clock->NowMicros();
  for (const auto& [id, activity] : context_->committer->Activity()) {
    TableId table(id);
    catalog::TablePtr found = view.catalog->FindTable(table);
    if (found == nullptr || found->kind == catalog::TableKind::kStream) continue;
    const catalog::TableOptions& options = found->options;
    Micros age = wall - activity.first_at;
    bool by_rows = options.flush_rows != 0 && activity.rows >= options.flush_rows;
    bool by_time =
        options.flush_interval_s != 0 && age >= static_cast<Micros>(options.flush_interval_s) * kMicrosPerSecond;
    if (by_time && activity.rows < kMinIntervalRows && age < kMaxHotAge) by_time = false;
    if (!by_rows && !by_time) continue;
    if (jobs_->IsBusy(table) || !MayTry(table)) continue;
    PostFlush(view, table);
  }
}

void Maintenance::PostFlush(const ReadView& view, TableId table) {
  (void)jobs_->Post(SpecOf("flush", view, table),
                    [this, table](const JobRunner::Cancelled& cancelled) { return Flush(table, cancelled); });
}

// One table at a time: the next tick sees what is left when its flush has begun.
void Maintenance::RelievePressure(const ReadView& view) {
  int64_t total = 0, most = 0;
  TableId largest;
  for (const auto& [id, activity] : context_->committer->Activity()) {
    catalog::TablePtr found = view.catalog->FindTable(TableId(id));
    if (found == nullptr || found->kind == catalog::TableKind::kStream) continue;
    int64_t bytes = std::max<int64_t>(activity.bytes, 0);
    total += bytes;
    if (bytes <= most || !MayTry(TableId(id))) continue;
    most = bytes;
    largest = TableId(id);
  }
  hot_bytes_.Set(static_cast<double>(total));
  bool above = options_.hot_bytes != 0 && static_cast<uint64_t>(total) > options_.hot_bytes;
  if (!above || !largest.is_set() || jobs_->IsBusy(largest)) return;
  pressure_flushes_.Add();
  PostFlush(view, largest);
}

Result<JobOutput> Maintenance::Flush(TableId table, const JobRunner::Cancelled& cancelled) {
  TableActivity taken = context_->committer->TakeActivity(table);
  Result<JobOutput> output = FlushHotRows(*context_, table, cancelled);
  if (!output.ok() && taken.rows != 0) context_->committer->AddActivity(table, taken);
  MutexLock lock(mutex_);
  NoteResult(table, output.ok());
  if (output.ok() && output->rows != 0) to_trim_.insert(table.value);
  NoteKeptOld(output);
  return output;
}

Result<JobOutput> Maintenance::Compact(TableId table, const JobRunner::Cancelled& cancelled) {
  Result<JobOutput> output = CompactSegments(*context_, table, cancelled);
  MutexLock lock(mutex_);
  NoteResult(table, output.ok());
  NoteKeptOld(output);
  return output;
}

void Maintenance::NoteKeptOld(const Result<JobOutput>& output) {
  if (output.ok()) kept_old_.insert(output->kept_old.begin(), output->kept_old.end());
}

bool Maintenance::MayTry(TableId table) {
  MutexLock lock(mutex_);
  auto retry = retries_.find(table.value);
  return retry == retries_.end() || retry->second.at <= context_->clock->MonotonicMicros();
}

void Maintenance::NoteResult(TableId table, bool ok) {
  if (ok) {
    retries_.erase(table.value);
    return;
  }
  Retry& retry = retries_[table.value];
  retry.delay = std::clamp(retry.delay * 2, kFirstRetry, kLongestRetry);
  retry.at = context_->clock->MonotonicMicros() + retry.delay;
}

void Maintenance::ScheduleCompactions(const ReadViewPtr& view) {
  if (view->cold_by_table.SharesRootWith(compared_)) return;
  bool all_posted = true;
  std::set<SegmentId> kept_old;
  {
    MutexLock lock(mutex_);
    kept_old = kept_old_;
  }
  for (const auto& [id, cold] : view->cold_by_table) {
    TableId table(id);
    catalog::TablePtr found = view->catalog->FindTable(table);
    if (found == nullptr || !NeedsCompaction(*cold, *found, context_->segment_target_bytes, kept_old)) continue;
    if (jobs_->IsBusy(table) || !MayTry(table)) {
      all_posted = false;
      continue;
    }
    auto body = [this, table](const JobRunner::Cancelled& cancelled) { return Compact(table, cancelled); };
    all_posted = jobs_->Post(SpecOf("compact", *view, table), body).ok() && all_posted;
  }
  if (all_posted) compared_ = view->cold_by_table;
}

void Maintenance::TrimTables() {
  std::set<uint32_t> tables;
  {
    MutexLock lock(mutex_);
    tables = to_trim_;
  }
  for (uint32_t table : tables) {
    if (jobs_->IsBusy(TableId(table))) continue;
    {
      MutexLock lock(mutex_);
      to_trim_.erase(table);  // a flush that publishes from here on puts it back
    }
    Result<bool> done = TrimDeadRows(*context_, TableId(table));
    if (!done.ok()) context_->logger->Warn("trim_failed", {{"table_id", table}, {"error", done.error().message}});
    if (done.ok() && *done) continue;
    MutexLock lock(mutex_);
    to_trim_.insert(table);
  }
}

void Maintenance::EvictStreams(const ReadView& view) {
  for (const catalog::TablePtr& table : view.catalog->Tables("")) {
    if (table->kind != catalog::TableKind::kStream || table->options.ttl_seconds == 0) continue;
    Stream& stream = streams_[table->id.value];
    Micros started = context_->clock->MonotonicMicros();
    if (started < stream.next_at) continue;
    Micros ttl = static_cast<Micros>(table->options.ttl_seconds) * kMicrosPerSecond;
    Micros oldest = 0;
    Result<uint64_t> evicted = EvictExpired(*context_, table->id, context_->clock->NowMicros() - ttl, &oldest);
    if (!evicted.ok())
      context_->logger->Warn("eviction_failed", {{"table", table->name}, {"error", evicted.error().message}});
    Micros now = context_->clock->MonotonicMicros();
    stream.next_at = now + std::max(kEvictEvery, (now - started) * kEvictShare);
    // Nothing that is there now expires before its time has come; what comes later expires later.
    if (oldest != 0) stream.next_at = std::max(stream.next_at, now + oldest + ttl - context_->clock->NowMicros());
    if (oldest == 0) stream.next_at = std::max(stream.next_at, now + std::min(ttl, kEvictEvery));
  }
}

void Maintenance::ScheduleRemovals(const ReadView& view) {
  std::string prefix(1, kDroppedRecord);
  auto it = context_->store->NewIterator(
      kv::Family::kSegments, {.lower = prefix, .upper = row::PrefixEnd(prefix), .snapshot = view.snapshot.get()});
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    if (it->key().size() != 5) continue;
    TableId table(ReadBig32(it->key().data() + 1));
    if (jobs_->IsBusy(table)) continue;
    (void)jobs_->Post(SpecOf("cleanup", view, table),
                      [this, table](const JobRunner::Cancelled&) { return RemoveDroppedTable(*context_, table); });
  }
}

void Maintenance::ScheduleErasures() {
  for (UserId user : context_->erased_users->Pending()) {
    if (!MayTry(TableId())) return;
    {
      MutexLock lock(mutex_);
      if (!erasing_.insert(user.value).second) continue;
    }
    JobSpec spec{.type = "erase", .parameters = "{\"user\":" + std::to_string(user.value) + "}"};
    auto posted =
        jobs_->Post(spec, [this, user](const JobRunner::Cancelled& cancelled) { return Erase(user, cancelled); });
    if (posted.ok()) continue;
    MutexLock lock(mutex_);
    erasing_.erase(user.value);
  }
}

Result<JobOutput> Maintenance::EraseFromTables(UserId user, const JobRunner::Cancelled& cancelled) {
  JobOutput output;
  for (const catalog::TablePtr& table : context_->committer->View()->catalog->Tables("")) {
    if (!table->IsPerUser()) continue;
    if (cancelled()) return Error{ErrorCode::kCancelled, "the job was cancelled"};
    ASSIGN_OR_RETURN(const bool holds, HoldsRowsOf(*context_, table->id, user));
    if (!holds) continue;
    ASSIGN_OR_RETURN(const JobRunner::Claim claim, jobs_->ClaimTable(table->id));
    ASSIGN_OR_RETURN(const JobOutput erased, EraseUserFromTable(*context_, table->id, user, cancelled));
    output.rows += erased.rows;
    output.files += erased.files;
    output.bytes += erased.bytes;
    output.kept_old.insert(output.kept_old.end(), erased.kept_old.begin(), erased.kept_old.end());
  }
  RETURN_IF_ERROR(FinishErasure(*context_, user));
  return output;
}

Result<JobOutput> Maintenance::Erase(UserId user, const JobRunner::Cancelled& cancelled) {
  Result<JobOutput> output = EraseFromTables(user, cancelled);
  MutexLock lock(mutex_);
  NoteResult(TableId(), output.ok());
  NoteKeptOld(output);
  erasing_.erase(user.value);
  return output;
}

// Its entries, and files that only it keeps.
bool Maintenance::LogIsTooLarge(const ReadView& view) const {
  const uint64_t files = context_->log->BytesKept(view);
  for (const auto& family : context_->store->Stats().families) {
    if (family.name == kv::FamilyName(kv::Family::kChanges))
      return family.file_bytes + family.memtable_bytes + files > options_.log_bytes;
  }
  return false;
}

// The newest mark that is old enough, or that leaves a quarter less where the log takes too many bytes.
Status Maintenance::FindFloor(const ReadView& view, Micros now, bool too_large, Seq* floor) {
  Micros too_old = now - static_cast<Micros>(options_.log_hours) * 3600 * kMicrosPerSecond;
  std::string prefix(kMarkPrefix);
  auto it = context_->store->NewIterator(kv::Family::kSystem, {.lower = prefix, .upper = row::PrefixEnd(prefix)});
  std::vector<std::pair<Micros, Seq>> marks;
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    ASSIGN_OR_RETURN(Numbers seq, DecodeNumbers(kMarkPrefix, it->value()));
    marks.emplace_back(static_cast<Micros>(ReadBig64(it->key().data() + prefix.size())), Seq(seq.first));
  }
  RETURN_IF_ERROR(it->status());
  size_t go = too_large ? std::max<size_t>(1, marks.size() / 4) : 0;
  kv::Batch gone;
  for (size_t i = 0; i < marks.size(); ++i) {
    if (i >= go && marks[i].first > too_old) break;
    if (marks[i].second > view.seq) break;
    *floor = marks[i].second;
    gone.Delete(kv::Family::kSystem, MarkKey(marks[i].first));
  }
  return gone.Count() == 0 ? Status() : context_->store->Write(gone, {});
}

void Maintenance::KeepLogBounded(const ReadView& view) {
  Micros now = context_->clock->MonotonicMicros();
  if (now < next_weigh_at_) return;
  next_weigh_at_ = now + kWeighEvery;
  const bool too_large = LogIsTooLarge(view);
  if (now < next_mark_at_ && (!too_large || view.seq == last_mark_)) return;
  next_mark_at_ = now + kMarkEvery;
  Micros wall = context_->clock->NowMicros();
  Status status;
  if (view.seq != std::exchange(last_mark_, view.seq)) {
    kv::Batch mark;
    mark.Put(kv::Family::kSystem, MarkKey(wall), EncodeNumbers(view.seq.value));
    status = context_->store->Write(mark, {});
  }
  Seq floor;
  if (status.ok()) status = FindFloor(view, wall, too_large, &floor);
  if (auto oldest = context_->views->FindOldest()) floor = std::min(floor, oldest->seq);
  if (status.ok() && floor > context_->log->FloorOf(TableId())) {
    status = RaiseLogFloor(*context_, floor);
    // Else the files are rewritten in their own time.
    if (status.ok() && too_large) status = context_->store->CompactRange(kv::Family::kChanges, "", "");
  }
  if (!status.ok()) context_->logger->Warn("log_retention_failed", {{"error", status.error().message}});
}

}  // namespace kalamdb::storage
