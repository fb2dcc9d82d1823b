// Maps columns of one schema version to another, by id.
#include "row/projection.h"

#include <limits>
#include <string>

#include "row/text_form.h"

namespace kalamdb::row {
namespace {

// Digits before the point that a DECIMAL needs to hold every value of an integer type; 0 = not an integer type.
uint32_t IntegerDigits(TypeKind kind) {
  switch (kind) {
    case TypeKind::kSmallInt: return 5;
    case TypeKind::kInt: return 10;
    case TypeKind::kBigInt: return 19;
    default: return 0;
  }
}

bool CanWidenInteger(const Type& from, const Type& to) {
  switch (to.kind()) {
    case TypeKind::kInt: return from.kind() == TypeKind::kSmallInt;
    case TypeKind::kBigInt:
    case TypeKind::kDouble: return from.kind() != TypeKind::kBigInt;
    case TypeKind::kDecimal: return to.width() - to.scale() >= static_cast<int>(IntegerDigits(from.kind()));
    default: return false;
  }
}

Int128 PowerOfTen(uint32_t exponent) {
  Int128 power = 1;
  while (exponent-- > 0) power *= 10;
  return power;
}

Result<Value> DateToTimestamp(int64_t days) {
  if (days == kInfiniteDays) return Value::Int(kInfiniteMicros);
  if (days == -kInfiniteDays) return Value::Int(-kInfiniteMicros);
  int64_t micros = 0;
  if (__builtin_mul_overflow(days, kMicrosPerDay, &micros) || !IsTimestampInRange(micros)) {
    std::string text;
    AppendDate(days, &text);
    return Error{ErrorCode::kTypeMismatch, "date " + text + " is out of the range of TIMESTAMP"};
  }
  return Value::Int(micros);
}

// The bytes in a row are read alike under both types.
bool SameForm(const Type& from, const Type& to) {
  if (from.kind() != to.kind()) return false;
  return from.kind() != TypeKind::kDecimal || from.scale() == to.scale();
}

}  // namespace

bool CanWiden(const Type& from, const Type& to) {
  if (from == to) return true;
  switch (from.kind()) {
    case TypeKind::kSmallInt:
    case TypeKind::kInt:
    case TypeKind::kBigInt: return CanWidenInteger(from, to);
    case TypeKind::kFloat: return to.kind() == TypeKind::kDouble;
    case TypeKind::kDecimal:
      return to.kind() == TypeKind::kDecimal && to.scale() >= from.scale() &&
             to.width() - to.scale() >= from.width() - from.scale();
    case TypeKind::kText:
      return to.kind() == TypeKind::kText && (to.length() == 0 || (from.length() != 0 && to.length() >= from.length()));
    case TypeKind::kDate: return to.kind() == TypeKind::kTimestamp;
    default: return false;
  }
}

Result<Value> WidenValue(const Type& from, const Type& to, const Value& value) {
  KALAM_CHECK(CanWiden(from, to));
  if (value.is_null() || SameForm(from, to)) return value;
  switch (to.kind()) {
    case TypeKind::kInt:
    case TypeKind::kBigInt: return value;
    case TypeKind::kDouble:
      return Value::Double(from.kind() == TypeKind::kFloat ? static_cast<double>(value.as_float())
                                                           : static_cast<double>(value.as_int()));
    case TypeKind::kDecimal:
      if (from.kind() != TypeKind::kDecimal) return Value::Wide(Int128{value.as_int()} * PowerOfTen(to.scale()));
      return Value::Wide(value.as_wide() * PowerOfTen(static_cast<uint32_t>(to.scale() - from.scale())));
    case TypeKind::kTimestamp: return DateToTimestamp(value.as_int());
    default: break;
  }
  KALAM_CHECK(!"CanWiden allows what WidenValue does not know");
  return value;
}

Projection::Projection(SchemaPtr from, SchemaPtr to)
    : from_(std::move(from)), to_(std::move(to)), from_layout_(*from_) {
  identity_ = from_->size() == to_->size();
  sources_.reserve(to_->size());
  for (size_t ordinal = 0; ordinal < to_->size(); ++ordinal) {
    const Column& column = to_->column(ordinal);
    Source source;
    if (const auto found = from_->FindById(column.id)) {
      const Type& old_type = from_->column(*found).type;
      KALAM_CHECK(CanWiden(old_type, column.type));
      source.ordinal = static_cast<int32_t>(*found);
      source.widened = !SameForm(old_type, column.type);
    } else {
      source.constant = column.initial_default;
    }
    if (source.ordinal != static_cast<int32_t>(ordinal) || source.widened) identity_ = false;
    sources_.push_back(std::move(source));
  }
}

Result<Value> Projection::Read(std::string_view row, size_t to_ordinal) const {
  const Source& source = sources_[to_ordinal];
  if (source.ordinal < 0) return source.constant;
  const auto from_ordinal = static_cast<size_t>(source.ordinal);
  Value value = RowValue(*from_, from_layout_, row, from_ordinal);
  if (!source.widened) return value;
  auto widened = WidenValue(from_->column(from_ordinal).type, to_->column(to_ordinal).type, value);
  if (widened.ok()) return widened;
  Error error = std::move(widened).error();
  error.message = "column " + to_->column(to_ordinal).name + ": " + error.message;
  return error;
}

Result<std::vector<Value>> Projection::ReadAll(std::string_view row) const {
  std::vector<Value> values;
  values.reserve(sources_.size());
  for (size_t ordinal = 0; ordinal < sources_.size(); ++ordinal) {
    ASSIGN_OR_RETURN(Value value, Read(row, ordinal));
    values.push_back(std::move(value));
  }
  return values;
}

}  // namespace kalamdb::row
