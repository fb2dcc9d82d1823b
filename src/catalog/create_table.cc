// CREATE TABLE: from what was written to version 1.
#include <algorithm>
#include <unordered_set>

#include "catalog/alter.h"
#include "catalog/names.h"
#include "catalog/sql_text.h"

namespace kalamdb::catalog {
namespace {

Status CheckColumns(const CreateTableSpec& spec) {
  if (spec.columns.empty()) return Error{ErrorCode::kInvalidSql, "table " + spec.name + " has no column"};
  if (spec.columns.size() >= row::kMaxColumns) {
    return Error{ErrorCode::kTooLarge, "table " + spec.name + " has " + std::to_string(spec.columns.size()) +
                                           " columns; the limit is " + std::to_string(row::kMaxColumns - 1)};
  }
  std::unordered_set<std::string> names;
  for (const row::Column& column : spec.columns) {
    RETURN_IF_ERROR(CheckColumnName(column.name));
    if (!names.insert(row::FoldName(column.name)).second) {
      return Error{ErrorCode::kInvalidSql, "column " + QuoteIdentifier(column.name) + " is there twice"};
    }
    if (!column.type.IsValid()) {
      return Error{ErrorCode::kInvalidSql,
                   "column " + QuoteIdentifier(column.name) + " has a type with wrong arguments"};
    }
    if (column.IsKey() && !column.type.CanBeKey()) {
      return Error{ErrorCode::kUnsupported, "column " + QuoteIdentifier(column.name) + ": " + column.type.ToSql() +
                                                " cannot be part of a primary key"}
          .WithHint("Take a column of another type as the key, or leave PRIMARY KEY out: rows then get an _id.");
    }
  }
  return {};
}

row::Column HiddenId() {
  row::Column id;
  id.name = "_id";
  id.type = row::Type::Of(row::TypeKind::kBigInt);
  id.hidden = true;
  id.key_position = 1;
  id.write_default = "SNOWFLAKE_ID()";
  return id;
}

std::vector<row::Column> WithIds(std::vector<row::Column> columns) {
  ColumnId next(1);
  const bool has_key = std::any_of(columns.begin(), columns.end(), [](const row::Column& c) { return c.IsKey(); });
  for (row::Column& column : columns) {
    column.id = next;
    next = next.Next();
    column.hidden = false;
    column.initial_default = row::Value::Null();
    if (row::FoldName(column.write_default) == "null") column.write_default.clear();
  }
  if (!has_key) {
    columns.insert(columns.begin(), HiddenId());
    columns.front().id = next;
  }
  for (row::Column& column : columns) {
    column.added_in = SchemaVersion(1);
    if (column.IsKey()) column.nullable = false;
  }
  return columns;
}

// True where a bare word stands for a column: it is no function, no type behind AS or ::, no part of another name.
bool IsColumnPlace(std::string_view sql, const SqlPart& part, std::string_view previous_word) {
  const size_t next = sql.find_first_not_of(' ', part.begin + part.text.size());
  const char after = next == std::string_view::npos ? '\0' : sql[next];
  const char before = part.begin == 0 ? '\0' : sql[part.begin - 1];
  return after != '(' && after != '\'' && before != '.' && before != ':' && row::FoldName(previous_word) != "as";
}

// The expression with each column by id.
StoredExpression BindColumns(const std::string& sql, const std::vector<std::string>& names, const row::Schema& schema) {
  const bool by_number = sql.find("\"#") != std::string::npos;
  StoredExpression bound;
  std::string_view previous_word;
  for (size_t i = 0; i < sql.size();) {
    const SqlPart part = NextPart(sql, i);
    i += part.text.size();
    std::optional<size_t> ordinal;
    if (by_number) {
      ordinal = schema.FindById(ColumnId(ColumnIdOf(part)));
    } else if (part.kind == SqlPart::Kind::kQuotedName || part.kind == SqlPart::Kind::kBareName) {
      const std::string name = part.kind == SqlPart::Kind::kQuotedName ? Unquote(part.text) : std::string(part.text);
      const bool is_named = std::any_of(names.begin(), names.end(), [&](const std::string& column) {
        return row::FoldName(column) == row::FoldName(name);
      });
      if (is_named && IsColumnPlace(sql, part, previous_word)) ordinal = schema.FindByName(name);
    }
    if (part.text != " ") previous_word = part.text;
    if (!ordinal) {
      bound.text += part.text;
      continue;
    }
    const ColumnId id = schema.column(*ordinal).id;
    bound.text += "\"#" + std::to_string(id.value) + "\"";
    if (std::find(bound.columns.begin(), bound.columns.end(), id) == bound.columns.end()) bound.columns.push_back(id);
  }
  return bound;
}

// <table>_check, <table>_check1 …, the first that is free.
std::string MakeCheckName(const std::string& table, const std::unordered_set<std::string>& taken) {
  for (int n = 0;; ++n) {
    std::string name = table + "_check" + (n == 0 ? "" : std::to_string(n));
    if (!taken.contains(row::FoldName(name))) return name;
  }
}

Result<std::vector<CheckConstraint>> MakeChecks(const CreateTableSpec& spec, const row::Schema& schema) {
  std::unordered_set<std::string> taken;
  for (const auto& [name, text] : spec.checks) {
    if (!name.empty() && !taken.insert(row::FoldName(name)).second) {
      return Error{ErrorCode::kAlreadyExists, "constraint " + QuoteIdentifier(name) + " is there twice"};
    }
  }
  std::vector<CheckConstraint> checks;
  const std::vector<std::string> none;
  for (size_t i = 0; i < spec.checks.size(); ++i) {
    const auto& [name, text] = spec.checks[i];
    CheckConstraint check;
    check.name = name.empty() ? MakeCheckName(spec.name, taken) : name;
    taken.insert(row::FoldName(check.name));
    check.expression = BindColumns(text, i < spec.check_columns.size() ? spec.check_columns[i] : none, schema);
    checks.push_back(std::move(check));
  }
  return checks;
}

}  // namespace

Result<TablePtr> MakeTable(CreateTableSpec spec) {
  RETURN_IF_ERROR(CheckObjectName(spec.name));
  RETURN_IF_ERROR(CheckColumns(spec));
  RETURN_IF_ERROR(CheckTableOptions(spec.kind, spec.options));
  const auto schema = std::make_shared<const row::Schema>(SchemaVersion(1), WithIds(std::move(spec.columns)));
  ASSIGN_OR_RETURN(std::vector<CheckConstraint> checks, MakeChecks(spec, *schema));
  auto table = std::make_shared<Table>();
  table->id = spec.id;
  table->namespace_name = std::move(spec.namespace_name);
  table->name = std::move(spec.name);
  table->kind = spec.kind;
  table->options = std::move(spec.options);
  table->owner = spec.owner;
  table->owner_name = spec.owner_name;
  table->created_at = spec.now;
  table->updated_at = spec.now;
  table->comment = std::move(spec.comment);
  table->next_column_id = ColumnId(static_cast<int32_t>(schema->size()) + 1);
  table->schemas = {schema};
  table->versions = {{SchemaVersion(1), spec.now, std::move(spec.owner_name), "CREATE TABLE"}};
  table->checks = std::move(checks);
  return TablePtr(std::move(table));
}

}  // namespace kalamdb::catalog
