// Bytes of a hot row: a header the committer completes, then the columns of one schema version, readable without a
// scan.
//
//   header (24 bytes, little-endian): format 0x01 (1) | flags (1) | behind (2) | schema version (4) | _seq (8) |
//   _updated (8) body: null bits, ceil(n/8) bytes; bit i%8 of byte i/8 set: column i is NULL
//         fixed slots in ordinal order: BOOLEAN 1, SMALLINT 2, INT/FLOAT/DATE 4, BIGINT/DOUBLE/TIME/TIMESTAMP(TZ) 8,
//         DECIMAL 16 (little-endian), UUID 16 (big-endian), TEXT/BYTES/JSON/EMBEDDING 4: where its bytes end within the
//         variable part variable part: the bytes of those columns one behind the other (start = end of the one before;
//         NULL: end = start)
// Offsets depend on the schema version only (RowLayout). Frozen by golden tests; docs/formats/row.md.
// Workers encode with _seq = _updated = 0; the committer writes both in place (StampRow): nothing is encoded in a
// commit round.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "row/byte_order.h"
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
  SchemaVersion version() const { return version_; }
  size_t column_count() const { return slots_.size(); }
  uint32_t offset(size_t ordinal) const {
    return slots_[ordinal].offset;
  }  // of the fixed slot, from the row's first byte
  uint32_t width(size_t ordinal) const { return slots_[ordinal].width; }  // of the fixed slot, in bytes
  bool is_variable(size_t ordinal) const { return slots_[ordinal].previous_variable != kFixed; }
  // Ordinal of the variable column before this one, or kNone. REQUIRES: is_variable(ordinal).
  int32_t previous_variable(size_t ordinal) const { return slots_[ordinal].previous_variable; }
  uint32_t variable_start() const { return variable_start_; }

  // The variable columns in ordinal order. exact_bytes: what a value of an EMBEDDING takes; 0 = any length.
  struct VariableColumn {
    uint32_t ordinal = 0;
    uint32_t exact_bytes = 0;
  };
  const std::vector<VariableColumn>& variable_columns() const { return variable_columns_; }

 private:
  struct Slot {
    uint32_t offset = 0;
    uint32_t width = 0;
    int32_t previous_variable = kFixed;
  };
  SchemaVersion version_;
  std::vector<Slot> slots_;
  std::vector<VariableColumn> variable_columns_;
  uint32_t variable_start_ = 0;
};

// Header fields. REQUIRES of all: row.size() >= kRowHeaderBytes.
inline bool RowIsDeleted(std::string_view row) { return (static_cast<uint8_t>(row[1]) & kRowFlagDeleted) != 0; }
inline SchemaVersion RowVersion(std::string_view row) { return SchemaVersion(LoadLittle<uint32_t>(row.data() + 4)); }
// The version the row was written under: `behind` versions before the one its bytes have. They differ where a flush or
// a compaction brought the row up to the version of its file.
inline SchemaVersion RowWrittenVersion(std::string_view row) {
  return SchemaVersion(RowVersion(row).value - LoadLittle<uint16_t>(row.data() + 2));
}
inline Seq RowSeq(std::string_view row) { return Seq(LoadLittle<uint64_t>(row.data() + 8)); }
inline Micros RowUpdated(std::string_view row) { return LoadLittle<Micros>(row.data() + 16); }
void StampRow(char* row, Seq seq, Micros updated);  // writes _seq and _updated in place
void SetRowDeleted(std::string* row, bool deleted);
// REQUIRES: not newer than the row's version. More than 65,535 versions behind count as so many.
void SetRowWrittenVersion(std::string* row, SchemaVersion written);

// Checks what reading relies on: format, version, length, ends within bounds and in order, an embedding's length. A
// BOOLEAN's byte is not looked at: whoever reads it without RowValue compares it with 0. Errors: kStorageUnavailable.
Status CheckRow(const RowLayout& layout, std::string_view row);

// Encodes a whole row, values in ordinal order, with _seq = _updated = 0 and no flag. One allocation.
// REQUIRES: one value a column, each fits its column's type, or is NULL; below 4 GiB of variable bytes.
std::string EncodeRow(const Schema& schema, const RowLayout& layout, const std::vector<Value>& values);

// Reading a column. REQUIRES: CheckRow was ok for this row and layout.
inline bool RowIsNull(std::string_view row, size_t ordinal) {
  return (static_cast<uint8_t>(row[kRowHeaderBytes + ordinal / 8]) >> (ordinal % 8) & 1) != 0;
}
inline std::string_view RowBytes(const RowLayout& layout, std::string_view row,
                                 size_t ordinal) {  // fixed slot, or variable bytes
  const char* slot = row.data() + layout.offset(ordinal);
  if (!layout.is_variable(ordinal)) return {slot, layout.width(ordinal)};
  const int32_t previous = layout.previous_variable(ordinal);
  const uint32_t start = previous == RowLayout::kNone
                             ? 0
                             : LoadLittle<uint32_t>(row.data() + layout.offset(static_cast<size_t>(previous)));
  return {row.data() + layout.variable_start() + start, LoadLittle<uint32_t>(slot) - start};
}
// A copy of the column's value.
Value RowValue(const Schema& schema, const RowLayout& layout, std::string_view row, size_t ordinal);

}  // namespace kalamdb::row
