// Encoding and decoding of change-log entries.
#include "storage/change_log_format.h"

#include <cstring>

#include "storage/records.h"

namespace kalamdb::storage {
namespace {

constexpr uint8_t kFormat = 0x01;
constexpr size_t kHeaderBytes = 16;

void PutLittle32(uint32_t value, char* out) {
  for (int i = 0; i < 4; ++i) out[i] = static_cast<char>(value >> 8 * i & 0xFF);
}

Error Damaged() {
  return {ErrorCode::kStorageUnavailable, "an entry of the change log is damaged",
          "restore the data directory from a backup"};
}

}  // namespace

std::string ChangeKey(TableId table, UserId user, Seq seq, uint32_t ordinal) {
  std::string key;
  key.reserve(kChangeKeyBytes);
  AppendBig32(table.value, &key);
  AppendBig64(user.value, &key);
  AppendBig64(seq.value, &key);
  AppendBig32(ordinal, &key);
  return key;
}

Seq SeqOfChangeKey(std::string_view key) { return Seq(ReadBig64(key.data() + 12)); }
uint32_t OrdinalOfChangeKey(std::string_view key) { return ReadBig32(key.data() + 20); }

void EncodeChange(const ChangeEntry& entry, std::string* out) {
  char header[kHeaderBytes] = {};
  header[0] = static_cast<char>(kFormat);
  header[1] = static_cast<char>(entry.kind);
  PutLittle32(static_cast<uint32_t>(entry.key.size()), header + 4);
  PutLittle32(static_cast<uint32_t>(entry.row.size()), header + 8);
  PutLittle32(static_cast<uint32_t>(entry.old_row.size()), header + 12);
  out->assign(header, kHeaderBytes);
  *out += entry.key;
  *out += entry.row;
  *out += entry.old_row;
}

Result<ChangeEntry> DecodeChange(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes || static_cast<uint8_t>(bytes[0]) != kFormat) return Damaged();
  ChangeEntry entry;
  entry.kind = static_cast<uint8_t>(bytes[1]);
  size_t key = ReadLittle32(bytes.substr(4)), row = ReadLittle32(bytes.substr(8)),
         old_row = ReadLittle32(bytes.substr(12));
  if (kHeaderBytes + key + row + old_row != bytes.size()) return Damaged();
  entry.key = bytes.substr(kHeaderBytes, key);
  entry.row = bytes.substr(kHeaderBytes + key, row);
  entry.old_row = bytes.substr(kHeaderBytes + key + row);
  return entry;
}

Status ForEachBulkSegment(std::string_view records, const std::function<Status(const SegmentPtr&)>& visit) {
  while (records.size() >= 4) {
    size_t size = ReadLittle32(records);
    if (records.size() - 4 < size) return Damaged();
    ASSIGN_OR_RETURN(SegmentPtr segment, DecodeSegment(records.substr(4, size)));
    records.remove_prefix(4 + size);
    RETURN_IF_ERROR(visit(segment));
  }
  return {};
}

std::string LittleEndian32(uint32_t value) {
  char bytes[4];
  PutLittle32(value, bytes);
  return std::string(bytes, sizeof(bytes));
}
std::string LittleEndian64(uint64_t value) {
  return LittleEndian32(static_cast<uint32_t>(value)) + LittleEndian32(static_cast<uint32_t>(value >> 32));
}
uint32_t ReadLittle32(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value |= uint32_t{static_cast<uint8_t>(bytes[i])} << 8 * i;
  return value;
}
uint64_t ReadLittle64(std::string_view bytes) {
  return ReadLittle32(bytes) | uint64_t{ReadLittle32(bytes.substr(4))} << 32;
}

}  // namespace kalamdb::storage
