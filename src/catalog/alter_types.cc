// ALTER TABLE: types, nullability and defaults of columns that are there.
#include "catalog/alter_editor.h"
#include "catalog/names.h"
#include "catalog/print.h"
#include "catalog/sql_text.h"
#include "row/projection.h"

namespace kalamdb::catalog {
namespace {

using row::TypeKind;

// What a column of this type may become, as a sentence without its subject.
std::string AllowedTargets(const row::Type& type) {
  switch (type.kind()) {
    case TypeKind::kSmallInt: return "can become INT, BIGINT, DOUBLE or DECIMAL(p,s) with p - s >= 5";
    case TypeKind::kInt: return "can become BIGINT, DOUBLE or DECIMAL(p,s) with p - s >= 10";
    case TypeKind::kBigInt: return "can become DECIMAL(p,s) with p - s >= 19";
    case TypeKind::kFloat: return "can become DOUBLE";
    case TypeKind::kDecimal:
      return "can become DECIMAL(p,s) with s >= " + std::to_string(type.scale()) +
             " and p - s >= " + std::to_string(type.width() - type.scale());
    case TypeKind::kText:
      if (type.length() == 0) return "keeps its type";
      return "can become VARCHAR(n) with n >= " + std::to_string(type.length()) + " or TEXT";
    case TypeKind::kDate: return "can become TIMESTAMP";
    default: return "keeps its type";
  }
}

// A number whose digits behind the point are at most `scale`: no cast to the old type changes it.
bool IsExactNumber(const std::string& text, int scale) {
  const size_t point = text.find('.');
  if (point == std::string::npos) return IsIntegerLiteral(text);
  const std::string whole = text.substr(0, point);
  const std::string fraction = text.substr(point + 1);
  return IsIntegerLiteral(whole) && IsIntegerLiteral(fraction) && fraction[0] != '-' &&
         static_cast<int>(fraction.size()) <= scale;
}

// The default's text under the new type. A text that the new type could read as another value (1.4 of a SMALLINT is 1)
// is cast to the old type first, so that it stays the value it was.
std::string ConvertDefault(const std::string& text, const row::Type& from) {
  const int scale = from.kind() == TypeKind::kDecimal ? from.scale() : 0;
  if (text.empty() || from.kind() == TypeKind::kText || IsExactNumber(text, scale)) return text;
  if (!FindVolatileCall(text).empty()) return text;  // SNOWFLAKE_ID() is a BIGINT whatever it is stored as
  const std::string cast_end = " AS " + from.ToEngineSql() + ")";
  const bool has_cast = text.starts_with("CAST(") && text.ends_with(cast_end) && IsSimpleExpression(text);
  return has_cast ? text : "CAST(" + text + cast_end;
}

}  // namespace

Status AlterEditor::ModifyColumn(const AlterAction& action) {
  KALAM_CHECK(action.type.has_value());
  ASSIGN_OR_RETURN(row::Column * column, GetColumn(action.column));
  RETURN_IF_ERROR(Retype(column, *action.type));
  if (!action.nullable) return {};
  return SetNullable(column, *action.nullable);
}

Status AlterEditor::SetType(const AlterAction& action) {
  KALAM_CHECK(action.type.has_value());
  ASSIGN_OR_RETURN(row::Column * column, GetColumn(action.column));
  return Retype(column, *action.type);
}

Status AlterEditor::Retype(row::Column* column, const row::Type& type) {
  if (column->type == type) return {};
  const std::string name = QuoteIdentifier(column->name);
  if (column->IsKey()) {
    return Error{ErrorCode::kUnsupported,
                 "column " + name + " is part of the primary key, which can be renamed but not change its type"}
        .WithHint("Another key type needs another table: CREATE TABLE … AS SELECT.");
  }
  if (!row::CanWiden(column->type, type)) {
    return Error{ErrorCode::kUnsupported, "column " + name + ": " + column->type.ToSql() + " cannot become " +
                                              type.ToSql() + " without a loss; it " + AllowedTargets(column->type)}
        .WithHint("For " + type.ToSql() + " add another column and fill it: UPDATE … SET new = CAST(" + name + " AS " +
                  type.ToSql() + ").");
  }
  Result<row::Value> converted = row::WidenValue(column->type, type, column->initial_default);
  if (!converted.ok()) {
    return Error{ErrorCode::kTypeMismatch,
                 "column " + name + ": its default does not fit " + type.ToSql() + ": " + converted.error().message}
        .WithHint("The value that older rows read as is fixed: such a column keeps its type.");
  }
  column->initial_default = *std::move(converted);
  column->write_default = ConvertDefault(column->write_default, column->type);
  column->type = type;
  Record("ALTER COLUMN " + name + " TYPE " + type.ToSql());
  return {};
}

Status AlterEditor::SetNullable(row::Column* column, bool nullable) {
  const std::string name = QuoteIdentifier(column->name);
  if (column->nullable == nullable) return {};
  if (nullable && column->IsKey()) {
    return Error{ErrorCode::kUnsupported, "column " + name + " is part of the primary key, which is never NULL"}
        .WithHint("Another key needs another table.");
  }
  // Rule 7 for rows that are there is asked by the caller; a column of this very statement has none but its default.
  if (!nullable && column->added_in == version_ && column->initial_default.is_null()) {
    return Error{ErrorCode::kNotNullViolation,
                 "column " + name + " was just added without a DEFAULT, so that rows that are there read as NULL"}
        .WithHint("Add it with NOT NULL DEFAULT and a constant.");
  }
  column->nullable = nullable;
  Record("ALTER COLUMN " + name + (nullable ? " DROP NOT NULL" : " SET NOT NULL"));
  return {};
}

Status AlterEditor::SetDefault(const AlterAction& action, std::string text) {
  ASSIGN_OR_RETURN(row::Column * column, GetColumn(action.column));
  if (row::FoldName(text) == "null") text.clear();
  if (column->write_default == text) return {};
  column->write_default = std::move(text);
  const std::string name = QuoteIdentifier(column->name);
  Record("ALTER COLUMN " + name +
         (column->write_default.empty() ? " DROP DEFAULT" : " SET DEFAULT " + PrintDefault(column->write_default)));
  return {};
}

}  // namespace kalamdb::catalog
