// Bytes of a hot row: a header the committer completes, then the columns of one schema version, readable without a scan.
//
//   header (24 bytes, little-endian): format 0x01 (1) | flags (1) | reserved 0 (2) | schema version (4) | _seq (8) | _updated (8)
//   body: null bits, ceil(n/8) bytes; bit i%8 of byte i/8 set: column i is NULL
//         fixed slots in ordinal order: BOOLEAN 1, SMALLINT 2, INT/FLOAT/DATE 4, BIGINT/DOUBLE/TIME/TIMESTAMP(TZ) 8, DECIMAL 16
//         (little-endian), UUID 16 (big-endian), TEXT/BYTES/JSON/EMBEDDING 4: where its bytes end within the variable part
//         variable part: the bytes of those columns one behind the other (start = end of the one before; NULL: end = start)
// Offsets depend on the schema version only (RowLayout). Frozen by golden tests; docs/formats/row.md.
// Workers encode with _seq = _updated = 0; the committer writes both in place (StampRow): nothing is encoded in a commit round.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "row/schema.h"
#include "row/value.h"

namespace kalamdb::row {

inline constexpr size_t kRowHeaderBytes = 24;
inline constexpr uint8_t kRowFormat = 0x01;
inline constexpr uint8_t kRowFlagDeleted = 0x01;

// Offsets of one schema version. Immutable, shared, thread-safe.
class RowLayout {
 public:
  static constexpr int32_t kNone = -1;   // no variable column stands before
  static constexpr int32_t kFixed = -2;  // not a variable column

  explicit RowLayout(const Schema& schema);
  size_t column_count() const { return offsets_.size(); }
  uint32_t offset(size_t ordinal) const { return offsets_[ordinal]; }  // of the fixed slot, from the row's first byte
  bool is_variable(size_t ordinal) const { return previous_variable_[ordinal] != kFixed; }
  // Ordinal of the variable column before this one, or kNone. REQUIRES: is_variable(ordinal).
  int32_t previous_variable(size_t ordinal) const { return previous_variable_[ordinal]; }
  uint32_t variable_start() const { return variable_start_; }

 private:
  std::vector<uint32_t> offsets_;
  std::vector<int32_t> previous_variable_;
  uint32_t variable_start_ = 0;
};

// Header fields. REQUIRES of all: row.size() >= kRowHeaderBytes.
inline bool RowIsDeleted(std::string_view row) { return (static_cast<uint8_t>(row[1]) & kRowFlagDeleted) != 0; }
SchemaVersion RowVersion(std::string_view row);
Seq RowSeq(std::string_view row);
Micros RowUpdated(std::string_view row);
void StampRow(char* row, Seq seq, Micros updated);  // writes _seq and _updated in place
void SetRowDeleted(std::string* row, bool deleted);

// Checks what reading relies on: format, version, length, ends within bounds. Errors: kStorageUnavailable.
Status CheckRow(const RowLayout& layout, std::string_view row);

// Encodes a whole row, values in ordinal order. REQUIRES: each value fits its column's type, or is NULL.
std::string EncodeRow(const Schema& schema, const RowLayout& layout, const std::vector<Value>& values);

// Reading a column. REQUIRES: CheckRow was ok for this row and layout.
inline bool RowIsNull(std::string_view row, size_t ordinal) {
  return (static_cast<uint8_t>(row[kRowHeaderBytes + ordinal / 8]) >> (ordinal % 8) & 1) != 0;
}
std::string_view RowBytes(const RowLayout& layout, std::string_view row, size_t ordinal);  // fixed slot, or variable bytes
Value RowValue(const Schema& schema, const RowLayout& layout, std::string_view row, size_t ordinal);

}  // namespace kalamdb::row
