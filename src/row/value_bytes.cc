// Copies payloads to and from their slots.
#include "row/value_bytes.h"

#include "base/error.h"
#include "row/byte_order.h"

namespace kalamdb::row {

void StoreFixed(const Type& type, const Value& value, char* to) {
  switch (type.kind()) {
    case TypeKind::kBoolean: *to = value.as_bool() ? 1 : 0; return;
    case TypeKind::kSmallInt: StoreLittle(to, static_cast<int16_t>(value.as_int())); return;
    case TypeKind::kInt:
    case TypeKind::kDate: StoreLittle(to, static_cast<int32_t>(value.as_int())); return;
    case TypeKind::kBigInt:
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz: StoreLittle(to, value.as_int()); return;
    case TypeKind::kFloat: StoreLittle(to, WithoutMinusZero(value.as_float())); return;
    case TypeKind::kDouble: StoreLittle(to, WithoutMinusZero(value.as_double())); return;
    case TypeKind::kDecimal: StoreLittle(to, value.as_wide()); return;
    case TypeKind::kUuid: StoreBig(to, static_cast<unsigned __int128>(value.as_wide())); return;
    case TypeKind::kText:
    case TypeKind::kBytes:
    case TypeKind::kJson:
    case TypeKind::kEmbedding: break;
  }
  KALAM_CHECK(!"a variable column has no fixed payload");
}

Value LoadFixed(const Type& type, const char* from) {
  switch (type.kind()) {
    case TypeKind::kBoolean: return Value::Bool(*from != 0);
    case TypeKind::kSmallInt: return Value::Int(LoadLittle<int16_t>(from));
    case TypeKind::kInt:
    case TypeKind::kDate: return Value::Int(LoadLittle<int32_t>(from));
    case TypeKind::kBigInt:
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz: return Value::Int(LoadLittle<int64_t>(from));
    case TypeKind::kFloat: return Value::Float(LoadLittle<float>(from));
    case TypeKind::kDouble: return Value::Double(LoadLittle<double>(from));
    case TypeKind::kDecimal: return Value::Wide(LoadLittle<Int128>(from));
    case TypeKind::kUuid: return Value::Wide(static_cast<Int128>(LoadBig<unsigned __int128>(from)));
    case TypeKind::kText:
    case TypeKind::kBytes:
    case TypeKind::kJson:
    case TypeKind::kEmbedding: break;
  }
  KALAM_CHECK(!"a variable column has no fixed payload");
  return {};
}

void AppendPayload(const Type& type, const Value& value, std::string* out) {
  if (type.IsVariable()) {
    out->append(value.as_string());
    return;
  }
  char slot[16];
  StoreFixed(type, value, slot);
  out->append(slot, type.FixedWidth());
}

Value PayloadValue(const Type& type, std::string_view bytes) {
  return type.IsVariable() ? Value::String(std::string(bytes)) : LoadFixed(type, bytes.data());
}

bool PayloadFits(const Type& type, std::string_view bytes) {
  if (type.kind() == TypeKind::kEmbedding) return bytes.size() == type.length() * sizeof(float);
  return type.IsVariable() || bytes.size() == type.FixedWidth();
}

}  // namespace kalamdb::row
