// Converts between row bytes, row values and the engine's vectors.
#include "engine/bridge/chunk_codec.h"

#include <cstring>

#include "row/key_codec.h"

namespace kalamdb::engine {

using duckdb::FlatVector;
using duckdb::LogicalType;
using duckdb::LogicalTypeId;
using duckdb::Vector;
using row::LoadLittle;
using row::StoreLittle;
using row::TypeKind;

namespace {

constexpr uint64_t kSignBit = 1ull << 63;

duckdb::hugeint_t ToHuge(row::Int128 v) {
  return duckdb::hugeint_t(static_cast<int64_t>(v >> 64), static_cast<uint64_t>(v));
}
row::Int128 FromHuge(duckdb::hugeint_t v) {
  return static_cast<row::Int128>((static_cast<unsigned __int128>(static_cast<uint64_t>(v.upper)) << 64) | v.lower);
}
// The engine keeps UUIDs with the top bit flipped, so that signed order is the order of the bytes.
duckdb::hugeint_t UuidToEngine(row::Int128 v) {
  duckdb::hugeint_t huge = ToHuge(v);
  huge.upper = static_cast<int64_t>(static_cast<uint64_t>(huge.upper) ^ kSignBit);
  return huge;
}
row::Int128 UuidFromEngine(duckdb::hugeint_t v) {
  v.upper = static_cast<int64_t>(static_cast<uint64_t>(v.upper) ^ kSignBit);
  return FromHuge(v);
}

// One decode loop a kind: `load` turns a slot into the vector's element.
template <typename T, typename Load>
void DecodeFixed(const row::RowLayout& layout, size_t from_ordinal, std::span<const std::string_view> rows, Vector& out,
                 size_t first, Load load) {
  T* data = FlatVector::GetData<T>(out) + first;
  auto& validity = FlatVector::Validity(out);
  const uint32_t offset = layout.offset(from_ordinal);
  for (size_t i = 0; i < rows.size(); ++i) {
    if (row::RowIsNull(rows[i], from_ordinal)) {
      validity.SetInvalid(first + i);
      data[i] = T();
    } else {
      data[i] = load(rows[i].data() + offset);
    }
  }
}

void DecodeBytes(const row::RowLayout& layout, size_t from_ordinal, std::span<const std::string_view> rows, Vector& out,
                 size_t first) {
  auto* data = FlatVector::GetData<duckdb::string_t>(out) + first;
  auto& validity = FlatVector::Validity(out);
  for (size_t i = 0; i < rows.size(); ++i) {
    if (row::RowIsNull(rows[i], from_ordinal)) {
      validity.SetInvalid(first + i);
      data[i] = duckdb::string_t();
      continue;
    }
    const std::string_view bytes = row::RowBytes(layout, rows[i], from_ordinal);
    data[i] = duckdb::string_t(bytes.data(), static_cast<uint32_t>(bytes.size()));
  }
}

void DecodeEmbedding(const row::RowLayout& layout, size_t from_ordinal, std::span<const std::string_view> rows,
                     Vector& out, size_t first) {
  const size_t dimensions = duckdb::ArrayType::GetSize(out.GetType());
  float* data = FlatVector::GetData<float>(duckdb::ArrayVector::GetEntry(out)) + first * dimensions;
  auto& validity = FlatVector::Validity(out);
  for (size_t i = 0; i < rows.size(); ++i, data += dimensions) {
    if (row::RowIsNull(rows[i], from_ordinal)) {
      FlatVector::SetNull(out, first + i, true);
      validity.SetInvalid(first + i);
      std::memset(data, 0, dimensions * sizeof(float));
      continue;
    }
    const std::string_view bytes = row::RowBytes(layout, rows[i], from_ordinal);
    std::memcpy(data, bytes.data(), std::min(bytes.size(), dimensions * sizeof(float)));
  }
}

void DecodeDecimal(const row::RowLayout& layout, size_t from, std::span<const std::string_view> rows, Vector& out,
                   size_t first) {
  const auto wide = [](const char* p) { return LoadLittle<row::Int128>(p); };
  switch (out.GetType().InternalType()) {
    case duckdb::PhysicalType::INT16:
      return DecodeFixed<int16_t>(layout, from, rows, out, first,
                                  [&](const char* p) { return static_cast<int16_t>(wide(p)); });
    case duckdb::PhysicalType::INT32:
      return DecodeFixed<int32_t>(layout, from, rows, out, first,
                                  [&](const char* p) { return static_cast<int32_t>(wide(p)); });
    case duckdb::PhysicalType::INT64:
      return DecodeFixed<int64_t>(layout, from, rows, out, first,
                                  [&](const char* p) { return static_cast<int64_t>(wide(p)); });
    default:
      return DecodeFixed<duckdb::hugeint_t>(layout, from, rows, out, first,
                                            [&](const char* p) { return ToHuge(wide(p)); });
  }
}

row::Int128 LoadUuid(const char* p) {
  const uint64_t high = __builtin_bswap64(LoadLittle<uint64_t>(p)),
                 low = __builtin_bswap64(LoadLittle<uint64_t>(p + 8));
  return static_cast<row::Int128>((static_cast<unsigned __int128>(high) << 64) | low);
}

void DecodeSame(const row::Type& type, const row::RowLayout& layout, size_t from,
                std::span<const std::string_view> rows, Vector& out, size_t first) {
  switch (type.kind()) {
    case TypeKind::kBoolean:
      return DecodeFixed<bool>(layout, from, rows, out, first, [](const char* p) { return *p != 0; });
    case TypeKind::kSmallInt: return DecodeFixed<int16_t>(layout, from, rows, out, first, LoadLittle<int16_t>);
    case TypeKind::kInt:
    case TypeKind::kDate: return DecodeFixed<int32_t>(layout, from, rows, out, first, LoadLittle<int32_t>);
    case TypeKind::kBigInt:
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz: return DecodeFixed<int64_t>(layout, from, rows, out, first, LoadLittle<int64_t>);
    case TypeKind::kFloat: return DecodeFixed<float>(layout, from, rows, out, first, LoadLittle<float>);
    case TypeKind::kDouble: return DecodeFixed<double>(layout, from, rows, out, first, LoadLittle<double>);
    case TypeKind::kDecimal: return DecodeDecimal(layout, from, rows, out, first);
    case TypeKind::kUuid:
      return DecodeFixed<duckdb::hugeint_t>(layout, from, rows, out, first,
                                            [](const char* p) { return UuidToEngine(LoadUuid(p)); });
    case TypeKind::kText:
    case TypeKind::kBytes:
    case TypeKind::kJson: return DecodeBytes(layout, from, rows, out, first);
    case TypeKind::kEmbedding: return DecodeEmbedding(layout, from, rows, out, first);
  }
}

// The widenings that are a plain conversion of the slot. False: not one of them.
bool DecodeWidened(const row::Type& from_type, const row::Type& to, const row::RowLayout& layout, size_t from,
                   std::span<const std::string_view> rows, Vector& out, size_t first) {
  const bool small = from_type.kind() == TypeKind::kSmallInt;
  if (!small && from_type.kind() != TypeKind::kInt) return false;
  const auto load = [small](const char* p) { return small ? int32_t{LoadLittle<int16_t>(p)} : LoadLittle<int32_t>(p); };
  switch (to.kind()) {
    case TypeKind::kInt: DecodeFixed<int32_t>(layout, from, rows, out, first, load); return true;
    case TypeKind::kBigInt: DecodeFixed<int64_t>(layout, from, rows, out, first, load); return true;
    case TypeKind::kDouble: DecodeFixed<double>(layout, from, rows, out, first, load); return true;
    default: return false;
  }
}

}  // namespace

LogicalType ToEngineType(const row::Type& type) {
  switch (type.kind()) {
    case TypeKind::kBoolean: return LogicalType::BOOLEAN;
    case TypeKind::kSmallInt: return LogicalType::SMALLINT;
    case TypeKind::kInt: return LogicalType::INTEGER;
    case TypeKind::kBigInt: return LogicalType::BIGINT;
    case TypeKind::kFloat: return LogicalType::FLOAT;
    case TypeKind::kDouble: return LogicalType::DOUBLE;
    case TypeKind::kDecimal: return LogicalType::DECIMAL(type.width(), type.scale());
    case TypeKind::kText: return LogicalType::VARCHAR;
    case TypeKind::kBytes: return LogicalType::BLOB;
    case TypeKind::kDate: return LogicalType::DATE;
    case TypeKind::kTime: return LogicalType::TIME;
    case TypeKind::kTimestamp: return LogicalType::TIMESTAMP;
    case TypeKind::kTimestampTz: return LogicalType::TIMESTAMP_TZ;
    case TypeKind::kUuid: return LogicalType::UUID;
    case TypeKind::kJson: return LogicalType::JSON();
    case TypeKind::kEmbedding: return LogicalType::ARRAY(LogicalType::FLOAT, type.length());
  }
  return LogicalType::VARCHAR;
}

std::optional<row::Type> FromEngineType(const LogicalType& type) {
  switch (type.id()) {
    case LogicalTypeId::BOOLEAN: return row::Type::Of(TypeKind::kBoolean);
    case LogicalTypeId::SMALLINT: return row::Type::Of(TypeKind::kSmallInt);
    case LogicalTypeId::INTEGER: return row::Type::Of(TypeKind::kInt);
    case LogicalTypeId::BIGINT: return row::Type::Of(TypeKind::kBigInt);
    case LogicalTypeId::FLOAT: return row::Type::Of(TypeKind::kFloat);
    case LogicalTypeId::DOUBLE: return row::Type::Of(TypeKind::kDouble);
    case LogicalTypeId::DECIMAL:
      return row::Type::Decimal(duckdb::DecimalType::GetWidth(type), duckdb::DecimalType::GetScale(type));
    case LogicalTypeId::VARCHAR: return row::Type::Of(type.IsJSONType() ? TypeKind::kJson : TypeKind::kText);
    case LogicalTypeId::BLOB: return row::Type::Of(TypeKind::kBytes);
    case LogicalTypeId::DATE: return row::Type::Of(TypeKind::kDate);
    case LogicalTypeId::TIME: return row::Type::Of(TypeKind::kTime);
    case LogicalTypeId::TIMESTAMP: return row::Type::Of(TypeKind::kTimestamp);
    case LogicalTypeId::TIMESTAMP_TZ: return row::Type::Of(TypeKind::kTimestampTz);
    case LogicalTypeId::UUID: return row::Type::Of(TypeKind::kUuid);
    case LogicalTypeId::ARRAY:
      if (duckdb::ArrayType::GetChildType(type) == LogicalType::FLOAT &&
          duckdb::ArrayType::GetSize(type) <= row::kMaxEmbeddingDimensions) {
        return row::Type::Embedding(static_cast<uint32_t>(duckdb::ArrayType::GetSize(type)));
      }
      return std::nullopt;
    default: return std::nullopt;
  }
}

duckdb::Value ToEngineValue(const row::Type& type, const row::Value& value) {
  const LogicalType engine_type = ToEngineType(type);
  if (value.is_null()) return duckdb::Value(engine_type);
  switch (type.kind()) {
    case TypeKind::kBoolean: return duckdb::Value::BOOLEAN(value.as_bool());
    case TypeKind::kSmallInt: return duckdb::Value::SMALLINT(static_cast<int16_t>(value.as_int()));
    case TypeKind::kInt: return duckdb::Value::INTEGER(static_cast<int32_t>(value.as_int()));
    case TypeKind::kBigInt: return duckdb::Value::BIGINT(value.as_int());
    case TypeKind::kFloat: return duckdb::Value::FLOAT(value.as_float());
    case TypeKind::kDouble: return duckdb::Value::DOUBLE(value.as_double());
    case TypeKind::kDecimal:
      if (type.width() <= 18)
        return duckdb::Value::DECIMAL(static_cast<int64_t>(value.as_wide()), type.width(), type.scale());
      return duckdb::Value::DECIMAL(ToHuge(value.as_wide()), type.width(), type.scale());
    case TypeKind::kText: return duckdb::Value(value.as_string());
    case TypeKind::kBytes: {
      const std::string& bytes = value.as_string();
      return duckdb::Value::BLOB(reinterpret_cast<duckdb::const_data_ptr_t>(bytes.data()), bytes.size());
    }
    case TypeKind::kDate: return duckdb::Value::DATE(duckdb::date_t(static_cast<int32_t>(value.as_int())));
    case TypeKind::kTime: return duckdb::Value::TIME(duckdb::dtime_t(value.as_int()));
    case TypeKind::kTimestamp: return duckdb::Value::TIMESTAMP(duckdb::timestamp_t(value.as_int()));
    case TypeKind::kTimestampTz: return duckdb::Value::TIMESTAMPTZ(duckdb::timestamp_tz_t(value.as_int()));
    case TypeKind::kUuid: return duckdb::Value::UUID(UuidToEngine(value.as_wide()));
    case TypeKind::kJson: {
      duckdb::Value text(value.as_string());
      text.Reinterpret(engine_type);
      return text;
    }
    case TypeKind::kEmbedding: {
      duckdb::vector<duckdb::Value> items;
      for (size_t i = 0; i < type.length(); ++i)
        items.push_back(duckdb::Value::FLOAT(LoadLittle<float>(value.as_string().data() + i * 4)));
      return duckdb::Value::ARRAY(LogicalType::FLOAT, std::move(items));
    }
  }
  return duckdb::Value(engine_type);
}

row::Value FromEngineValue(const row::Type& type, const duckdb::Value& value) {
  if (value.IsNull()) return row::Value::Null();
  switch (type.kind()) {
    case TypeKind::kBoolean: return row::Value::Bool(duckdb::BooleanValue::Get(value));
    case TypeKind::kSmallInt: return row::Value::Int(duckdb::SmallIntValue::Get(value));
    case TypeKind::kInt: return row::Value::Int(duckdb::IntegerValue::Get(value));
    case TypeKind::kBigInt: return row::Value::Int(duckdb::BigIntValue::Get(value));
    case TypeKind::kFloat: return row::Value::Float(row::WithoutMinusZero(duckdb::FloatValue::Get(value)));
    case TypeKind::kDouble: return row::Value::Double(row::WithoutMinusZero(duckdb::DoubleValue::Get(value)));
    case TypeKind::kDecimal:
      switch (value.type().InternalType()) {
        case duckdb::PhysicalType::INT16: return row::Value::Wide(value.GetValueUnsafe<int16_t>());
        case duckdb::PhysicalType::INT32: return row::Value::Wide(value.GetValueUnsafe<int32_t>());
        case duckdb::PhysicalType::INT64: return row::Value::Wide(value.GetValueUnsafe<int64_t>());
        default: return row::Value::Wide(FromHuge(value.GetValueUnsafe<duckdb::hugeint_t>()));
      }
    case TypeKind::kText:
    case TypeKind::kBytes:
    case TypeKind::kJson: return row::Value::String(duckdb::StringValue::Get(value));
    case TypeKind::kDate: return row::Value::Int(value.GetValueUnsafe<int32_t>());
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz: return row::Value::Int(value.GetValueUnsafe<int64_t>());
    case TypeKind::kUuid: return row::Value::Wide(UuidFromEngine(value.GetValueUnsafe<duckdb::hugeint_t>()));
    case TypeKind::kEmbedding: {
      std::string bytes;
      for (const auto& item : duckdb::ArrayValue::GetChildren(value)) {
        char slot[4];
        StoreLittle(slot, item.IsNull() ? 0.0F : row::WithoutMinusZero(duckdb::FloatValue::Get(item)));
        bytes.append(slot, sizeof(slot));
      }
      return row::Value::String(std::move(bytes));
    }
  }
  return row::Value::Null();
}

Status DecodeColumn(const row::Projection& projection, size_t ordinal, std::span<const std::string_view> rows,
                    Vector& out, size_t first) {
  const auto& source = projection.source(ordinal);
  const row::Type& to = projection.to().column(ordinal).type;
  if (source.ordinal < 0) {
    const duckdb::Value constant = ToEngineValue(to, source.constant);
    for (size_t i = 0; i < rows.size(); ++i) out.SetValue(first + i, constant);
    return {};
  }
  const auto from = static_cast<size_t>(source.ordinal);
  if (!source.widened) {
    DecodeSame(to, projection.from_layout(), from, rows, out, first);
    return {};
  }
  if (DecodeWidened(projection.from().column(from).type, to, projection.from_layout(), from, rows, out, first))
    return {};
  for (size_t i = 0; i < rows.size(); ++i) {
    ASSIGN_OR_RETURN(const row::Value value, projection.Read(rows[i], ordinal));
    out.SetValue(first + i, ToEngineValue(to, value));
  }
  return {};
}

RowEncoder::RowEncoder(row::SchemaPtr schema)
    : schema_(std::move(schema)),
      layout_(*schema_),
      formats_(schema_->size()),
      physical_(schema_->size()),
      children_(schema_->size()) {}

void RowEncoder::Load(std::span<Vector* const> columns, size_t count) {
  KALAM_CHECK(columns.size() == schema_->size());
  for (size_t i = 0; i < columns.size(); ++i) {
    columns[i]->ToUnifiedFormat(count, formats_[i]);
    physical_[i] = columns[i]->GetType().InternalType();
    if (physical_[i] == duckdb::PhysicalType::ARRAY) {
      columns[i]->Flatten(count);
      columns[i]->ToUnifiedFormat(count, formats_[i]);
      auto& child = duckdb::ArrayVector::GetEntry(*columns[i]);
      child.ToUnifiedFormat(count * duckdb::ArrayType::GetSize(columns[i]->GetType()), children_[i]);
    }
  }
}

bool RowEncoder::IsNull(size_t ordinal, size_t index) const {
  const auto& format = formats_[ordinal];
  return !format.validity.RowIsValid(format.sel->get_index(index));
}

bool RowEncoder::HasNullNumber(size_t ordinal, size_t index) const {
  if (IsNull(ordinal, index)) return false;
  const auto& child = children_[ordinal];
  const uint32_t dimensions = schema_->column(ordinal).type.length();
  const size_t first = formats_[ordinal].sel->get_index(index) * dimensions;
  for (uint32_t i = 0; i < dimensions; ++i) {
    if (!child.validity.RowIsValid(child.sel->get_index(first + i))) return true;
  }
  return false;
}

std::string_view RowEncoder::Bytes(size_t ordinal, size_t index) const {
  const auto& format = formats_[ordinal];
  const auto& text = duckdb::UnifiedVectorFormat::GetData<duckdb::string_t>(format)[format.sel->get_index(index)];
  return {text.GetData(), text.GetSize()};
}

void RowEncoder::StoreSlot(const row::Type& type, size_t ordinal, size_t index, char* to) const {
  const auto& format = formats_[ordinal];
  const size_t at = format.sel->get_index(index);
  const auto get = [&]<typename T>(T) { return duckdb::UnifiedVectorFormat::GetData<T>(format)[at]; };
  switch (type.kind()) {
    case TypeKind::kBoolean: *to = get(bool()) ? 1 : 0; return;
    case TypeKind::kSmallInt: return StoreLittle(to, get(int16_t()));
    case TypeKind::kInt:
    case TypeKind::kDate: return StoreLittle(to, get(int32_t()));
    case TypeKind::kBigInt:
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz: return StoreLittle(to, get(int64_t()));
    case TypeKind::kFloat: return StoreLittle(to, row::WithoutMinusZero(get(float())));
    case TypeKind::kDouble: return StoreLittle(to, row::WithoutMinusZero(get(double())));
    case TypeKind::kDecimal:
      switch (physical_[ordinal]) {
        case duckdb::PhysicalType::INT16: return StoreLittle(to, row::Int128{get(int16_t())});
        case duckdb::PhysicalType::INT32: return StoreLittle(to, row::Int128{get(int32_t())});
        case duckdb::PhysicalType::INT64: return StoreLittle(to, row::Int128{get(int64_t())});
        default: return StoreLittle(to, FromHuge(get(duckdb::hugeint_t())));
      }
    case TypeKind::kUuid: {
      const auto bits = static_cast<unsigned __int128>(UuidFromEngine(get(duckdb::hugeint_t())));
      StoreLittle(to, __builtin_bswap64(static_cast<uint64_t>(bits >> 64)));
      return StoreLittle(to + 8, __builtin_bswap64(static_cast<uint64_t>(bits)));
    }
    default: return;
  }
}

void RowEncoder::EncodeRow(size_t index, std::string* out) const {
  size_t variable = 0;
  for (const auto& column : layout_.variable_columns()) {
    if (!IsNull(column.ordinal, index))
      variable += column.exact_bytes != 0 ? column.exact_bytes : Bytes(column.ordinal, index).size();
  }
  out->assign(layout_.variable_start() + variable, '\0');
  char* row = out->data();
  row[0] = static_cast<char>(row::kRowFormat);
  StoreLittle(row + 4, schema_->version().value);
  uint32_t end = 0;
  for (size_t ordinal = 0; ordinal < schema_->size(); ++ordinal) {
    char* slot = row + layout_.offset(ordinal);
    const bool null = IsNull(ordinal, index);
    if (null)
      row[row::kRowHeaderBytes + ordinal / 8] =
          static_cast<char>(row[row::kRowHeaderBytes + ordinal / 8] | 1 << (ordinal % 8));
    if (!layout_.is_variable(ordinal)) {
      if (!null) StoreSlot(schema_->column(ordinal).type, ordinal, index, slot);
      continue;
    }
    if (!null) {
      char* to = row + layout_.variable_start() + end;
      if (schema_->column(ordinal).type.kind() == TypeKind::kEmbedding) {
        const uint32_t dimensions = schema_->column(ordinal).type.length();
        const auto& child = children_[ordinal];
        const size_t first = formats_[ordinal].sel->get_index(index) * dimensions;
        for (uint32_t i = 0; i < dimensions; ++i) {
          const size_t at = child.sel->get_index(first + i);
          StoreLittle(to + i * 4, row::WithoutMinusZero(duckdb::UnifiedVectorFormat::GetData<float>(child)[at]));
        }
        end += dimensions * 4;
      } else {
        const std::string_view bytes = Bytes(ordinal, index);
        std::memcpy(to, bytes.data(), bytes.size());
        end += static_cast<uint32_t>(bytes.size());
      }
    }
    StoreLittle(slot, end);
  }
}

row::Value RowEncoder::ValueAt(size_t ordinal, size_t index) const {
  if (IsNull(ordinal, index)) return row::Value::Null();
  const row::Type& type = schema_->column(ordinal).type;
  if (type.kind() == TypeKind::kEmbedding) return row::Value::Null();  // never a key, never in a message
  if (type.IsVariable()) return row::Value::String(std::string(Bytes(ordinal, index)));
  char slot[16];
  StoreSlot(type, ordinal, index, slot);
  switch (type.kind()) {
    case TypeKind::kBoolean: return row::Value::Bool(slot[0] != 0);
    case TypeKind::kSmallInt: return row::Value::Int(LoadLittle<int16_t>(slot));
    case TypeKind::kInt:
    case TypeKind::kDate: return row::Value::Int(LoadLittle<int32_t>(slot));
    case TypeKind::kFloat: return row::Value::Float(LoadLittle<float>(slot));
    case TypeKind::kDouble: return row::Value::Double(LoadLittle<double>(slot));
    case TypeKind::kDecimal: return row::Value::Wide(LoadLittle<row::Int128>(slot));
    case TypeKind::kUuid: return row::Value::Wide(LoadUuid(slot));
    default: return row::Value::Int(LoadLittle<int64_t>(slot));
  }
}

void RowEncoder::AppendPrimaryKey(size_t index, std::string* out) const {
  for (const uint16_t ordinal : schema_->key_ordinals())
    row::AppendKeyValue(schema_->column(ordinal).type, ValueAt(ordinal, index), out);
}

}  // namespace kalamdb::engine
