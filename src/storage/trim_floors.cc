// The rule that compaction asks.
#include "storage/trim_floors.h"

#include "row/key_codec.h"
#include "row/row_codec.h"
#include "storage/change_log_format.h"

namespace kalamdb::storage {

bool TrimFloors::MayDrop(kv::Family family, std::string_view key, std::string_view value) const {
  if (family == kv::Family::kChanges) return key.size() == kChangeKeyBytes && SeqOfChangeKey(key).value <= log_floor_;
  if (family != kv::Family::kRows || key.size() < row::kPartitionPrefixBytes || value.size() < row::kRowHeaderBytes)
    return false;
  return row::RowSeq(value) <= FloorOf(row::TableOfKey(key));
}

}  // namespace kalamdb::storage
