// ALTER TABLE: columns come, go and change their names and comments.
#include <algorithm>

#include "catalog/alter_editor.h"
#include "catalog/names.h"
#include "catalog/print.h"
#include "catalog/sql_text.h"

namespace kalamdb::catalog {
namespace {

Error MissingDefault(const std::string& column) {
  return Error{ErrorCode::kNotNullViolation,
               "column " + column +
                   " is NOT NULL, so it needs a DEFAULT that is not NULL: rows that are there would have no value"}
      .WithHint("Add DEFAULT and a constant, or leave NOT NULL out.");
}

// Rule 4, in its order, but for the name.
Status CheckAddedDefault(const AlterAction& action, const std::string& default_sql) {
  const bool is_required = action.nullable == false;
  const std::string column = QuoteIdentifier(action.column);
  if (is_required && default_sql.empty()) return MissingDefault(column);
  const std::string call = FindVolatileCall(default_sql);
  if (!call.empty()) {
    return Error{ErrorCode::kUnsupported, "column " + column +
                                              ": the default of an added column is one constant for all rows that "
                                              "are there, and " +
                                              call + "() gives none"}
        .WithHint("Add the column without it, then ALTER COLUMN " + column + " SET DEFAULT " + default_sql +
                  " for rows to come.");
  }
  if (action.default_error) return *action.default_error;
  if (is_required && action.default_value.is_null()) return MissingDefault(column);
  return {};
}

}  // namespace

Status CheckNotSystemName(std::string_view name) {
  if (!name.starts_with('_')) return {};
  return Error{ErrorCode::kInvalidSql,
               "column " + QuoteIdentifier(name) +
                   ": names that begin with _ are the system's; they cannot be added, dropped, renamed or changed"}
      .WithHint("Choose a name that does not begin with _.");
}

row::Column* AlterEditor::FindColumn(std::string_view name) {
  const std::string folded = row::FoldName(name);
  const auto found = std::find_if(columns_.begin(), columns_.end(),
                                  [&](const row::Column& column) { return row::FoldName(column.name) == folded; });
  return found == columns_.end() ? nullptr : &*found;
}

Error AlterEditor::ColumnNotFound(std::string_view name) const {
  std::vector<std::string> names;
  for (const row::Column& column : columns_) {
    if (!column.hidden) names.push_back(QuoteIdentifier(column.name));
  }
  return Error{ErrorCode::kColumnNotFound,
               "column " + QuoteIdentifier(name) + " of table " + old_.QualifiedName() + " does not exist"}
      .WithHint("It has " + ListNames(names) + ".");
}

Result<row::Column*> AlterEditor::GetColumn(std::string_view name) {
  RETURN_IF_ERROR(CheckNotSystemName(name));
  row::Column* column = FindColumn(name);
  if (column == nullptr) return ColumnNotFound(name);
  return column;
}

Status AlterEditor::AddColumn(const AlterAction& action) {
  RETURN_IF_ERROR(CheckNotSystemName(action.column));
  RETURN_IF_ERROR(CheckColumnName(action.column));
  KALAM_CHECK(action.type.has_value());
  const std::string default_sql = row::FoldName(action.default_sql) == "null" ? "" : action.default_sql;
  if (const row::Column* taken = FindColumn(action.column)) {
    if (action.if_not_exists) return {};
    return Error{ErrorCode::kAlreadyExists,
                 "column " + QuoteIdentifier(taken->name) + " of table " + old_.QualifiedName() + " already exists"}
        .WithHint("Choose another name, or say ADD COLUMN IF NOT EXISTS.");
  }
  RETURN_IF_ERROR(CheckAddedDefault(action, default_sql));
  if (columns_.size() >= row::kMaxColumns) {
    return Error{ErrorCode::kTooLarge, "column " + QuoteIdentifier(action.column) + ": a table has at most " +
                                           std::to_string(row::kMaxColumns) + " columns"};
  }
  row::Column column;
  column.id = next_column_id_;
  column.name = action.column;
  column.type = *action.type;
  column.nullable = action.nullable.value_or(true);
  column.added_in = version_;
  if (!default_sql.empty()) column.initial_default = action.default_value;
  column.write_default = default_sql;
  column.comment = action.comment.value_or("");
  next_column_id_ = next_column_id_.Next();
  Record("ADD COLUMN " + PrintColumn(column, false));
  columns_.push_back(std::move(column));
  return {};
}

// Rule 8: the error lists all that is in the way.
Status AlterEditor::DropDependents(const row::Column& column, bool cascade) {
  const auto names_it = [&column](const CheckConstraint& check) {
    const auto& ids = check.expression.columns;
    return std::find(ids.begin(), ids.end(), column.id) != ids.end();
  };
  std::vector<std::string> checks;
  for (const CheckConstraint& check : checks_) {
    if (names_it(check)) checks.push_back(check.name);
  }
  if (cascade) {
    dropped_checks_.insert(dropped_checks_.end(), checks.begin(), checks.end());
    std::erase_if(checks_, names_it);
    return {};
  }
  std::vector<std::string> naming;
  for (const std::string& check : checks) naming.push_back("CHECK " + QuoteIdentifier(check));
  if (context_.named_by && column.added_in != version_) {
    for (std::string& name : context_.named_by(column.id)) naming.push_back(std::move(name));
  }
  if (naming.empty()) return {};
  return Error{ErrorCode::kDependentObjects, "column " + QuoteIdentifier(column.name) + " of " + old_.QualifiedName() +
                                                 " is named by " + ListNames(naming)}
      .WithHint(checks.empty() ? "Drop or end them first, or say CASCADE."
                               : "DROP CONSTRAINT " + QuoteIdentifier(checks.front()) + " first, or say CASCADE.");
}

Status AlterEditor::DropColumn(const AlterAction& action) {
  RETURN_IF_ERROR(CheckNotSystemName(action.column));
  const row::Column* column = FindColumn(action.column);
  if (column == nullptr) {
    if (action.if_exists) return {};
    return ColumnNotFound(action.column);
  }
  const std::string name = QuoteIdentifier(column->name);
  if (column->IsKey()) {
    return Error{ErrorCode::kUnsupported,
                 "column " + name + " is part of the primary key, which can be renamed but not dropped"}
        .WithHint("RENAME COLUMN " + name + " TO another name works; another key needs another table.");
  }
  const auto visible = std::count_if(columns_.begin(), columns_.end(), [](const row::Column& c) { return !c.hidden; });
  if (visible == 1) {
    return Error{ErrorCode::kUnsupported, "column " + name + " is the only one of table " + old_.QualifiedName()}
        .WithHint("Add another column first, or DROP TABLE.");
  }
  RETURN_IF_ERROR(DropDependents(*column, action.cascade));
  if (action.cascade) cascaded_.insert(column->id);
  Record("DROP COLUMN " + name + (action.cascade ? " CASCADE" : ""));
  columns_.erase(columns_.begin() + (column - columns_.data()));
  return {};
}

Status AlterEditor::RenameColumn(const AlterAction& action) {
  RETURN_IF_ERROR(CheckNotSystemName(action.column));
  RETURN_IF_ERROR(CheckNotSystemName(action.new_name));
  ASSIGN_OR_RETURN(row::Column * column, GetColumn(action.column));
  RETURN_IF_ERROR(CheckColumnName(action.new_name));
  const row::Column* taken = FindColumn(action.new_name);
  if (taken != nullptr && taken != column) {
    return Error{ErrorCode::kAlreadyExists,
                 "column " + QuoteIdentifier(taken->name) + " of table " + old_.QualifiedName() + " already exists"}
        .WithHint("To swap two names, rename one to a third first; all in one ALTER TABLE.");
  }
  if (column->name == action.new_name) return {};
  Record("RENAME COLUMN " + QuoteIdentifier(column->name) + " TO " + QuoteIdentifier(action.new_name));
  column->name = action.new_name;
  return {};
}

Status AlterEditor::CommentColumn(const AlterAction& action) {
  ASSIGN_OR_RETURN(row::Column * column, GetColumn(action.column));
  const std::string comment = action.comment.value_or("");
  if (column->comment == comment) return {};
  column->comment = comment;
  Record("COMMENT ON COLUMN " + QuoteIdentifier(name_) + "." + QuoteIdentifier(column->name) + " IS " +
         (comment.empty() ? "NULL" : QuoteLiteral(comment)));
  return {};
}

}  // namespace kalamdb::catalog
