// The steps of an erasure, each in slices.
#include "storage/erase.h"

#include <algorithm>

#include "base/failpoint.h"
#include "row/key_codec.h"
#include "row/row_codec.h"
#include "storage/change_log_format.h"
#include "storage/compact.h"
#include "storage/records.h"
#include "storage/trim.h"

namespace kalamdb::storage {
namespace {

Error Cancelled() { return {ErrorCode::kCancelled, "the job was cancelled"}; }

bool HasKeys(const kv::Store& store, kv::Family family, const std::string& prefix) {
  auto it = store.NewIterator(family, {.lower = prefix, .upper = row::PrefixEnd(prefix)});
  it->SeekToFirst();
  return it->Valid() || !it->status().ok();
}

// Bulk loads of the user that the table's own partition of the log names.
using VisitBulk = std::function<Status(std::string_view key, const ChangeEntry& entry)>;
Status ForEachBulkOf(const kv::Store& store, TableId table, UserId user, const VisitBulk& visit) {
  std::string prefix = row::PartitionPrefix(table, kTablePartition);
  auto it = store.NewIterator(kv::Family::kChanges, {.lower = prefix, .upper = row::PrefixEnd(prefix)});
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    ASSIGN_OR_RETURN(ChangeEntry entry, DecodeChange(it->value()));
    if (entry.kind == kBulkInsertKind && UserId(ReadLittle64(entry.key)) == user) {
      RETURN_IF_ERROR(visit(it->key(), entry));
    }
  }
  return it->status();
}

// Deletes all keys of a partition. `visit` is asked of each before it goes.
Status ErasePartition(const StorageContext& context, kv::Family family, const std::string& prefix,
                      const std::function<bool()>& cancelled,
                      const std::function<void(std::string_view value)>& visit) {
  auto it = context.store->NewIterator(family, {.lower = prefix, .upper = row::PrefixEnd(prefix), .fill_cache = false});
  std::vector<std::string> keys;
  size_t erased = 0;
  auto erase = [&]() -> Status {
    if (cancelled()) return Cancelled();
    SyncPoint("erase.before_slice");
    auto work = [&](Round& round) -> Status {
      for (const std::string& key : keys) round.batch().Delete(family, key);
      return {};
    };
    erased += keys.size();
    if (!keys.empty()) RETURN_IF_ERROR(context.committer->RunInOrder(work, Durability::kWal));
    keys.clear();
    return Failpoint("erase.after_slice");
  };
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    visit(it->value());
    keys.emplace_back(it->key());
    if (keys.size() >= kEraseSlice) RETURN_IF_ERROR(erase());
  }
  RETURN_IF_ERROR(it->status());
  it.reset();
  if (!keys.empty()) RETURN_IF_ERROR(erase());
  if (erased <= kMaxTrimmedByDeletes) return {};
  RETURN_IF_ERROR(context.store->FlushFamily(family));  // so many tombstones are slow to seek over
  return context.store->CompactRange(family, prefix, row::PrefixEnd(prefix));
}

// Sets the bit of every row of the user in one segment.
Status MarkRows(const StorageContext& context, TableId table, UserId user, SegmentId segment,
                const std::function<bool()>& cancelled, uint64_t* marked) {
  const ReadViewPtr view = context.committer->View();
  const ColdSegment* found = view->ColdOf(table).Find(segment);
  if (found == nullptr) return {};
  const auto [first, end] = RowsOfUser(*found->record, user);
  for (uint32_t from = first; from < end;) {
    if (cancelled()) return Cancelled();
    const uint32_t to = std::min(end, from + kErasedBitsSlice);
    auto work = [&, from = from](Round& round) -> Status {
      const ColdSegment* now = round.Cold(table).Find(segment);
      for (uint32_t row = from; now != nullptr && row < to; ++row) {
        if (now->deleted->Test(row)) continue;
        round.SetBit(table, segment, row);
        ++*marked;
      }
      return {};
    };
    RETURN_IF_ERROR(context.committer->RunInOrder(work, Durability::kWal));
    from = to;
  }
  return {};
}

// Marks the user's cold rows, then writes their segments anew without them.
Status EraseColdRows(const StorageContext& context, TableId table, UserId user, const std::function<bool()>& cancelled,
                     JobOutput* output) {
  for (;;) {
    std::vector<SegmentId> with_user;
    {
      const ReadViewPtr view = context.committer->View();
      for (const ColdSegment& segment : view->ColdOf(table).segments) {
        const auto [first, end] = RowsOfUser(*segment.record, user);
        if (first != end) with_user.push_back(segment.record->id);
      }
    }
    if (with_user.empty()) return {};
    for (SegmentId id : with_user) RETURN_IF_ERROR(MarkRows(context, table, user, id, cancelled, &output->rows));
    RETURN_IF_ERROR(Failpoint("erase.after_bits"));
    ASSIGN_OR_RETURN(JobOutput written, RewriteWithout(context, table, user, cancelled));
    output->files += written.files;
    output->bytes += written.bytes;
    output->kept_old.insert(output->kept_old.end(), written.kept_old.begin(), written.kept_old.end());
  }
}

// Entries of the log that name bulk loads of the user, and the files that only they keep.
Status EraseBulkEntries(const StorageContext& context, TableId table, UserId user) {
  std::vector<std::string> entries;
  std::vector<SegmentId> segments;
  RETURN_IF_ERROR(ForEachBulkOf(*context.store, table, user, [&](std::string_view key, const ChangeEntry& entry) {
    entries.emplace_back(key);
    return ForEachBulkSegment(entry.row, [&](const SegmentPtr& segment) -> Status {
      segments.push_back(segment->id);
      return {};
    });
  }));
  if (entries.empty()) return {};
  auto work = [&](Round& round) -> Status {
    for (const std::string& key : entries) round.batch().Delete(kv::Family::kChanges, key);
    for (SegmentId id : segments) {
      round.batch().Delete(kv::Family::kSegments, SegmentRecordKey(kLogSegmentRecord, table, id));
    }
    return {};
  };
  RETURN_IF_ERROR(context.committer->RunInOrder(work, Durability::kSync));
  const ReadViewPtr view = context.committer->View();
  for (const auto& [id, segment] : context.log->ReleaseSegments(segments)) {
    if (view->ColdOf(table).Find(id) == nullptr) segment.file->Drop();
  }
  return {};
}

}  // namespace

Result<bool> HoldsRowsOf(const StorageContext& context, TableId table, UserId user) {
  // Hot rows before the view: once they are trimmed, the view has had their segments for long.
  std::string prefix = row::PartitionPrefix(table, user);
  for (kv::Family family : {kv::Family::kRows, kv::Family::kKeys, kv::Family::kChanges}) {
    if (HasKeys(*context.store, family, prefix)) return true;
  }
  const ReadViewPtr view = context.committer->View();
  for (const ColdSegment& segment : view->ColdOf(table).segments) {
    const auto [first, end] = RowsOfUser(*segment.record, user);
    if (first != end) return true;
  }
  bool in_log = false;
  RETURN_IF_ERROR(ForEachBulkOf(*context.store, table, user, [&](std::string_view, const ChangeEntry&) -> Status {
    in_log = true;
    return {};
  }));
  return in_log;
}

Result<JobOutput> EraseUserFromTable(const StorageContext& context, TableId table, UserId user,
                                     const std::function<bool()>& cancelled) {
  JobOutput output;
  const std::string prefix = row::PartitionPrefix(table, user);
  const Seq floor = context.committer->View()->ColdOf(table).floor;
  RETURN_IF_ERROR(ErasePartition(context, kv::Family::kRows, prefix, cancelled, [&](std::string_view row) {
    if (row.size() >= row::kRowHeaderBytes && row::RowSeq(row) > floor) ++output.rows;
  }));
  RETURN_IF_ERROR(EraseColdRows(context, table, user, cancelled, &output));
  for (kv::Family family : {kv::Family::kKeys, kv::Family::kChanges}) {
    RETURN_IF_ERROR(ErasePartition(context, family, prefix, cancelled, [](std::string_view) {}));
  }
  RETURN_IF_ERROR(EraseBulkEntries(context, table, user));
  return output;
}

Status FinishErasure(const StorageContext& context, UserId user) {
  kv::Batch batch;
  batch.Delete(kv::Family::kSystem, ErasureKey(user));
  RETURN_IF_ERROR(context.store->Write(batch, {.sync = true}));
  context.erased_users->Done(user);
  return {};
}

}  // namespace kalamdb::storage
