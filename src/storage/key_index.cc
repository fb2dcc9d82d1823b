// Reading and writing index values.
#include "storage/key_index.h"

#include <algorithm>

#include "row/key_codec.h"
#include "storage/records.h"

namespace kalamdb::storage {

void AppendColdPlace(const ColdPlace& place, std::string* value) {
  AppendBig64(place.segment.value, value);
  AppendBig32(place.row, value);
}

ColdPlace ReadColdPlace(const char* bytes) { return {SegmentId(ReadBig64(bytes)), ReadBig32(bytes + 8)}; }

Result<std::optional<ColdPlace>> FindLivePlace(const TableCold& cold, std::string_view value) {
  if (value.size() % kColdPlaceBytes != 0)
    return Error{ErrorCode::kStorageUnavailable, "an entry of the key index is damaged"};
  for (size_t at = 0; at < value.size(); at += kColdPlaceBytes) {
    ColdPlace place = ReadColdPlace(value.data() + at);
    const ColdSegment* segment = cold.Find(place.segment);
    if (segment != nullptr && !segment->deleted->Test(place.row)) return std::optional(place);
  }
  return std::optional<ColdPlace>();
}

std::optional<ColdPlace> FindPlaceIn(const std::vector<SegmentId>& segments, std::string_view value) {
  for (size_t at = 0; at + kColdPlaceBytes <= value.size(); at += kColdPlaceBytes) {
    ColdPlace place = ReadColdPlace(value.data() + at);
    if (std::binary_search(segments.begin(), segments.end(), place.segment)) return place;
  }
  return std::nullopt;
}

void KeyIndex::AddPending(SegmentId segment) {
  MutexLock lock(mutex_);
  pending_.insert(segment);
}

void KeyIndex::RemovePending(SegmentId segment) {
  MutexLock lock(mutex_);
  pending_.erase(segment);
}

bool KeyIndex::Counts(const ColdPlace& place, const TableCold& durable, const TableCold& newest) const {
  const ColdSegment* known = durable.Find(place.segment);
  if (known != nullptr && known->deleted->Test(place.row)) return false;
  // In this order: a segment leaves `pending_` only after the view that names it is there.
  return pending_.contains(place.segment) || newest.Find(place.segment) != nullptr;
}

Status KeyIndex::Write(SegmentId segment, const Entries& entries, const ReadView& durable,
                       const std::function<ReadViewPtr()>& newest, bool keys_are_fresh) {
  if (entries.empty()) return {};
  kv::Batch batch;
  MutexLock lock(mutex_);
  TableId table = row::TableOfKey(entries.front().first);
  ReadViewPtr now = newest();
  const TableCold& durable_cold = durable.ColdOf(table);
  const TableCold& newest_cold = now->ColdOf(table);
  kv::Pinned before;
  for (const auto& [key, row] : entries) {
    std::string value;
    AppendColdPlace({segment, row}, &value);
    if (!keys_are_fresh) {
      ASSIGN_OR_RETURN(kv::Lookup found, store_->Get(kv::Family::kKeys, key, nullptr, kv::ReadTier::kAll, &before));
      std::string_view old = found == kv::Lookup::kFound ? before.view() : std::string_view();
      for (size_t at = 0; at + kColdPlaceBytes <= old.size(); at += kColdPlaceBytes) {
        ColdPlace place = ReadColdPlace(old.data() + at);
        if (place.segment != segment && Counts(place, durable_cold, newest_cold)) AppendColdPlace(place, &value);
      }
    }
    batch.Put(kv::Family::kKeys, key, value);
  }
  return store_->Write(batch, {.use_wal = false});
}

Status KeyIndex::Prune(const std::vector<std::string>& keys, const ReadView& durable,
                       const std::function<ReadViewPtr()>& newest) {
  if (keys.empty()) return {};
  kv::Batch batch;
  MutexLock lock(mutex_);
  TableId table = row::TableOfKey(keys.front());
  ReadViewPtr now = newest();
  kv::Pinned before;
  for (const std::string& key : keys) {
    ASSIGN_OR_RETURN(kv::Lookup found, store_->Get(kv::Family::kKeys, key, nullptr, kv::ReadTier::kAll, &before));
    if (found != kv::Lookup::kFound) continue;
    std::string value;
    for (size_t at = 0; at + kColdPlaceBytes <= before.view().size(); at += kColdPlaceBytes) {
      ColdPlace place = ReadColdPlace(before.view().data() + at);
      if (Counts(place, durable.ColdOf(table), now->ColdOf(table))) AppendColdPlace(place, &value);
    }
    if (value.empty()) {
      batch.Delete(kv::Family::kKeys, key);
    } else if (value.size() != before.view().size()) {
      batch.Put(kv::Family::kKeys, key, value);
    }
  }
  return batch.Count() == 0 ? Status() : store_->Write(batch, {.use_wal = false});
}

}  // namespace kalamdb::storage
