// Keys: values to bytes whose memcmp order is the order of the values, and back.
#include "row/key_codec.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "row/byte_order.h"
#include "row/text_form.h"

namespace kalamdb::row {
namespace {

constexpr char kZero = '\0';
constexpr char kZeroEscape = '\xFF';

template <typename Unsigned>
void AppendBig(Unsigned bits, std::string* out) {
  char bytes[sizeof(Unsigned)];
  StoreBig(bytes, bits);
  out->append(bytes, sizeof(Unsigned));
}

template <typename Unsigned>
constexpr Unsigned SignBit() {
  return static_cast<Unsigned>(Unsigned{1} << (sizeof(Unsigned) * 8 - 1));
}

template <typename Unsigned>
void AppendSigned(Unsigned bits, std::string* out) {
  AppendBig(static_cast<Unsigned>(bits ^ SignBit<Unsigned>()), out);
}

template <typename Float, typename Unsigned>
void AppendKeyFloat(Float value, std::string* out) {
  if (std::isnan(value)) value = std::numeric_limits<Float>::quiet_NaN();
  if (value == 0) value = 0;
  const auto bits = std::bit_cast<Unsigned>(value);
  const bool negative = (bits & SignBit<Unsigned>()) != 0;
  AppendBig(negative ? static_cast<Unsigned>(~bits) : static_cast<Unsigned>(bits | SignBit<Unsigned>()), out);
}

void AppendEscaped(std::string_view bytes, std::string* out) {
  while (true) {
    const size_t zero = bytes.find(kZero);
    out->append(bytes.substr(0, zero));
    if (zero == std::string_view::npos) break;
    out->push_back(kZero);
    out->push_back(kZeroEscape);
    bytes.remove_prefix(zero + 1);
  }
  out->append(2, kZero);
}

Error DamagedKey() { return Error{ErrorCode::kStorageUnavailable, "a stored key is damaged"}; }

template <typename Unsigned>
bool TakeBig(std::string_view* in, Unsigned* bits) {
  if (in->size() < sizeof(Unsigned)) return false;
  *bits = LoadBig<Unsigned>(in->data());
  in->remove_prefix(sizeof(Unsigned));
  return true;
}

template <typename Signed, typename Unsigned>
Result<Value> ReadSigned(std::string_view* in) {
  Unsigned bits = 0;
  if (!TakeBig(in, &bits)) return DamagedKey();
  return Value::Int(static_cast<Signed>(static_cast<Unsigned>(bits ^ SignBit<Unsigned>())));
}

template <typename Float, typename Unsigned>
bool TakeFloat(std::string_view* in, Float* value) {
  Unsigned bits = 0;
  if (!TakeBig(in, &bits)) return false;
  const bool negative = (bits & SignBit<Unsigned>()) == 0;
  *value =
      std::bit_cast<Float>(negative ? static_cast<Unsigned>(~bits) : static_cast<Unsigned>(bits ^ SignBit<Unsigned>()));
  return true;
}

Result<Value> ReadEscaped(std::string_view* in) {
  std::string bytes;
  while (true) {
    const size_t zero = in->find(kZero);
    if (zero == std::string_view::npos || zero + 1 >= in->size()) return DamagedKey();
    const char mark = (*in)[zero + 1];
    bytes.append(in->substr(0, zero));
    in->remove_prefix(zero + 2);
    if (mark == kZero) return Value::String(std::move(bytes));
    if (mark != kZeroEscape) return DamagedKey();
    bytes.push_back(kZero);
  }
}

Result<Value> ReadWide(std::string_view* in, bool is_signed) {
  unsigned __int128 bits = 0;
  if (!TakeBig(in, &bits)) return DamagedKey();
  return Value::Wide(static_cast<Int128>(is_signed ? bits ^ SignBit<unsigned __int128>() : bits));
}

Result<Value> ReadBoolean(std::string_view* in) {
  uint8_t byte = 0;
  if (!TakeBig(in, &byte) || byte > 1) return DamagedKey();
  return Value::Bool(byte == 1);
}

}  // namespace

void AppendPartition(TableId table, UserId user, std::string* out) {
  AppendBig(table.value, out);
  AppendBig(user.value, out);
}

std::string PartitionPrefix(TableId table, UserId user) {
  std::string prefix;
  AppendPartition(table, user, &prefix);
  return prefix;
}

std::string TablePrefix(TableId table) {
  std::string prefix;
  AppendBig(table.value, &prefix);
  return prefix;
}

void AppendKeyValue(const Type& type, const Value& value, std::string* out) {
  switch (type.kind()) {
    case TypeKind::kBoolean: out->push_back(value.as_bool() ? 1 : 0); return;
    case TypeKind::kSmallInt: AppendSigned(static_cast<uint16_t>(value.as_int()), out); return;
    case TypeKind::kInt:
    case TypeKind::kDate: AppendSigned(static_cast<uint32_t>(value.as_int()), out); return;
    case TypeKind::kBigInt:
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz: AppendSigned(static_cast<uint64_t>(value.as_int()), out); return;
    case TypeKind::kFloat: AppendKeyFloat<float, uint32_t>(value.as_float(), out); return;
    case TypeKind::kDouble: AppendKeyFloat<double, uint64_t>(value.as_double(), out); return;
    case TypeKind::kDecimal: AppendSigned(static_cast<unsigned __int128>(value.as_wide()), out); return;
    case TypeKind::kUuid: AppendBig(static_cast<unsigned __int128>(value.as_wide()), out); return;
    case TypeKind::kText:
    case TypeKind::kBytes: AppendEscaped(value.as_string(), out); return;
    case TypeKind::kJson:
    case TypeKind::kEmbedding: break;
  }
  KALAM_CHECK(!"the type cannot be a key");
}

Result<Value> ReadKeyValue(const Type& type, std::string_view* in) {
  switch (type.kind()) {
    case TypeKind::kBoolean: return ReadBoolean(in);
    case TypeKind::kSmallInt: return ReadSigned<int16_t, uint16_t>(in);
    case TypeKind::kInt:
    case TypeKind::kDate: return ReadSigned<int32_t, uint32_t>(in);
    case TypeKind::kBigInt:
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz: return ReadSigned<int64_t, uint64_t>(in);
    case TypeKind::kFloat: {
      float value = 0;
      if (!TakeFloat<float, uint32_t>(in, &value)) return DamagedKey();
      return Value::Float(value);
    }
    case TypeKind::kDouble: {
      double value = 0;
      if (!TakeFloat<double, uint64_t>(in, &value)) return DamagedKey();
      return Value::Double(value);
    }
    case TypeKind::kDecimal: return ReadWide(in, true);
    case TypeKind::kUuid: return ReadWide(in, false);
    case TypeKind::kText:
    case TypeKind::kBytes: return ReadEscaped(in);
    case TypeKind::kJson:
    case TypeKind::kEmbedding: break;
  }
  KALAM_CHECK(!"the type cannot be a key");
  return DamagedKey();
}

Result<std::vector<Value>> DecodePrimaryKey(const Schema& schema, std::string_view primary_key) {
  std::vector<Value> values;
  values.reserve(schema.key_ordinals().size());
  for (const uint16_t ordinal : schema.key_ordinals()) {
    ASSIGN_OR_RETURN(Value value, ReadKeyValue(schema.column(ordinal).type, &primary_key));
    values.push_back(std::move(value));
  }
  if (!primary_key.empty()) return DamagedKey();
  return values;
}

TableId TableOfKey(std::string_view row_key) {
  KALAM_CHECK(row_key.size() >= kPartitionPrefixBytes);
  return TableId(LoadBig<uint32_t>(row_key.data()));
}

UserId UserOfKey(std::string_view row_key) {
  KALAM_CHECK(row_key.size() >= kPartitionPrefixBytes);
  return UserId(LoadBig<uint64_t>(row_key.data() + sizeof(uint32_t)));
}

std::string PrefixEnd(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && end.back() == '\xFF') end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<uint8_t>(end.back()) + 1);
  return end;
}

std::string DescribeKey(const Schema& schema, std::string_view primary_key) {
  std::string out;
  const auto values = DecodePrimaryKey(schema, primary_key);
  if (!values.ok()) {
    out = "key 0x";
    AppendHex(primary_key, &out);
    return out;
  }
  for (size_t i = 0; i < values->size(); ++i) {
    const Column& column = schema.column(schema.key_ordinals()[i]);
    if (i != 0) out.append(", ");
    out.append(column.name).append(" = ").append((*values)[i].ToSqlLiteral(column.type));
  }
  return out;
}

}  // namespace kalamdb::row
