// Vectors to JSON text.
#include "engine/bridge/json_writer.h"

#include <charconv>

#include "duckdb/common/types/uuid.hpp"
#include "engine/bridge/chunk_codec.h"

namespace kalamdb::engine {

using duckdb::LogicalType;
using duckdb::LogicalTypeId;
using duckdb::UnifiedVectorFormat;

namespace {

template <typename T>
void AppendInteger(T value, std::string* out) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  out->append(digits, end);
}

template <typename T>
void AppendQuotedInteger(T value, std::string* out) {
  out->push_back('"');
  AppendInteger(value, out);
  out->push_back('"');
}

row::Int128 Wide(duckdb::hugeint_t v) {
  return static_cast<row::Int128>((static_cast<unsigned __int128>(static_cast<uint64_t>(v.upper)) << 64) | v.lower);
}

void AppendDecimal(const LogicalType& type, const UnifiedVectorFormat& format, size_t at, std::string* out) {
  const uint8_t scale = duckdb::DecimalType::GetScale(type);
  row::Int128 unscaled = 0;
  switch (type.InternalType()) {
    case duckdb::PhysicalType::INT16: unscaled = UnifiedVectorFormat::GetData<int16_t>(format)[at]; break;
    case duckdb::PhysicalType::INT32: unscaled = UnifiedVectorFormat::GetData<int32_t>(format)[at]; break;
    case duckdb::PhysicalType::INT64: unscaled = UnifiedVectorFormat::GetData<int64_t>(format)[at]; break;
    default: unscaled = Wide(UnifiedVectorFormat::GetData<duckdb::hugeint_t>(format)[at]); break;
  }
  row::AppendJsonDecimal(unscaled, scale, out);
}

std::string_view Text(const UnifiedVectorFormat& format, size_t at) {
  const auto& text = UnifiedVectorFormat::GetData<duckdb::string_t>(format)[at];
  return {text.GetData(), text.GetSize()};
}

// REQUIRES: not NULL, a type of one slot. False: a type for the general way.
bool AppendScalar(const LogicalType& type, const UnifiedVectorFormat& format, size_t at, row::BytesForm bytes_form,
                  std::string* out) {
  const auto get = [&]<typename T>(T) { return UnifiedVectorFormat::GetData<T>(format)[at]; };
  switch (type.id()) {
    case LogicalTypeId::BOOLEAN: out->append(get(bool()) ? "true" : "false"); return true;
    case LogicalTypeId::TINYINT: AppendInteger(int{get(int8_t())}, out); return true;
    case LogicalTypeId::UTINYINT: AppendInteger(int{get(uint8_t())}, out); return true;
    case LogicalTypeId::SMALLINT: AppendInteger(get(int16_t()), out); return true;
    case LogicalTypeId::USMALLINT: AppendInteger(get(uint16_t()), out); return true;
    case LogicalTypeId::INTEGER:
    case LogicalTypeId::DATE: AppendInteger(get(int32_t()), out); return true;
    case LogicalTypeId::UINTEGER: AppendInteger(get(uint32_t()), out); return true;
    case LogicalTypeId::BIGINT: AppendQuotedInteger(get(int64_t()), out); return true;
    case LogicalTypeId::UBIGINT: AppendQuotedInteger(get(uint64_t()), out); return true;
    case LogicalTypeId::TIME:
    case LogicalTypeId::TIMESTAMP:
    case LogicalTypeId::TIMESTAMP_TZ: AppendInteger(get(int64_t()), out); return true;
    case LogicalTypeId::FLOAT: row::AppendJsonNumber(get(float()), out); return true;
    case LogicalTypeId::DOUBLE: row::AppendJsonNumber(get(double()), out); return true;
    case LogicalTypeId::DECIMAL: AppendDecimal(type, format, at, out); return true;
    case LogicalTypeId::VARCHAR: row::AppendJsonString(Text(format, at), out); return true;
    case LogicalTypeId::BLOB: row::AppendJsonBytes(Text(format, at), bytes_form, out); return true;
    default: return false;
  }
}

void AppendItems(const duckdb::vector<duckdb::Value>& items, row::BytesForm bytes_form, std::string* out) {
  out->push_back('[');
  for (size_t i = 0; i < items.size(); ++i) {
    if (i != 0) out->push_back(',');
    AppendEngineValue(items[i], bytes_form, out);
  }
  out->push_back(']');
}

void AppendStruct(const duckdb::Value& value, row::BytesForm bytes_form, std::string* out) {
  const auto& fields = duckdb::StructType::GetChildTypes(value.type());
  const auto& items = duckdb::StructValue::GetChildren(value);
  out->push_back('{');
  for (size_t i = 0; i < items.size(); ++i) {
    if (i != 0) out->push_back(',');
    row::AppendJsonString(fields[i].first, out);
    out->push_back(':');
    AppendEngineValue(items[i], bytes_form, out);
  }
  out->push_back('}');
}

void AppendMap(const duckdb::Value& value, row::BytesForm bytes_form, std::string* out) {
  out->push_back('{');
  bool first = true;
  for (const auto& entry : duckdb::MapValue::GetChildren(value)) {
    const auto& pair = duckdb::StructValue::GetChildren(entry);
    if (!first) out->push_back(',');
    first = false;
    row::AppendJsonString(pair[0].ToString(), out);
    out->push_back(':');
    AppendEngineValue(pair[1], bytes_form, out);
  }
  out->push_back('}');
}

struct Column {
  UnifiedVectorFormat format;
  LogicalType type;
  bool scalar = true;
  duckdb::Vector* vector = nullptr;
};

bool IsNested(const LogicalType& type) { return type.IsNested() || type.id() == LogicalTypeId::UNION; }

}  // namespace

std::string DataTypeJson(const LogicalType& type) {
  if (const auto own = FromEngineType(type)) return own->ToJson();
  std::string json;
  row::AppendJsonString(type.ToString(), &json);
  return json;
}

void AppendEngineValue(const duckdb::Value& value, row::BytesForm bytes_form, std::string* out) {
  if (value.IsNull()) {
    out->append("null");
    return;
  }
  const LogicalType& type = value.type();
  switch (type.id()) {
    case LogicalTypeId::LIST: return AppendItems(duckdb::ListValue::GetChildren(value), bytes_form, out);
    case LogicalTypeId::ARRAY: return AppendItems(duckdb::ArrayValue::GetChildren(value), bytes_form, out);
    case LogicalTypeId::STRUCT:
      // row(1, 2) has no names: as an object its values would hide each other.
      if (duckdb::StructType::IsUnnamed(type))
        return AppendItems(duckdb::StructValue::GetChildren(value), bytes_form, out);
      return AppendStruct(value, bytes_form, out);
    case LogicalTypeId::MAP: return AppendMap(value, bytes_form, out);
    default: break;
  }
  duckdb::Vector one(value);
  UnifiedVectorFormat format;
  one.ToUnifiedFormat(1, format);
  if (!AppendScalar(type, format, format.sel->get_index(0), bytes_form, out))
    row::AppendJsonString(value.ToString(), out);
}

JsonWriter::JsonWriter(const duckdb::vector<duckdb::string>& names, RowForm form, char separator,
                       row::BytesForm bytes_form)
    : form_(form), separator_(separator), bytes_form_(bytes_form) {
  for (size_t i = 0; i < names.size(); ++i) {
    std::string key = i == 0 ? "" : ",";
    if (form == RowForm::kObject) {
      row::AppendJsonString(names[i], &key);
      key.push_back(':');
    }
    keys_.push_back(std::move(key));
  }
}

void JsonWriter::AppendRows(duckdb::DataChunk& chunk, std::string* out) {
  std::vector<Column> columns(chunk.ColumnCount());
  for (size_t i = 0; i < columns.size(); ++i) {
    chunk.data[i].ToUnifiedFormat(chunk.size(), columns[i].format);
    columns[i].type = chunk.data[i].GetType();
    columns[i].scalar = !IsNested(columns[i].type);
    columns[i].vector = &chunk.data[i];
  }
  for (size_t row = 0; row < chunk.size(); ++row) {
    if (row != 0) out->push_back(separator_);
    out->push_back(form_ == RowForm::kObject ? '{' : '[');
    for (size_t i = 0; i < columns.size(); ++i) {
      Column& column = columns[i];
      out->append(keys_[i]);
      const size_t at = column.format.sel->get_index(row);
      if (!column.format.validity.RowIsValid(at)) {
        out->append("null");
      } else if (!column.scalar || !AppendScalar(column.type, column.format, at, bytes_form_, out)) {
        AppendEngineValue(column.vector->GetValue(row), bytes_form_, out);
      }
    }
    out->push_back(form_ == RowForm::kObject ? '}' : ']');
  }
}

}  // namespace kalamdb::engine
