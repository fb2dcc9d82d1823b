// Row bytes to JSON.
#include "engine/fast/row_json.h"

#include <charconv>

namespace kalamdb::engine {
namespace {

using row::TypeKind;

void AppendInteger(int64_t value, std::string* out) {
  char digits[24];
  const auto [end, error] = std::to_chars(digits, digits + sizeof(digits), value);
  out->append(digits, end);
}

void AppendQuotedInteger(int64_t value, std::string* out) {
  out->push_back('"');
  AppendInteger(value, out);
  out->push_back('"');
}

void AppendEmbedding(std::string_view bytes, std::string* out) {
  out->push_back('[');
  for (size_t i = 0; i + sizeof(float) <= bytes.size(); i += sizeof(float)) {
    if (i != 0) out->push_back(',');
    row::AppendJsonNumber(row::LoadLittle<float>(bytes.data() + i), out);
  }
  out->push_back(']');
}

}  // namespace

void AppendColumnJson(const row::Schema& schema, const row::RowLayout& layout, std::string_view row, size_t ordinal,
                      row::BytesForm bytes_form, std::string* out) {
  if (row::RowIsNull(row, ordinal)) {
    out->append("null");
    return;
  }
  const std::string_view bytes = row::RowBytes(layout, row, ordinal);
  const row::Type& type = schema.column(ordinal).type;
  switch (type.kind()) {
    case TypeKind::kBoolean: out->append(bytes[0] != 0 ? "true" : "false"); return;
    case TypeKind::kSmallInt: return AppendInteger(row::LoadLittle<int16_t>(bytes.data()), out);
    case TypeKind::kInt:
    case TypeKind::kDate: return AppendInteger(row::LoadLittle<int32_t>(bytes.data()), out);
    case TypeKind::kBigInt: return AppendQuotedInteger(row::LoadLittle<int64_t>(bytes.data()), out);
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz: return AppendInteger(row::LoadLittle<int64_t>(bytes.data()), out);
    case TypeKind::kFloat: return row::AppendJsonNumber(row::LoadLittle<float>(bytes.data()), out);
    case TypeKind::kDouble: return row::AppendJsonNumber(row::LoadLittle<double>(bytes.data()), out);
    case TypeKind::kDecimal:
      return row::AppendJsonDecimal(row::LoadLittle<row::Int128>(bytes.data()), type.scale(), out);
    case TypeKind::kText:
    case TypeKind::kJson: return row::AppendJsonString(bytes, out);
    case TypeKind::kBytes: return row::AppendJsonBytes(bytes, bytes_form, out);
    case TypeKind::kUuid:
      return row::AppendJsonUuid(static_cast<row::Int128>(row::LoadBig<unsigned __int128>(bytes.data())), out);
    case TypeKind::kEmbedding: return AppendEmbedding(bytes, out);
  }
}

Status AppendRowJson(const FastPlan& plan, std::string_view row, RowForm form, row::BytesForm bytes_form,
                     std::string* out) {
  const row::Schema& schema = *plan.table->schema();
  row::ProjectionPtr projection;
  if (row.size() < row::kRowHeaderBytes || row::RowVersion(row) != schema.version()) {
    if (row.size() < row::kRowHeaderBytes)
      return Error{ErrorCode::kStorageUnavailable, "a row of table " + plan.table->QualifiedName() + " is damaged"};
    ASSIGN_OR_RETURN(projection, plan.table->ProjectionFrom(row::RowVersion(row)));
    RETURN_IF_ERROR(row::CheckRow(projection->from_layout(), row));
    if (projection->IsIdentity()) projection = nullptr;
  } else {
    RETURN_IF_ERROR(row::CheckRow(*plan.layout, row));
  }
  out->push_back(form == RowForm::kArray ? '[' : '{');
  bool first = true;
  for (const FastColumn& column : plan.columns) {
    if (!first) out->push_back(',');
    first = false;
    if (form == RowForm::kObject) out->append(column.json_key);
    switch (column.kind) {
      case FastColumn::Kind::kSeq: AppendQuotedInteger(static_cast<int64_t>(row::RowSeq(row).value), out); break;
      case FastColumn::Kind::kUpdated: AppendInteger(row::RowUpdated(row), out); break;
      case FastColumn::Kind::kStored:
        if (projection == nullptr) {
          AppendColumnJson(schema, *plan.layout, row, column.ordinal, bytes_form, out);
        } else {
          ASSIGN_OR_RETURN(const row::Value value, projection->Read(row, column.ordinal));
          row::AppendJsonValue(column.type, value, bytes_form, out);
        }
        break;
    }
  }
  out->push_back(form == RowForm::kArray ? ']' : '}');
  return {};
}

}  // namespace kalamdb::engine
