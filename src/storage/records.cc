// Bytes of storage's own records.
#include "storage/records.h"

#include "catalog/record_bytes.h"

namespace kalamdb::storage {
namespace {
constexpr uint8_t kFormat = 0x01;
}  // namespace

void AppendBig32(uint32_t value, std::string* out) {
  for (int shift = 24; shift >= 0; shift -= 8) *out += static_cast<char>(value >> shift & 0xFF);
}
void AppendBig64(uint64_t value, std::string* out) {
  for (int shift = 56; shift >= 0; shift -= 8) *out += static_cast<char>(value >> shift & 0xFF);
}
uint32_t ReadBig32(const char* bytes) {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}
uint64_t ReadBig64(const char* bytes) { return uint64_t{ReadBig32(bytes)} << 32 | ReadBig32(bytes + 4); }

std::string TableRecordKey(char kind, TableId table) {
  std::string key(1, kind);
  AppendBig32(table.value, &key);
  return key;
}
std::string SegmentRecordKey(char kind, TableId table, SegmentId segment) {
  std::string key = TableRecordKey(kind, table);
  AppendBig64(segment.value, &key);
  return key;
}
std::string ChunkRecordKey(TableId table, SegmentId segment, uint32_t chunk) {
  std::string key = SegmentRecordKey(kChunkRecord, table, segment);
  AppendBig32(chunk, &key);
  return key;
}
std::string EpochKey(uint64_t epoch) {
  std::string key(kEpochPrefix);
  AppendBig64(epoch, &key);
  return key;
}
std::string MarkKey(Micros time) {
  std::string key(kMarkPrefix);
  AppendBig64(static_cast<uint64_t>(time), &key);
  return key;
}

std::string ErasureKey(UserId user) {
  std::string key(kErasePrefix);
  AppendBig64(user.value, &key);
  return key;
}
std::optional<UserId> UserOfErasureKey(std::string_view record_key) {
  if (!record_key.starts_with(kErasePrefix) || record_key.size() != kErasePrefix.size() + 8) return std::nullopt;
  return UserId(ReadBig64(record_key.data() + kErasePrefix.size()));
}

std::string EncodeNumbers(uint64_t first, uint64_t second) {
  catalog::RecordWriter out(kFormat);
  out.Varint(first);
  out.Varint(second);
  return out.Take();
}

Result<Numbers> DecodeNumbers(std::string_view record_key, std::string_view bytes) {
  catalog::RecordReader in(bytes);
  Numbers numbers;
  numbers.first = in.Varint();
  numbers.second = in.Varint();
  if (in.format() == kFormat && in.Done()) return numbers;
  std::string shown(record_key.substr(0, record_key.starts_with(kOwnPrefix) ? record_key.size() : 1));
  return Error{ErrorCode::kStorageUnavailable, "the storage record '" + shown + "' is damaged or of a newer version",
               "restore the data directory from a backup"};
}

}  // namespace kalamdb::storage
