// Reading hot rows of a view, writing segments, publishing them.
#include "storage/flush.h"

#include <algorithm>

#include "base/failpoint.h"
#include "row/key_codec.h"
#include "row/row_codec.h"
#include "storage/records.h"
#include "storage/rows.h"
#include "storage/upgrading_writer.h"

namespace kalamdb::storage {
namespace {

constexpr int kMaxTries = 3;             // a watch that overflows starts the flush again
constexpr uint64_t kAskCancelled = 256;  // rows

Error Cancelled() { return {ErrorCode::kCancelled, "the job was cancelled"}; }

Status WriteHotRows(const StorageContext& context, const ReadViewPtr& view, const catalog::TablePtr& table,
                    const std::function<bool()>& cancelled, UpgradingWriter* writer) {
  auto cursor = NewHotCursor(view, context.store, {.table = table->id, .include_deleted = true}, true);
  for (uint64_t rows = 0;; ++rows) {
    ASSIGN_OR_RETURN(bool there, cursor->Next());
    if (!there) break;
    if (rows % kAskCancelled == 0 && cancelled()) return Cancelled();
    RETURN_IF_ERROR(writer->Append(cursor->key(), cursor->row()));
  }
  return writer->Finish();
}

// One flush at one view. *again: what changed meanwhile could not be kept track of.
Result<JobOutput> TryFlush(const StorageContext& context, TableId table_id, const std::function<bool()>& cancelled,
                           bool* again) {
  auto [view, watch] = context.committer->ViewWithWatch(table_id);
  SyncPoint("flush.after_view");
  catalog::TablePtr table = view->catalog->FindTable(table_id);
  if (table == nullptr) return JobOutput();
  // Before anything relies on the view: a commit under `wal` may still be lost with the power.
  RETURN_IF_ERROR(context.store->SyncWal());
  UpgradingWriter writer(context, table, view);
  RETURN_IF_ERROR(WriteHotRows(context, view, table, cancelled, &writer));
  if (writer.rows() == 0) return JobOutput();
  SyncPoint("flush.before_publish");
  DeadRows dead;
  const std::vector<SegmentId> ids = writer.ids();
  RETURN_IF_ERROR(CatchUp(*context.store, *watch, ids, &dead));
  auto publish = [&, floor = view->seq, watching = watch](Round& round) -> Status {
    if (watching->overflowed()) {
      *again = true;
      return Error{ErrorCode::kWriteConflict, "too many rows changed while the table was flushed"};
    }
    if (round.base().catalog->FindTable(table_id) == nullptr) return Cancelled();
    RETURN_IF_ERROR(FindDeadRows(round.store(), ids, watching->Take(), &dead));
    RegisterSegments(round, table_id, writer.segments(), writer.files(), dead);
    round.MutableCold(table_id).floor = floor;
    round.batch().Put(kv::Family::kSegments, TableRecordKey(kFloorRecord, table_id), EncodeNumbers(floor.value));
    return Failpoint("flush.publish");
  };
  Status published = context.committer->RunInOrder(publish, Durability::kSync);
  // Where nobody knows whether the records are on disk the files stay: the next start finds out.
  if (published.ok() || published.error().outcome_unknown) writer.Keep();
  RETURN_IF_ERROR(published);
  SyncPoint("flush.after_publish");
  return JobOutput{.rows = writer.rows(), .files = ids.size(), .bytes = writer.bytes(), .kept_old = writer.kept_old()};
}

}  // namespace

Result<JobOutput> FlushHotRows(const StorageContext& context, TableId table, const std::function<bool()>& cancelled) {
  for (int tries = 1;; ++tries) {
    bool again = false;
    auto output = TryFlush(context, table, cancelled, &again);
    if (output.ok() || !again || tries == kMaxTries) return output;
  }
}

Status FindDeadRows(const kv::Store& store, const std::vector<SegmentId>& segments,
                    const std::vector<std::string>& keys, DeadRows* dead) {
  kv::Pinned value;
  for (const std::string& key : keys) {
    ASSIGN_OR_RETURN(kv::Lookup found, store.Get(kv::Family::kKeys, key, nullptr, kv::ReadTier::kAll, &value));
    if (found != kv::Lookup::kFound) continue;
    if (auto place = FindPlaceIn(segments, value.view())) (*dead)[place->segment].push_back(place->row);
  }
  return {};
}

Status CatchUp(const kv::Store& store, Watch& watch, const std::vector<SegmentId>& segments, DeadRows* dead) {
  while (watch.size() > kMaxCaughtUpInCommit) RETURN_IF_ERROR(FindDeadRows(store, segments, watch.Take(), dead));
  return {};
}

void RegisterSegments(Round& round, TableId table, const std::vector<SegmentRecord>& segments,
                      const std::vector<std::shared_ptr<SegmentFile>>& files, const DeadRows& dead) {
  TableCold& cold = round.MutableCold(table);
  for (size_t i = 0; i < segments.size(); ++i) {
    round.batch().Put(kv::Family::kSegments, SegmentRecordKey(kSegmentRecord, table, segments[i].id),
                      EncodeSegment(segments[i]));
    cold.segments.push_back({.record = std::make_shared<const SegmentRecord>(segments[i]),
                             .deleted = std::make_shared<const DeletionVector>(),
                             .file = files[i]});
  }
  std::sort(cold.segments.begin(), cold.segments.end(),
            [](const ColdSegment& a, const ColdSegment& b) { return a.record->id < b.record->id; });
  ++cold.generation;
  for (const auto& [segment, rows] : dead) {
    for (uint32_t row : rows) round.SetBit(table, segment, row);
  }
}

}  // namespace kalamdb::storage
