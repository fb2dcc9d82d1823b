// Trimming in slices, within the commit order, so that nothing that came meanwhile is lost.
#include "storage/trim.h"

#include <algorithm>

#include "base/failpoint.h"
#include "row/key_codec.h"
#include "row/row_codec.h"
#include "storage/records.h"

namespace kalamdb::storage {
namespace {

using IsDead = std::function<bool(std::string_view row)>;

// Deletes those of `keys` whose row is still dead when its turn comes.
Status RemoveKeys(const StorageContext& context, const std::vector<std::string>& keys, const IsDead& is_dead) {
  auto work = [&](Round& round) -> Status {
    kv::Pinned row;
    for (const std::string& key : keys) {
      ASSIGN_OR_RETURN(kv::Lookup found, round.store().Get(kv::Family::kRows, key, nullptr, kv::ReadTier::kAll, &row));
      if (found == kv::Lookup::kFound && is_dead(row.view())) round.batch().Delete(kv::Family::kRows, key);
    }
    return {};
  };
  return context.committer->RunInOrder(work, Durability::kWal);
}

// All dead rows of the table in slices, at most `limit`. Calls `live` for the others.
Result<uint64_t> RemoveWhere(const StorageContext& context, TableId table, uint64_t limit, const IsDead& is_dead,
                             const std::function<void(std::string_view row)>& live) {
  ReadViewPtr view = context.committer->View();
  std::string prefix = row::TablePrefix(table);
  auto it = context.store->NewIterator(
      kv::Family::kRows,
      {.lower = prefix, .upper = row::PrefixEnd(prefix), .snapshot = view->snapshot.get(), .fill_cache = false});
  std::vector<std::string> keys;
  uint64_t removed = 0;
  for (it->SeekToFirst(); it->Valid() && removed < limit; it->Next()) {
    if (it->value().size() < row::kRowHeaderBytes || !is_dead(it->value())) {
      live(it->value());
      continue;
    }
    keys.emplace_back(it->key());
    ++removed;
    if (keys.size() < kTrimSlice) continue;
    SyncPoint("trim.before_slice");
    RETURN_IF_ERROR(RemoveKeys(context, keys, is_dead));
    keys.clear();
  }
  RETURN_IF_ERROR(it->status());
  if (!keys.empty()) RETURN_IF_ERROR(RemoveKeys(context, keys, is_dead));
  return removed;
}

}  // namespace

Result<bool> TrimDeadRows(const StorageContext& context, TableId table) {
  auto oldest = context.views->FindOldest();
  if (!oldest) return true;
  context.trim_floors->Set(oldest->cold_by_table);
  Seq floor = context.trim_floors->FloorOf(table);
  Seq newest = context.committer->View()->ColdOf(table).floor;
  auto is_dead = [floor](std::string_view row) { return row::RowSeq(row) <= floor; };

  std::string prefix = row::TablePrefix(table);
  auto it = context.store->NewIterator(kv::Family::kRows,
                                       {.lower = prefix, .upper = row::PrefixEnd(prefix), .fill_cache = false});
  size_t dead = 0;
  for (it->SeekToFirst(); it->Valid() && dead <= kMaxTrimmedByDeletes; it->Next()) {
    if (it->value().size() >= row::kRowHeaderBytes && is_dead(it->value())) ++dead;
  }
  RETURN_IF_ERROR(it->status());
  it.reset();
  if (dead > kMaxTrimmedByDeletes) {
    RETURN_IF_ERROR(context.store->FlushFamily(kv::Family::kRows));
    RETURN_IF_ERROR(context.store->CompactRange(kv::Family::kRows, prefix, row::PrefixEnd(prefix)));
  } else if (dead > 0) {
    auto removed = RemoveWhere(context, table, UINT64_MAX, is_dead, [](std::string_view) {});
    if (!removed.ok()) return std::move(removed).error();
  }
  return floor == newest;
}

Result<uint64_t> EvictExpired(const StorageContext& context, TableId table, Micros cutoff, Micros* oldest) {
  *oldest = 0;
  return RemoveWhere(
      context, table, UINT64_MAX, [cutoff](std::string_view row) { return row::RowUpdated(row) < cutoff; },
      [oldest](std::string_view row) {
        if (row.size() < row::kRowHeaderBytes) return;
        Micros updated = row::RowUpdated(row);
        *oldest = *oldest == 0 ? updated : std::min(*oldest, updated);
      });
}

Result<JobOutput> RemoveDroppedTable(const StorageContext& context, TableId table) {
  JobOutput output;
  std::vector<std::shared_ptr<SegmentFile>> files;
  auto work = [&](Round& round) -> Status {
    for (const ColdSegment& segment : round.Cold(table).segments) {
      files.push_back(segment.file);
      output.bytes += segment.record->bytes;
    }
    kv::Batch& batch = round.batch();
    std::string prefix = row::TablePrefix(table);
    for (kv::Family family : {kv::Family::kRows, kv::Family::kKeys, kv::Family::kChanges}) {
      batch.DeleteRange(family, prefix, row::PrefixEnd(prefix));
    }
    for (char kind : {kSegmentRecord, kChunkRecord, kLogSegmentRecord}) {
      std::string records = TableRecordKey(kind, table);
      batch.DeleteRange(kv::Family::kSegments, records, row::PrefixEnd(records));
    }
    batch.Delete(kv::Family::kSegments, TableRecordKey(kFloorRecord, table));
    batch.Delete(kv::Family::kSegments, TableRecordKey(kDroppedRecord, table));
    round.EraseCold(table);
    return {};
  };
  RETURN_IF_ERROR(context.committer->RunInOrder(work, Durability::kSync));
  (void)context.committer->TakeActivity(table);
  for (auto& [id, segment] : context.log->ReleaseSegmentsOf(table)) files.push_back(segment.file);
  for (const auto& file : files) file->Drop();
  output.files = files.size();
  files.clear();  // they go before the slow rest
  std::string prefix = row::TablePrefix(table);
  for (kv::Family family : {kv::Family::kRows, kv::Family::kKeys, kv::Family::kChanges}) {
    RETURN_IF_ERROR(context.store->CompactRange(family, prefix, row::PrefixEnd(prefix)));
  }
  return output;
}

Status RaiseLogFloor(const StorageContext& context, Seq floor) {
  kv::Batch batch;
  batch.Put(kv::Family::kSystem, kLogFloorKey, EncodeNumbers(floor.value));
  RETURN_IF_ERROR(context.store->Write(batch, {.sync = true}));
  SyncPoint("log_floor.on_record");
  context.log->RaiseFloor(floor);
  context.trim_floors->SetLogFloor(floor);
  auto released = context.log->ReleaseSegments(floor);
  if (released.empty()) return {};
  kv::Batch gone;
  ReadViewPtr view = context.committer->View();
  for (const auto& [id, segment] : released) {
    gone.Delete(kv::Family::kSegments, SegmentRecordKey(kLogSegmentRecord, segment.table, id));
    if (view->ColdOf(segment.table).Find(id) == nullptr) segment.file->Drop();
  }
  return context.store->Write(gone, {.sync = true});
}

}  // namespace kalamdb::storage
