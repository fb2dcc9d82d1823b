// Random types, values and schemas for tests: every kind, with the edges that break codecs more likely than chance has
// them.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "row/byte_order.h"
#include "row/schema.h"
#include "row/text_form.h"
#include "row/type.h"
#include "row/value.h"

namespace kalamdb::row {

class Random {
 public:
  explicit Random(uint64_t seed) : source_(seed) {}

  // Another one each run: for SCOPED_TRACE, so that a failure prints it.
  static uint64_t FreshSeed() {
    uint8_t bytes[sizeof(uint64_t)];
    SystemRandom().Fill(bytes);
    return LoadLittle<uint64_t>(reinterpret_cast<const char*>(bytes));
  }

  uint64_t Bits() { return source_.Next(); }
  uint64_t Below(uint64_t bound) { return source_.Below(bound); }
  bool OneIn(uint64_t n) { return Below(n) == 0; }

  Type AnyType() {
    const auto kind = static_cast<TypeKind>(1 + Below(16));
    if (kind == TypeKind::kDecimal) {
      const auto width = static_cast<uint8_t>(1 + Below(38));
      return Type::Decimal(width, static_cast<uint8_t>(Below(width + 1u)));
    }
    if (kind == TypeKind::kEmbedding) return Type::Embedding(static_cast<uint32_t>(1 + Below(5)));
    if (kind == TypeKind::kText && OneIn(3)) return Type::Varchar(64);
    return Type::Of(kind);
  }
  Type AnyKeyType() {
    Type type = AnyType();
    while (!type.CanBeKey()) type = AnyType();
    return type;
  }

  // Never NULL.
  Value ValueOf(const Type& type) {
    switch (type.kind()) {
      case TypeKind::kBoolean: return Value::Bool(OneIn(2));
      case TypeKind::kSmallInt: return Value::Int(static_cast<int16_t>(Integer()));
      case TypeKind::kInt: return Value::Int(static_cast<int32_t>(Integer()));
      case TypeKind::kBigInt: return Value::Int(Integer());
      case TypeKind::kDate: return Value::Int(Clamp(static_cast<int32_t>(Integer()), kMinDays, kMaxDays));
      case TypeKind::kTime: return Value::Int(static_cast<int64_t>(Below(kMicrosPerDay + 1)));
      case TypeKind::kTimestamp:
      case TypeKind::kTimestampTz: return Value::Int(Clamp(Integer(), kMinTimestampMicros, kInfiniteMicros));
      case TypeKind::kFloat: return Value::Float(Floating<float>());
      case TypeKind::kDouble: return Value::Double(Floating<double>());
      case TypeKind::kDecimal: return Value::Wide(Decimal(type.width()));
      case TypeKind::kText: return Value::String(Text(20));
      case TypeKind::kBytes: return Value::String(Bytes(20));
      case TypeKind::kUuid:
        return Value::Wide(static_cast<Int128>(static_cast<unsigned __int128>(Bits()) << 64 | Bits()));
      case TypeKind::kJson: return Value::String("{\"n\":" + std::to_string(Below(1000)) + "}");
      case TypeKind::kEmbedding: break;
    }
    std::string bytes;
    for (uint32_t i = 0; i < type.length(); ++i) {
      const auto element = Floating<float>();
      bytes.append(reinterpret_cast<const char*>(&element), sizeof(element));
    }
    return Value::String(std::move(bytes));
  }

  // Valid UTF-8 of up to `most` characters, rich in 00, quotes and escapes.
  std::string Text(size_t most) {
    static constexpr std::string_view kPieces[] = {std::string_view("\0", 1),
                                                   "\x01",
                                                   "a",
                                                   "ab",
                                                   "\"",
                                                   "\\",
                                                   "\n",
                                                   "\x7F",
                                                   "é",
                                                   "\u07FF",
                                                   "\uFFFF",
                                                   "😀",
                                                   "ÿ",
                                                   "z",
                                                   " ",
                                                   "'"};
    std::string text;
    for (uint64_t left = Below(most + 1); left > 0; --left) text += kPieces[Below(std::size(kPieces))];
    return text;
  }

  std::string Bytes(size_t most) {
    static constexpr uint8_t kEdges[] = {0x00, 0xFF, 0x01, 0xFE, 0x80, 0xC3};
    std::string bytes;
    for (uint64_t left = Below(most + 1); left > 0; --left) {
      bytes.push_back(static_cast<char>(OneIn(2) ? kEdges[Below(std::size(kEdges))] : Below(256)));
    }
    return bytes;
  }

  // 1 to `most` columns, the first few of which (of key types) are the key in a random order.
  Schema AnySchema(size_t most) {
    const size_t count = 1 + Below(most);
    const size_t keys = 1 + Below(count < 3 ? count : 3);
    std::vector<uint16_t> positions;
    for (size_t i = 1; i <= keys; ++i) positions.push_back(static_cast<uint16_t>(i));
    for (size_t left = keys; left > 1; --left) std::swap(positions[left - 1], positions[Below(left)]);
    std::vector<Column> columns;
    for (size_t i = 0; i < count; ++i) {
      Column column;
      column.id = ColumnId(static_cast<int32_t>(i * 3 + 1));
      column.name = "c" + std::to_string(i);
      column.type = i < keys ? AnyKeyType() : AnyType();
      column.nullable = i >= keys;
      column.hidden = OneIn(10);
      column.key_position = i < keys ? positions[i] : 0;
      column.added_in = SchemaVersion(static_cast<uint32_t>(1 + Below(9)));
      if (OneIn(3)) column.initial_default = ValueOf(column.type);
      if (OneIn(3)) column.write_default = Text(10);
      if (OneIn(3)) column.comment = Text(10);
      columns.push_back(std::move(column));
    }
    return Schema(SchemaVersion(static_cast<uint32_t>(1 + Below(1000))), std::move(columns));
  }

  std::vector<Value> RowOf(const Schema& schema) {
    std::vector<Value> values;
    for (const Column& column : schema.columns()) {
      values.push_back(column.nullable && OneIn(4) ? Value::Null() : ValueOf(column.type));
    }
    return values;
  }

 private:
  // Small, huge and everything between, both signs.
  int64_t Integer() {
    static constexpr int64_t kEdges[] = {0, 1, -1, INT16_MIN, INT16_MAX, INT32_MIN, INT32_MAX, INT64_MIN, INT64_MAX};
    if (OneIn(4)) return kEdges[Below(std::size(kEdges))];
    return static_cast<int64_t>(Bits()) >> Below(64);
  }

  // As rows hold it: no -0.0.
  template <typename Number>
  Number Floating() {
    using Limits = std::numeric_limits<Number>;
    static constexpr Number kEdges[] = {0,
                                        1,
                                        -1,
                                        Limits::infinity(),
                                        -Limits::infinity(),
                                        Limits::quiet_NaN(),
                                        Limits::max(),
                                        Limits::lowest(),
                                        Limits::min(),
                                        Limits::denorm_min(),
                                        -Limits::denorm_min()};
    if (OneIn(3)) return kEdges[Below(std::size(kEdges))];
    return static_cast<Number>(
        std::ldexp(static_cast<double>(static_cast<int64_t>(Bits())), static_cast<int>(Below(160)) - 120));
  }

  Int128 Decimal(uint8_t width) {
    const uint64_t digits = Below(width + 1u);
    Int128 value = 0;
    for (uint64_t i = 0; i < digits; ++i) value = value * 10 + static_cast<int>(OneIn(3) ? 9 : Below(10));
    return OneIn(2) ? value : -value;
  }

  static int64_t Clamp(int64_t value, int64_t least, int64_t most) {
    return value < least ? least : value > most ? most : value;
  }

  SeededRandom source_;
};

}  // namespace kalamdb::row
