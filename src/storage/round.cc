// Comparing observations and building the batch of a round.
#include "storage/round.h"

#include <algorithm>

#include "row/key_codec.h"
#include "row/row_codec.h"
#include "storage/bulk.h"
#include "storage/change_log.h"
#include "storage/change_log_format.h"
#include "storage/key_index.h"
#include "storage/records.h"
#include "storage/watch.h"

namespace kalamdb::storage {
namespace {

Round::Verdict RefuseErased(Error* error) {
  *error = {ErrorCode::kUnauthenticated, "the user was dropped"};
  return Round::Verdict::kFailed;
}

}  // namespace

Round::Round(Input input) : input_(std::move(input)), seq_(input_.base->seq), catalog_(input_.base->catalog) {
  updated_ = std::max(input_.now, input_.base->committed_at);
}

const TableCold& Round::Cold(TableId table) const {
  auto it = cold_.find(table.value);
  if (it != cold_.end() && it->second != nullptr) return *it->second;
  return input_.base->ColdOf(table);
}

TableCold& Round::MutableCold(TableId table) {
  auto& slot = cold_[table.value];
  if (slot == nullptr) slot = std::make_unique<TableCold>(input_.base->ColdOf(table));
  return *slot;
}

void Round::EraseCold(TableId table) { cold_[table.value] = nullptr; }

Round::Verdict Round::Add(CommitRequest& request, Error* error) {
  catalog::SnapshotPtr catalog = catalog_;
  if (!request.catalog_changes.empty()) {
    auto applied = catalog_->Apply(request.catalog_changes);
    if (!applied.ok()) {
      *error = std::move(applied).error();
      return error->code == ErrorCode::kSchemaChanged ? Verdict::kSchema : Verdict::kFailed;
    }
    catalog = *std::move(applied);
  }
  if (Verdict verdict = Compare(request, *catalog, error); verdict != Verdict::kAdded) return verdict;

  seq_ = seq_.Next();
  auto commit = std::make_shared<Commit>();
  commit->seq = seq_;
  commit->updated = updated_;
  uint32_t ordinal = 0;
  for (WriteSet& write : request.writes) AddWrite(write, &ordinal);
  AddCatalogChanges(request, commit.get(), &ordinal);
  if (request.bulk != nullptr) AddBulk(request.bulk, &ordinal);
  for (const auto& [key, value] : request.system_records) {
    if (value) {
      batch_.Put(kv::Family::kSystem, key, *value);
      if (const auto user = UserOfErasureKey(key)) erased_.push_back(*user);
    } else {
      batch_.Delete(kv::Family::kSystem, key);
    }
  }
  catalog_ = std::move(catalog);
  commit->writes = std::move(request.writes);
  commit->catalog_changes = std::move(request.catalog_changes);
  commit->bulk = request.bulk;
  commits_.push_back(std::move(commit));
  return Verdict::kAdded;
}

bool Round::IsErased(UserId user) const {
  if (!user.is_set()) return false;
  return (input_.erased != nullptr && input_.erased->Contains(user)) ||
         std::find(erased_.begin(), erased_.end(), user) != erased_.end();
}

Round::Verdict Round::Compare(const CommitRequest& request, const catalog::Snapshot& catalog, Error* error) {
  for (const WriteSet& write : request.writes) {
    if (Verdict verdict = CompareWrite(write, catalog, error); verdict != Verdict::kAdded) return verdict;
  }
  for (const auto& watch : request.not_null) {
    if (!watch->saw_null()) continue;
    *error = {ErrorCode::kNotNullViolation, "a NULL came into the column while its rows were checked",
              "UPDATE the row, then try again"};
    return Verdict::kFailed;
  }
  if (request.bulk != nullptr) return CompareBulk(*request.bulk, catalog, error);
  return Verdict::kAdded;
}

Round::Verdict Round::CompareWrite(const WriteSet& write, const catalog::Snapshot& catalog, Error* error) {
  catalog::TablePtr now = catalog.FindTable(write.table->id);
  if (now == nullptr || now->write_version != write.table->write_version) return Verdict::kSchema;
  const TableCold& cold = Cold(write.table->id);
  for (const RowChange& change : write.changes) {
    if (IsErased(row::UserOfKey(change.key))) return RefuseErased(error);
    Verdict verdict = CompareKey(cold, write.cold_generation, change.key, change.observed, error);
    if (verdict != Verdict::kAdded) return verdict;
  }
  return Verdict::kAdded;
}

Round::Verdict Round::CompareKey(const TableCold& cold, uint64_t observed_generation, std::string_view key,
                                 const Place& observed, Error* error) {
  if (observed.kind == Place::Kind::kNone && observed_generation != cold.generation) return Verdict::kMoved;
  if (observed.kind == Place::Kind::kCold) {
    const ColdSegment* segment = cold.Find(observed.segment);
    if (segment == nullptr || segment->deleted->Test(observed.row)) return Verdict::kMoved;
  }
  if (auto changed = overlay_.find(key); changed != overlay_.end()) {
    // Nobody can have observed what this round makes; only "absent" may still be true.
    return observed.kind == Place::Kind::kNone && !changed->second ? Verdict::kAdded : Verdict::kMoved;
  }
  auto found = input_.store->Get(kv::Family::kRows, key, nullptr, input_.tier, &pinned_);
  if (!found.ok()) {
    *error = std::move(found).error();
    return Verdict::kFailed;
  }
  if (*found == kv::Lookup::kNotCached) return Verdict::kNotCached;
  Seq hot;  // unset: no hot row above the floor
  if (*found == kv::Lookup::kFound) hot = row::RowSeq(pinned_.view());
  if (hot <= cold.floor) hot = Seq();
  Seq expected = observed.kind == Place::Kind::kHot ? observed.hot_seq : Seq();
  return hot == expected ? Verdict::kAdded : Verdict::kMoved;
}

Round::Verdict Round::CompareBulk(const BulkCommit& bulk, const catalog::Snapshot& catalog, Error* error) {
  catalog::TablePtr now = catalog.FindTable(bulk.table->id);
  if (now == nullptr || now->write_version != bulk.table->write_version) return Verdict::kSchema;
  if (IsErased(bulk.user)) return RefuseErased(error);
  if (bulk.watch->overflowed()) return Verdict::kMoved;
  std::vector<SegmentId> ids;
  for (const SegmentRecord& segment : bulk.segments) {
    ids.push_back(segment.id);
    if (bulk.watch->BulkMeets(segment.min_key, segment.max_key)) return Verdict::kMoved;
  }
  for (const std::string& key : bulk.watch->Take()) {
    auto found = input_.store->Get(kv::Family::kKeys, key, nullptr, kv::ReadTier::kAll, &pinned_);
    if (!found.ok()) {
      *error = std::move(found).error();
      return Verdict::kFailed;
    }
    if (*found == kv::Lookup::kFound && FindPlaceIn(ids, pinned_.view())) return Verdict::kMoved;
  }
  for (const auto& [key, place] : bulk.replaced) {
    const TableCold& cold = Cold(bulk.table->id);
    Verdict verdict = CompareKey(cold, cold.generation, key, place, error);
    if (verdict != Verdict::kAdded) return verdict;
  }
  return Verdict::kAdded;
}

// The row that was at the observed place is no longer the key's.
void Round::LeavePlace(TableId table, const Place& observed) {
  if (observed.kind == Place::Kind::kCold) SetBit(table, observed.segment, observed.row);
}

void Round::AddWrite(WriteSet& write, uint32_t* ordinal) {
  TableId table = write.table->id;
  for (RowChange& change : write.changes) {
    KALAM_CHECK(change.row.size() >= row::kRowHeaderBytes && change.key.size() > row::kPartitionPrefixBytes);
    row::StampRow(change.row.data(), seq_, updated_);
    bool is_delete = change.kind == ChangeKind::kDelete;
    bool keeps_row = !is_delete || write.keep_deleted;
    if (keeps_row) {
      batch_.Put(kv::Family::kRows, change.key, change.row);
    } else if (change.observed.kind == Place::Kind::kHot) {
      batch_.Delete(kv::Family::kRows, change.key);
    }
    LeavePlace(table, change.observed);
    if (!input_.alone) overlay_[change.key] = keeps_row;

    EncodeChange({.kind = static_cast<uint8_t>(change.kind),
                  .key = row::PrimaryKeyOf(change.key),
                  .row = is_delete ? std::string_view() : std::string_view(change.row),
                  .old_row = change.old_row},
                 &scratch_);
    batch_.Put(kv::Family::kChanges, ChangeKey(table, row::UserOfKey(change.key), seq_, (*ordinal)++), scratch_);
  }
  rows_ += write.changes.size();
}

void Round::AddCatalogChanges(CommitRequest& request, Commit* commit, uint32_t* ordinal) {
  using Kind = catalog::Change::Kind;
  for (const catalog::Change& change : request.catalog_changes) {
    for (const auto& [key, value] : catalog::RecordsOf(change, *catalog_)) {
      if (value) {
        batch_.Put(kv::Family::kCatalog, key, *value);
      } else {
        batch_.Delete(kv::Family::kCatalog, key);
      }
    }
    if (change.kind != Kind::kPutTable && change.kind != Kind::kDropTable) continue;
    catalog::TablePtr before = catalog_->FindTable(change.table->id);
    commit->tables_before.push_back(before);
    bool dropped = change.kind == Kind::kDropTable;
    if (before == nullptr && dropped) continue;
    std::string new_version = LittleEndian32(dropped ? 0 : change.table->version().value);
    std::string old_version = LittleEndian32(before == nullptr ? 0 : before->version().value);
    EncodeChange({.kind = kSchemaChangeKind, .row = new_version, .old_row = old_version}, &scratch_);
    batch_.Put(kv::Family::kChanges, ChangeKey(change.table->id, kTablePartition, seq_, (*ordinal)++), scratch_);
    if (dropped)
      batch_.Put(kv::Family::kSegments, TableRecordKey(kDroppedRecord, before->id), EncodeNumbers(seq_.value));
  }
}

void Round::AddBulk(const std::shared_ptr<BulkCommit>& bulk, uint32_t* ordinal) {
  TableId table = bulk->table->id;
  TableCold& cold = MutableCold(table);
  std::string records;
  for (size_t i = 0; i < bulk->segments.size(); ++i) {
    SegmentRecord& segment = bulk->segments[i];
    segment.min_seq = segment.max_seq = seq_;
    segment.min_updated = segment.max_updated = updated_;
    std::string bytes = EncodeSegment(segment);
    batch_.Put(kv::Family::kSegments, SegmentRecordKey(kSegmentRecord, table, segment.id), bytes);
    batch_.Put(kv::Family::kSegments, SegmentRecordKey(kLogSegmentRecord, table, segment.id), bytes);
    records += LittleEndian32(static_cast<uint32_t>(bytes.size()));
    records += bytes;
    cold.segments.push_back({.record = std::make_shared<const SegmentRecord>(segment),
                             .deleted = std::make_shared<const DeletionVector>(),
                             .file = bulk->files[i]});
  }
  std::sort(cold.segments.begin(), cold.segments.end(),
            [](const ColdSegment& a, const ColdSegment& b) { return a.record->id < b.record->id; });
  ++cold.generation;
  for (const auto& [key, place] : bulk->replaced) {
    if (place.kind == Place::Kind::kHot) batch_.Delete(kv::Family::kRows, key);
    LeavePlace(table, place);
  }
  std::string user = LittleEndian64(bulk->user.value);
  EncodeChange({.kind = kBulkInsertKind, .key = user, .row = records}, &scratch_);
  batch_.Put(kv::Family::kChanges, ChangeKey(table, kTablePartition, seq_, (*ordinal)++), scratch_);
  rows_ += bulk->rows;
}

void Round::FlipBits(TableId table, SegmentId segment, const std::vector<uint32_t>& rows) {
  TableCold& cold = MutableCold(table);
  for (ColdSegment& candidate : cold.segments) {
    if (candidate.record->id != segment) continue;
    candidate.deleted = std::make_shared<const DeletionVector>(candidate.deleted->WithRows(rows));
    uint32_t written = UINT32_MAX;
    for (uint32_t row : rows) {
      uint32_t chunk = row / DeletionVector::kChunkRows;
      if (chunk == written) continue;
      written = chunk;
      batch_.Put(kv::Family::kSegments, ChunkRecordKey(table, segment, chunk),
                 EncodeChunk(*candidate.deleted->chunk(chunk)));
    }
    return;
  }
}

std::unique_ptr<ReadView> Round::Finish() {
  for (auto& [place, rows] : bits_) {
    std::sort(rows.begin(), rows.end());
    FlipBits(TableId(place.first), SegmentId(place.second), rows);
  }
  auto view = std::make_unique<ReadView>();
  const ReadView& base = *input_.base;
  view->seq = seq_;
  view->epoch = base.epoch;
  view->committed_at = commits_.empty() ? base.committed_at : updated_;
  view->catalog = catalog_;
  view->cold_by_table = base.cold_by_table;
  for (auto& [table, cold] : cold_) {
    view->cold_by_table = cold == nullptr ? view->cold_by_table.Erase(table)
                                          : view->cold_by_table.Set(table, TableColdPtr(std::move(cold)));
  }
  if (seq_ != base.seq) {
    batch_.Put(kv::Family::kSystem, kLastKey, EncodeNumbers(seq_.value, static_cast<uint64_t>(view->committed_at)));
  }
  return view;
}

}  // namespace kalamdb::storage
