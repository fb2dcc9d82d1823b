// Finding the row of one key: hot above the floor, else where the key index says.
#include "storage/rows.h"

#include "row/key_codec.h"
#include "row/row_codec.h"
#include "storage/cold_file.h"
#include "storage/key_index.h"

namespace kalamdb::storage {
namespace {

Error DamagedRow() {
  return {ErrorCode::kStorageUnavailable, "a hot row is damaged", "restore the data directory from a backup"};
}

Result<ReadOutcome> FindHot(const ReadView& view, const kv::Store& store, std::string_view row_key, kv::ReadTier tier,
                            FoundRow* out) {
  out->place = {};
  out->deleted = false;
  out->row = {};
  ASSIGN_OR_RETURN(kv::Lookup found, store.Get(kv::Family::kRows, row_key, view.snapshot.get(), tier, &out->pinned));
  if (found == kv::Lookup::kNotCached) return ReadOutcome::kNotCached;
  if (found == kv::Lookup::kAbsent) return ReadOutcome::kDone;
  std::string_view bytes = out->pinned.view();
  if (bytes.size() < row::kRowHeaderBytes) return DamagedRow();
  if (row::RowSeq(bytes) <= view.ColdOf(row::TableOfKey(row_key)).floor) return ReadOutcome::kDone;
  out->row = bytes;
  out->deleted = row::RowIsDeleted(bytes);
  out->place = {.kind = Place::Kind::kHot, .hot_seq = row::RowSeq(bytes)};
  return ReadOutcome::kDone;
}

Result<ReadOutcome> FindCold(const ReadView& view, const kv::Store& store, ColdFileFormat* format,
                             std::string_view row_key, kv::ReadTier tier, FoundRow* out) {
  TableId table_id = row::TableOfKey(row_key);
  const TableCold& cold = view.ColdOf(table_id);
  if (cold.segments.empty()) return ReadOutcome::kDone;
  ASSIGN_OR_RETURN(kv::Lookup found, store.Get(kv::Family::kKeys, row_key, view.snapshot.get(), tier, &out->pinned));
  if (found == kv::Lookup::kNotCached) return ReadOutcome::kNotCached;
  if (found == kv::Lookup::kAbsent) return ReadOutcome::kDone;
  ASSIGN_OR_RETURN(std::optional<ColdPlace> place, FindLivePlace(cold, out->pinned.view()));
  out->pinned = {};
  if (!place) return ReadOutcome::kDone;
  catalog::TablePtr table = view.catalog->FindTable(table_id);
  if (table == nullptr) return ReadOutcome::kDone;
  const SegmentRecord& segment = *cold.Find(place->segment)->record;
  if (format == nullptr || !format->FindCachedRow(segment, place->row, &out->owned)) {
    if (tier == kv::ReadTier::kCacheOnly) return ReadOutcome::kNotCached;
    KALAM_CHECK(format != nullptr);
    std::vector<std::string> rows;
    RETURN_IF_ERROR(format->ReadRows(*table, segment, std::span(&place->row, 1), &rows));
    KALAM_CHECK(rows.size() == 1);
    out->owned = std::move(rows[0]);
  }
  out->row = out->owned;
  if (out->row.size() < row::kRowHeaderBytes) return DamagedRow();
  out->deleted = row::RowIsDeleted(out->row);
  out->place = {.kind = Place::Kind::kCold, .segment = place->segment, .row = place->row};
  return ReadOutcome::kDone;
}

}  // namespace

Result<ReadOutcome> FindRow(const ReadView& view, const kv::Store& store, ColdFileFormat* format,
                            std::string_view row_key, kv::ReadTier tier, FoundRow* out) {
  ASSIGN_OR_RETURN(ReadOutcome hot, FindHot(view, store, row_key, tier, out));
  if (hot == ReadOutcome::kNotCached || out->place.kind == Place::Kind::kHot) return hot;
  return FindCold(view, store, format, row_key, tier, out);
}

Status FindHotRow(const ReadView& view, const kv::Store& store, std::string_view row_key, FoundRow* out) {
  auto outcome = FindHot(view, store, row_key, kv::ReadTier::kAll, out);
  return outcome.ok() ? Status() : Status(std::move(outcome).error());
}

}  // namespace kalamdb::storage
