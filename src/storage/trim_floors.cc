// The rule that compaction asks.
#include "storage/trim_floors.h"

#include <algorithm>

#include "row/key_codec.h"
#include "row/row_codec.h"
#include "storage/change_log_format.h"
#include "storage/key_index.h"

namespace kalamdb::storage {

bool TrimFloors::IsLeftOver(std::string_view index_value) const {
  MutexLock lock(mutex_);
  for (size_t at = 0; at + kColdPlaceBytes <= index_value.size(); at += kColdPlaceBytes) {
    SegmentId segment = ReadColdPlace(index_value.data() + at).segment;
    bool gone = segment < first_id_ ? !std::binary_search(at_start_.begin(), at_start_.end(), segment)
                                    : abandoned_.contains(segment);
    if (!gone) return false;
  }
  return true;
}

bool TrimFloors::MayDrop(kv::Family family, std::string_view key, std::string_view value) const {
  if (family == kv::Family::kChanges) return key.size() == kChangeKeyBytes && SeqOfChangeKey(key).value <= log_floor_;
  if (family == kv::Family::kKeys) return value.size() % kColdPlaceBytes == 0 && IsLeftOver(value);
  if (family != kv::Family::kRows || key.size() < row::kPartitionPrefixBytes || value.size() < row::kRowHeaderBytes)
    return false;
  return row::RowSeq(value) <= FloorOf(row::TableOfKey(key));
}

}  // namespace kalamdb::storage
