// Bytes of change-log entries (the grammar is at the top of change_log.h).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/ids.h"
#include "storage/segment.h"

namespace kalamdb::storage {

// Kinds 1 to 3 are ChangeKind. In the table's reserved partition:
//   kSchemaChange: row = new version (4, little-endian; 0 = dropped), old row = old version (4; 0 = the table was made)
//   kBulkInsert:   key = user id (8, little-endian), row = for each segment: length (4, little-endian), segment record
inline constexpr uint8_t kSchemaChangeKind = 4;
inline constexpr uint8_t kBulkInsertKind = 5;

inline constexpr size_t kChangeKeyBytes = 24;
std::string ChangeKey(TableId table, UserId user, Seq seq, uint32_t ordinal);
Seq SeqOfChangeKey(std::string_view key);  // REQUIRES: kChangeKeyBytes
uint32_t OrdinalOfChangeKey(std::string_view key);

struct ChangeEntry {
  uint8_t kind = 0;
  std::string_view key, row, old_row;
};
// Replaces *out: it is reused from entry to entry.
void EncodeChange(const ChangeEntry& entry, std::string* out);
Result<ChangeEntry> DecodeChange(std::string_view bytes);  // views into `bytes`

// The segments that the row of a kBulkInsert entry names, in order.
Status ForEachBulkSegment(std::string_view records, const std::function<Status(const SegmentPtr&)>& visit);

std::string LittleEndian32(uint32_t value);
std::string LittleEndian64(uint64_t value);
uint32_t ReadLittle32(std::string_view bytes);  // REQUIRES: 4 bytes
uint64_t ReadLittle64(std::string_view bytes);  // REQUIRES: 8 bytes

}  // namespace kalamdb::storage
