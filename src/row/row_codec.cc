// Encodes, checks and reads rows.
#include "row/row_codec.h"

#include <algorithm>

#include "row/value_bytes.h"

namespace kalamdb::row {
namespace {

constexpr size_t kFlagsAt = 1;
constexpr size_t kBehindAt = 2;
constexpr size_t kVersionAt = 4;
constexpr size_t kSeqAt = 8;
constexpr size_t kUpdatedAt = 16;
static_assert(kUpdatedAt + sizeof(Micros) == kRowHeaderBytes);

Error DamagedRow(std::string_view what) {
  return Error{ErrorCode::kStorageUnavailable, "a stored row is damaged: " + std::string(what)};
}

Status CheckHeader(const RowLayout& layout, std::string_view row) {
  if (static_cast<uint8_t>(row[0]) != kRowFormat) return DamagedRow("unknown format");
  const auto flags = static_cast<uint8_t>(row[kFlagsAt]);
  if ((flags & ~kRowFlagDeleted) != 0 || LoadLittle<uint16_t>(row.data() + kBehindAt) >= RowVersion(row).value)
    return DamagedRow("unknown flags");
  if (RowVersion(row) != layout.version()) {
    return DamagedRow("schema version " + std::to_string(RowVersion(row).value) + " in place of " +
                      std::to_string(layout.version().value));
  }
  return {};
}

size_t VariableBytes(const RowLayout& layout, const std::vector<Value>& values) {
  size_t bytes = 0;
  for (const auto& column : layout.variable_columns()) {
    const Value& value = values[column.ordinal];
    if (!value.is_null()) bytes += value.as_string().size();
  }
  return bytes;
}

}  // namespace

RowLayout::RowLayout(const Schema& schema) : version_(schema.version()), slots_(schema.size()) {
  size_t at = kRowHeaderBytes + (schema.size() + 7) / 8;
  int32_t previous = kNone;
  for (size_t ordinal = 0; ordinal < schema.size(); ++ordinal) {
    const Type& type = schema.column(ordinal).type;
    Slot& slot = slots_[ordinal];
    slot.offset = static_cast<uint32_t>(at);
    slot.width = type.FixedWidth();
    at += slot.width;
    if (!type.IsVariable()) continue;
    slot.previous_variable = previous;
    previous = static_cast<int32_t>(ordinal);
    const bool exact = type.kind() == TypeKind::kEmbedding;
    variable_columns_.push_back(
        {static_cast<uint32_t>(ordinal), exact ? type.length() * static_cast<uint32_t>(sizeof(float)) : 0});
  }
  variable_start_ = static_cast<uint32_t>(at);
}

void StampRow(char* row, Seq seq, Micros updated) {
  StoreLittle(row + kSeqAt, seq.value);
  StoreLittle(row + kUpdatedAt, updated);
}

void SetRowWrittenVersion(std::string* row, SchemaVersion written) {
  const uint32_t version = RowVersion(*row).value;
  KALAM_CHECK(written <= SchemaVersion(version));
  StoreLittle(row->data() + kBehindAt, static_cast<uint16_t>(std::min<uint32_t>(version - written.value, UINT16_MAX)));
}

void SetRowDeleted(std::string* row, bool deleted) {
  KALAM_CHECK(row->size() >= kRowHeaderBytes);
  const auto flags = static_cast<uint8_t>((*row)[kFlagsAt]);
  (*row)[kFlagsAt] = static_cast<char>(deleted ? flags | kRowFlagDeleted : flags & ~kRowFlagDeleted);
}

Status CheckRow(const RowLayout& layout, std::string_view row) {
  if (row.size() < layout.variable_start()) return DamagedRow("too short");
  RETURN_IF_ERROR(CheckHeader(layout, row));
  const size_t variable_bytes = row.size() - layout.variable_start();
  uint32_t start = 0;
  for (const auto& column : layout.variable_columns()) {
    const auto end = LoadLittle<uint32_t>(row.data() + layout.offset(column.ordinal));
    if (end < start || end > variable_bytes) return DamagedRow("a value ends outside of it");
    if (column.exact_bytes != 0 && end - start != column.exact_bytes && !RowIsNull(row, column.ordinal)) {
      return DamagedRow("an embedding has a wrong length");
    }
    start = end;
  }
  if (start != variable_bytes) return DamagedRow("wrong length");
  return {};
}

std::string EncodeRow(const Schema& schema, const RowLayout& layout, const std::vector<Value>& values) {
  KALAM_CHECK(values.size() == schema.size() && layout.version() == schema.version());
  const size_t variable_bytes = VariableBytes(layout, values);
  KALAM_CHECK(variable_bytes <= UINT32_MAX);
  std::string row(layout.variable_start() + variable_bytes, '\0');
  row[0] = static_cast<char>(kRowFormat);
  StoreLittle(row.data() + kVersionAt, schema.version().value);
  uint32_t end = 0;
  for (size_t ordinal = 0; ordinal < values.size(); ++ordinal) {
    const Value& value = values[ordinal];
    char* slot = row.data() + layout.offset(ordinal);
    if (value.is_null()) row[kRowHeaderBytes + ordinal / 8] |= static_cast<char>(1u << (ordinal % 8));
    if (!layout.is_variable(ordinal)) {
      if (!value.is_null()) StoreFixed(schema.column(ordinal).type, value, slot);
      continue;
    }
    if (!value.is_null()) {
      const std::string& bytes = value.as_string();
      std::memcpy(row.data() + layout.variable_start() + end, bytes.data(), bytes.size());
      end += static_cast<uint32_t>(bytes.size());
    }
    StoreLittle(slot, end);
  }
  return row;
}

Value RowValue(const Schema& schema, const RowLayout& layout, std::string_view row, size_t ordinal) {
  if (RowIsNull(row, ordinal)) return Value::Null();
  return PayloadValue(schema.column(ordinal).type, RowBytes(layout, row, ordinal));
}

}  // namespace kalamdb::row
