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

// A vector to be read at any index; lists, arrays and structs go on in their children's vectors, so that no element
// becomes an object of its own. What has another form (maps, unions, types of the engine's own) is read as a Value.
class Node {
 public:
  Node(duckdb::Vector& vector, size_t count) : vector_(vector), type_(vector.GetType()) {
    vector.ToUnifiedFormat(count, format_);
    const bool plain = vector.GetVectorType() == duckdb::VectorType::FLAT_VECTOR ||
                       vector.GetVectorType() == duckdb::VectorType::CONSTANT_VECTOR;
    switch (type_.id()) {
      case LogicalTypeId::LIST:
        form_ = Form::kList;
        children_.emplace_back(duckdb::ListVector::GetEntry(vector), duckdb::ListVector::GetListSize(vector));
        break;
      case LogicalTypeId::ARRAY:
        form_ = Form::kArray;
        children_.emplace_back(duckdb::ArrayVector::GetEntry(vector), duckdb::ArrayVector::GetTotalSize(vector));
        break;
      case LogicalTypeId::STRUCT:
        if (!plain) break;
        form_ = Form::kStruct;
        for (auto& child : duckdb::StructVector::GetEntries(vector)) children_.emplace_back(*child, count);
        break;
      case LogicalTypeId::MAP:
      case LogicalTypeId::UNION: break;
      default: form_ = Form::kScalar; break;
    }
  }

  void Append(size_t index, row::BytesForm bytes_form, std::string* out) const {
    const size_t at = format_.sel->get_index(index);
    if (!format_.validity.RowIsValid(at)) {
      out->append("null");
      return;
    }
    switch (form_) {
      case Form::kScalar:
        if (AppendScalar(type_, format_, at, bytes_form, out)) return;
        break;
      case Form::kList: {
        const auto& entry = UnifiedVectorFormat::GetData<duckdb::list_entry_t>(format_)[at];
        return AppendElements(entry.offset, entry.length, bytes_form, out);
      }
      case Form::kArray: {
        const size_t length = duckdb::ArrayType::GetSize(type_);
        return AppendElements(at * length, length, bytes_form, out);
      }
      case Form::kStruct: return AppendFields(at, bytes_form, out);
      case Form::kValue: break;
    }
    AppendEngineValue(vector_.GetValue(index), bytes_form, out);
  }

 private:
  enum class Form : uint8_t { kValue, kScalar, kList, kArray, kStruct };

  void AppendElements(size_t first, size_t count, row::BytesForm bytes_form, std::string* out) const {
    out->push_back('[');
    for (size_t i = 0; i < count; ++i) {
      if (i != 0) out->push_back(',');
      children_[0].Append(first + i, bytes_form, out);
    }
    out->push_back(']');
  }

  void AppendFields(size_t at, row::BytesForm bytes_form, std::string* out) const {
    const auto& fields = duckdb::StructType::GetChildTypes(type_);
    const bool unnamed = duckdb::StructType::IsUnnamed(type_);  // row(1, 2): an array, as in AppendEngineValue
    out->push_back(unnamed ? '[' : '{');
    for (size_t i = 0; i < children_.size(); ++i) {
      if (i != 0) out->push_back(',');
      if (!unnamed) {
        row::AppendJsonString(fields[i].first, out);
        out->push_back(':');
      }
      children_[i].Append(at, bytes_form, out);
    }
    out->push_back(unnamed ? ']' : '}');
  }

  duckdb::Vector& vector_;
  LogicalType type_;
  UnifiedVectorFormat format_;
  Form form_ = Form::kValue;
  std::vector<Node> children_;
};

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

size_t JsonWriter::AppendRows(duckdb::DataChunk& chunk, size_t first, size_t most_bytes, std::string* out) {
  std::vector<Node> columns;
  for (auto& column : chunk.data) columns.emplace_back(column, chunk.size());
  size_t row = first;
  do {
    if (row != first) out->push_back(separator_);
    out->push_back(form_ == RowForm::kObject ? '{' : '[');
    for (size_t i = 0; i < columns.size(); ++i) {
      out->append(keys_[i]);
      columns[i].Append(row, bytes_form_, out);
    }
    out->push_back(form_ == RowForm::kObject ? '}' : ']');
    ++row;
  } while (row < chunk.size() && out->size() < most_bytes);
  return row;
}

}  // namespace kalamdb::engine
