// ALTER TABLE as a whole: the order of the rules, changes of the table itself, and what has changed in the end.
#include "catalog/alter.h"

#include <algorithm>

#include "catalog/alter_editor.h"
#include "catalog/names.h"

namespace kalamdb::catalog {
namespace {

using Kind = AlterAction::Kind;

bool ChangesColumnList(Kind kind) {
  switch (kind) {
    case Kind::kAddColumn:
    case Kind::kDropColumn:
    case Kind::kModifyColumn:
    case Kind::kSetType:
    case Kind::kSetDefault:
    case Kind::kDropDefault:
    case Kind::kSetNotNull:
    case Kind::kDropNotNull:
    case Kind::kRenameColumn: return true;
    case Kind::kRenameTable:
    case Kind::kSetOptions:
    case Kind::kDropConstraint:
    case Kind::kCommentTable:
    case Kind::kCommentColumn: return false;
  }
  return false;
}

bool SameColumn(const row::Column& a, const row::Column& b) {
  return a.id == b.id && a.name == b.name && a.type == b.type && a.nullable == b.nullable &&
         a.write_default == b.write_default && a.comment == b.comment;
}

bool SameLayout(const row::Column& a, const row::Column& b) {
  return a.id == b.id && a.type == b.type && a.nullable == b.nullable && a.write_default == b.write_default;
}

bool SameCheck(const CheckConstraint& a, const CheckConstraint& b) {
  return a.name == b.name && a.expression.text == b.expression.text;
}

template <typename T, typename Same>
bool AllSame(const std::vector<T>& a, const std::vector<T>& b, Same same) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same);
}

const row::Column* FindById(const std::vector<row::Column>& columns, ColumnId id) {
  const auto found = std::find_if(columns.begin(), columns.end(), [id](const row::Column& c) { return c.id == id; });
  return found == columns.end() ? nullptr : &*found;
}

}  // namespace

AlterEditor::AlterEditor(const Table& table, const AlterContext& context)
    : old_(table),
      context_(context),
      version_(table.version().Next()),
      name_(table.name),
      options_(table.options),
      comment_(table.comment),
      columns_(table.schema()->columns()),
      checks_(table.checks),
      next_column_id_(table.next_column_id) {}

Status AlterEditor::Apply(const AlterAction& action) {
  if (old_.kind == TableKind::kStream && ChangesColumnList(action.kind)) {
    return Error{ErrorCode::kUnsupported, "table " + old_.QualifiedName() +
                                              " is a STREAM, whose columns cannot change; its options can: SET (…)"}
        .WithHint("Make another STREAM with the columns you want; events here end with their TTL.");
  }
  switch (action.kind) {
    case Kind::kAddColumn: return AddColumn(action);
    case Kind::kDropColumn: return DropColumn(action);
    case Kind::kModifyColumn: return ModifyColumn(action);
    case Kind::kSetType: return SetType(action);
    case Kind::kSetDefault: return SetDefault(action, action.default_sql);
    case Kind::kDropDefault: return SetDefault(action, "");
    case Kind::kSetNotNull:
    case Kind::kDropNotNull: {
      ASSIGN_OR_RETURN(row::Column * column, GetColumn(action.column));
      return SetNullable(column, action.kind == Kind::kDropNotNull);
    }
    case Kind::kRenameColumn: return RenameColumn(action);
    case Kind::kRenameTable: return RenameTable(action);
    case Kind::kSetOptions: return SetOptions(action);
    case Kind::kDropConstraint: return DropConstraint(action);
    case Kind::kCommentTable: return CommentTable(action);
    case Kind::kCommentColumn: return CommentColumn(action);
  }
  KALAM_CHECK(!"a kind of action that is not in the list");
  return {};
}

Status AlterEditor::RenameTable(const AlterAction& action) {
  RETURN_IF_ERROR(CheckObjectName(action.new_name));
  if (action.new_name == name_) return {};
  name_ = action.new_name;
  Record("RENAME TO " + QuoteIdentifier(name_));
  return {};
}

Status AlterEditor::SetOptions(const AlterAction& action) {
  TableOptions changed = options_;
  for (const auto& [name, value] : action.options) {
    RETURN_IF_ERROR(SetTableOption(old_.kind, name, value, &changed));
  }
  RETURN_IF_ERROR(CheckTableOptions(old_.kind, changed));
  if (changed.scope != old_.options.scope) {
    return Error{ErrorCode::kInvalidParameter,
                 "option SCOPE of table " + old_.QualifiedName() + " is fixed when the table is made"}
        .WithHint("Make another STREAM with the other SCOPE.");
  }
  if (changed == options_) return {};
  std::string printed;
  const auto before = PrintTableOptions(old_.kind, options_);
  const auto after = PrintTableOptions(old_.kind, changed);
  for (size_t i = 0; i < after.size(); ++i) {
    if (before[i] == after[i]) continue;
    printed += (printed.empty() ? "" : ", ") + after[i].first + " = " + after[i].second;
  }
  options_ = std::move(changed);
  Record("SET (" + printed + ")");
  return {};
}

Status AlterEditor::DropConstraint(const AlterAction& action) {
  const std::string folded = row::FoldName(action.column);
  const auto found = std::find_if(checks_.begin(), checks_.end(),
                                  [&](const CheckConstraint& check) { return row::FoldName(check.name) == folded; });
  if (found != checks_.end()) {
    Record("DROP CONSTRAINT " + QuoteIdentifier(found->name));
    checks_.erase(found);
    return {};
  }
  if (action.if_exists) return {};
  std::vector<std::string> names;
  for (const CheckConstraint& check : checks_) names.push_back(QuoteIdentifier(check.name));
  return Error{ErrorCode::kNotFound,
               "constraint " + QuoteIdentifier(action.column) + " of table " + old_.QualifiedName() + " does not exist"}
      .WithHint(names.empty() ? "The table has no constraint." : "There is " + ListNames(names) + ".");
}

Status AlterEditor::CommentTable(const AlterAction& action) {
  const std::string comment = action.comment.value_or("");
  if (comment == comment_) return {};
  comment_ = comment;
  Record("COMMENT ON TABLE " + QuoteIdentifier(name_) + " IS " + (comment.empty() ? "NULL" : QuoteLiteral(comment)));
  return {};
}

bool AlterEditor::ChangesAnything() const {
  return name_ != old_.name || comment_ != old_.comment || options_ != old_.options ||
         !AllSame(columns_, old_.schema()->columns(), SameColumn) || !AllSame(checks_, old_.checks, SameCheck);
}

bool AlterEditor::ChangesLayoutOrConstraint(const row::Schema& old) const {
  return !AllSame(columns_, old.columns(), SameLayout) || !AllSame(checks_, old_.checks, SameCheck);
}

AlterResult AlterEditor::Finish() {
  AlterResult result;
  if (!ChangesAnything()) return result;
  const row::Schema& old = *old_.schema();
  for (const row::Column& before : old.columns()) {
    const row::Column* after = FindById(columns_, before.id);
    if (after == nullptr) {
      result.dropped.push_back(before.id);
      if (cascaded_.contains(before.id)) result.cascaded.push_back(before.id);
      continue;
    }
    if (before.nullable && !after->nullable) result.set_not_null.push_back(before.id);
    if (before.type != after->type) result.retyped.push_back(before.id);
  }
  result.dropped_checks = std::move(dropped_checks_);
  auto table = std::make_shared<Table>(old_);
  if (ChangesLayoutOrConstraint(old)) table->write_version = version_;
  table->name = std::move(name_);
  table->options = std::move(options_);
  table->comment = std::move(comment_);
  table->checks = std::move(checks_);
  table->next_column_id = next_column_id_;
  table->updated_at = context_.now;
  table->versions_in_record = false;
  table->schemas.push_back(std::make_shared<const row::Schema>(version_, std::move(columns_)));
  table->versions.push_back({version_, context_.now, context_.user_name, std::move(changes_)});
  result.table = std::move(table);
  return result;
}

Result<AlterResult> ApplyAlter(const Table& table, const std::vector<AlterAction>& actions,
                               const AlterContext& context) {
  AlterEditor editor(table, context);
  for (const AlterAction& action : actions) RETURN_IF_ERROR(editor.Apply(action));
  return editor.Finish();
}

}  // namespace kalamdb::catalog
