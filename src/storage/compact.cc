// Choosing segments, merging their rows, swapping them.
#include "storage/compact.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/failpoint.h"
#include "row/key_codec.h"
#include "row/row_codec.h"
#include "storage/records.h"
#include "storage/segment_reader.h"
#include "storage/upgrading_writer.h"

namespace kalamdb::storage {
namespace {

constexpr uint64_t kSmallShare = 4;       // smaller than a quarter of the target
constexpr size_t kSmallSegments = 8;      // so many of them start a compaction
constexpr uint64_t kDeletedShare = 3;     // a third of the rows is dead
constexpr uint64_t kOldSchemaShare = 10;  // a tenth of the rows has an old schema version
constexpr size_t kPruneBatch = 1000;
constexpr size_t kMaxLeftOut = 500'000;  // keys remembered to be pruned; entries of others stay, and do not count
constexpr uint64_t kAskCancelled = 256;
constexpr int kMaxTries = 3;

bool IsSmall(const ColdSegment& segment, uint64_t target) { return segment.record->bytes < target / kSmallShare; }
bool IsDeletedHeavy(const ColdSegment& segment) {
  return segment.deleted->count() * kDeletedShare >= segment.record->rows && segment.deleted->count() != 0;
}
// A file written now would have other columns. What else a version changes (comments, options, defaults, NOT NULL) is
// no reason to write rows anew.
bool IsOld(const ColdSegment& segment, const catalog::Table& table) {
  if (segment.record->schema_version == table.version()) return false;
  const auto& then = table.schemas[segment.record->schema_version.value - 1]->columns();
  const auto& now = table.schema()->columns();
  return !std::equal(then.begin(), then.end(), now.begin(), now.end(), [](const row::Column& a, const row::Column& b) {
    return a.id == b.id && a.type == b.type && a.name == b.name;
  });
}

UserId UserOf(const ColdSegment& unordered) { return unordered.record->users.front().user; }

// Small segments that would be fewer afterwards: those in key order merge with each other, others within their user.
std::set<SegmentId> MergeableSmall(const TableCold& cold, uint64_t target) {
  std::map<std::pair<bool, uint64_t>, std::vector<SegmentId>> groups;
  for (const ColdSegment& segment : cold.segments) {
    if (!IsSmall(segment, target)) continue;
    bool key_order = segment.record->key_order;
    groups[{key_order, key_order ? 0 : UserOf(segment).value}].push_back(segment.record->id);
  }
  std::set<SegmentId> mergeable;
  for (const auto& [group, ids] : groups) {
    if (ids.size() > 1) mergeable.insert(ids.begin(), ids.end());
  }
  return mergeable;
}

// Writes the live rows of segments; used for those in key order together, and for the others one after the other.
class Merger {
 public:
  Merger(const StorageContext& context, catalog::TablePtr table, ReadViewPtr view,
         const std::function<bool()>& cancelled)
      : context_(context),
        table_(std::move(table)),
        view_(std::move(view)),
        cancelled_(cancelled),
        writer_(context, table_, view_) {
    const auto& retention = table_->options.deleted_retention_s;
    drop_before_ =
        retention ? context.clock->NowMicros() - static_cast<Micros>(*retention) * kMicrosPerSecond : INT64_MAX;
  }

  Status WriteMerged(const std::vector<ColdSegment>& inputs) {
    struct Input {
      std::unique_ptr<SegmentReader> reader;
      const SegmentReader::Row* row;
    };
    std::vector<Input> open;
    auto later = [](const Input& a, const Input& b) { return a.row->key > b.row->key; };
    auto advance = [&](Input input) -> Status {
      ASSIGN_OR_RETURN(input.row, input.reader->Next());
      if (input.row == nullptr) return {};
      open.push_back(std::move(input));
      std::push_heap(open.begin(), open.end(), later);
      return {};
    };
    for (const ColdSegment& input : inputs) {
      RETURN_IF_ERROR(advance({std::make_unique<SegmentReader>(context_.format, table_, input), nullptr}));
    }
    while (!open.empty()) {
      std::pop_heap(open.begin(), open.end(), later);
      Input least = std::move(open.back());
      open.pop_back();
      RETURN_IF_ERROR(Take(*least.row));
      RETURN_IF_ERROR(advance(std::move(least)));
    }
    return {};
  }

  Status Finish() {
    RETURN_IF_ERROR(Prune());
    return writer_.Finish();
  }
  UpgradingWriter& writer() { return writer_; }

  // Index entries of rows that were left out for good. Once the inputs are gone for certain.
  Status ForgetLeftOut() {
    if (left_out_.empty()) return {};
    ReadViewPtr now = context_.committer->View();
    RETURN_IF_ERROR(context_.store->SyncWal());
    for (size_t i = 0; i < left_out_.size(); i += kPruneBatch) {
      auto end = left_out_.begin() + static_cast<ptrdiff_t>(std::min(i + kPruneBatch, left_out_.size()));
      std::vector<std::string> keys(left_out_.begin() + static_cast<ptrdiff_t>(i), end);
      RETURN_IF_ERROR(context_.key_index->Prune(keys, *now, [this] { return context_.committer->View(); }));
    }
    return {};
  }

 private:
  Status Take(const SegmentReader::Row& row) {
    if (++seen_ % kAskCancelled == 0 && cancelled_()) return Error{ErrorCode::kCancelled, "the job was cancelled"};
    if (row.dead) {
      dead_keys_.push_back(row.key);
      return dead_keys_.size() < kPruneBatch ? Status() : Prune();
    }
    if (row::RowIsDeleted(row.row) && row::RowUpdated(row.row) < drop_before_) {
      if (left_out_.size() < kMaxLeftOut) left_out_.push_back(row.key);
      return {};
    }
    return writer_.Append(row.key, row.row);
  }

  Status Prune() {
    Committer* committer = context_.committer;
    RETURN_IF_ERROR(context_.key_index->Prune(dead_keys_, *view_, [committer] { return committer->View(); }));
    dead_keys_.clear();
    return {};
  }

  const StorageContext& context_;
  const catalog::TablePtr table_;
  const ReadViewPtr view_;
  const std::function<bool()>& cancelled_;
  UpgradingWriter writer_;
  Micros drop_before_ = 0;
  uint64_t seen_ = 0;
  std::vector<std::string> dead_keys_;
  std::vector<std::string> left_out_;
};

// Takes the inputs out of the round: records, bits, and the table's list.
Status RemoveInputs(Round& round, TableId table, const std::vector<ColdSegment>& inputs) {
  TableCold& cold = round.MutableCold(table);
  for (const ColdSegment& input : inputs) {
    SegmentId id = input.record->id;
    auto it = std::find_if(cold.segments.begin(), cold.segments.end(),
                           [id](const ColdSegment& segment) { return segment.record->id == id; });
    if (it == cold.segments.end()) return Error{ErrorCode::kWriteConflict, "a segment has gone while it was compacted"};
    round.batch().Delete(kv::Family::kSegments, SegmentRecordKey(kSegmentRecord, table, id));
    auto chunks = static_cast<uint32_t>(input.record->rows / DeletionVector::kChunkRows + 1);
    for (uint32_t chunk = 0; chunk < chunks; ++chunk) {
      if (it->deleted->chunk(chunk) != nullptr)
        round.batch().Delete(kv::Family::kSegments, ChunkRecordKey(table, id, chunk));
    }
    cold.segments.erase(it);
  }
  return {};
}

using Choose = std::function<std::vector<ColdSegment>(const TableCold& cold, const catalog::Table& table)>;

Result<JobOutput> TryCompact(const StorageContext& context, TableId table_id, const Choose& choose,
                             const std::function<bool()>& cancelled, bool* again) {
  auto [view, watch] = context.committer->ViewWithWatch(table_id);
  catalog::TablePtr table = view->catalog->FindTable(table_id);
  if (table == nullptr) return JobOutput();
  std::vector<ColdSegment> inputs = choose(view->ColdOf(table_id), *table);
  if (inputs.empty()) return JobOutput();
  RETURN_IF_ERROR(context.store->SyncWal());
  SyncPoint("compact.after_view");

  std::vector<ColdSegment> ordered, unordered;
  for (const ColdSegment& input : inputs) (input.record->key_order ? ordered : unordered).push_back(input);
  // Each of these has rows of one user only, and so have the outputs.
  std::sort(unordered.begin(), unordered.end(), [](const ColdSegment& a, const ColdSegment& b) {
    return std::pair(UserOf(a), a.record->id) < std::pair(UserOf(b), b.record->id);
  });
  Merger merged(context, table, view, cancelled), appended(context, table, view, cancelled);
  RETURN_IF_ERROR(merged.WriteMerged(ordered));
  for (size_t i = 0; i < unordered.size(); ++i) {
    if (i != 0 && UserOf(unordered[i]) != UserOf(unordered[i - 1])) RETURN_IF_ERROR(appended.writer().Cut());
    RETURN_IF_ERROR(appended.WriteMerged({unordered[i]}));
  }
  RETURN_IF_ERROR(merged.Finish());
  RETURN_IF_ERROR(appended.Finish());
  SyncPoint("compact.before_publish");

  std::vector<SegmentId> outputs = merged.writer().ids();
  const std::vector<SegmentId> others = appended.writer().ids();
  outputs.insert(outputs.end(), others.begin(), others.end());
  std::sort(outputs.begin(), outputs.end());
  DeadRows dead;
  RETURN_IF_ERROR(CatchUp(*context.store, *watch, outputs, &dead));
  auto publish = [&, watching = watch](Round& round) -> Status {
    if (watching->overflowed()) {
      *again = true;
      return Error{ErrorCode::kWriteConflict, "too many rows changed while the table was compacted"};
    }
    if (round.base().catalog->FindTable(table_id) == nullptr)
      return Error{ErrorCode::kCancelled, "the table was dropped"};
    RETURN_IF_ERROR(FindDeadRows(round.store(), outputs, watching->Take(), &dead));
    RETURN_IF_ERROR(RemoveInputs(round, table_id, inputs));
    RegisterSegments(round, table_id, merged.writer().segments(), merged.writer().files(), {});
    RegisterSegments(round, table_id, appended.writer().segments(), appended.writer().files(), dead);
    return Failpoint("compact.publish");
  };
  Status published = context.committer->RunInOrder(publish, Durability::kSync);
  if (published.ok() || published.error().outcome_unknown) {
    merged.writer().Keep();
    appended.writer().Keep();
  }
  RETURN_IF_ERROR(published);
  for (const ColdSegment& input : inputs) input.file->Drop();
  for (Merger* merger : {&merged, &appended}) {
    Status forgotten = merger->ForgetLeftOut();
    if (!forgotten.ok()) context.logger->Warn("index_not_pruned", {{"error", forgotten.error().message}});
  }
  std::vector<SegmentId> kept_old = merged.writer().kept_old();
  const std::vector<SegmentId> more = appended.writer().kept_old();
  kept_old.insert(kept_old.end(), more.begin(), more.end());
  return JobOutput{.rows = merged.writer().rows() + appended.writer().rows(),
                   .files = outputs.size(),
                   .bytes = merged.writer().bytes() + appended.writer().bytes(),
                   .kept_old = std::move(kept_old)};
}

Result<JobOutput> Compact(const StorageContext& context, TableId table, const Choose& choose,
                          const std::function<bool()>& cancelled) {
  for (int tries = 1;; ++tries) {
    bool again = false;
    auto output = TryCompact(context, table, choose, cancelled, &again);
    if (output.ok() || !again || tries == kMaxTries) return output;
  }
}

}  // namespace

std::vector<ColdSegment> SegmentsToCompact(const TableCold& cold, const catalog::Table& table,
                                           uint64_t segment_target_bytes) {
  std::set<SegmentId> small = MergeableSmall(cold, segment_target_bytes);
  std::vector<ColdSegment> chosen;
  for (const ColdSegment& segment : cold.segments) {
    bool worn = IsDeletedHeavy(segment) || IsOld(segment, table);
    if (!worn && !small.contains(segment.record->id)) continue;
    chosen.push_back(segment);
    if (chosen.size() == kMaxCompactedSegments) break;
  }
  return chosen;
}

bool NeedsCompaction(const TableCold& cold, const catalog::Table& table, uint64_t segment_target_bytes,
                     const std::set<SegmentId>& kept_old) {
  uint64_t rows = 0, old_rows = 0;
  for (const ColdSegment& segment : cold.segments) {
    if (IsDeletedHeavy(segment)) return true;
    rows += segment.record->rows;
    if (IsOld(segment, table) && !kept_old.contains(segment.record->id)) old_rows += segment.record->rows;
  }
  if (old_rows != 0 && old_rows * kOldSchemaShare >= rows) return true;
  return cold.segments.size() >= kSmallSegments && MergeableSmall(cold, segment_target_bytes).size() >= kSmallSegments;
}

Result<JobOutput> CompactSegments(const StorageContext& context, TableId table,
                                  const std::function<bool()>& cancelled) {
  auto choose = [&](const TableCold& cold, const catalog::Table& now) {
    return SegmentsToCompact(cold, now, context.segment_target_bytes);
  };
  return Compact(context, table, choose, cancelled);
}

Result<JobOutput> RewriteWithout(const StorageContext& context, TableId table, UserId user,
                                 const std::function<bool()>& cancelled) {
  auto choose = [&](const TableCold& cold, const catalog::Table&) {
    std::vector<ColdSegment> chosen;
    for (const ColdSegment& segment : cold.segments) {
      auto [first, end] = RowsOfUser(*segment.record, user);
      if (first != end && chosen.size() < kMaxCompactedSegments) chosen.push_back(segment);
    }
    return chosen;
  };
  return Compact(context, table, choose, cancelled);
}

}  // namespace kalamdb::storage
