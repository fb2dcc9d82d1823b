// SHOW CREATE TABLE.
#include "catalog/print.h"

#include "catalog/alter.h"
#include "catalog/names.h"
#include "catalog/sql_text.h"

namespace kalamdb::catalog {

std::string PrintDefault(const std::string& text) {
  if (text.empty()) return "NULL";
  return IsSimpleExpression(text) ? text : "(" + text + ")";
}

std::string PrintColumn(const row::Column& column, bool is_only_key) {
  std::string printed = QuoteIdentifier(column.name) + " " + column.type.ToSql();
  if (is_only_key) {
    printed += " PRIMARY KEY";
  } else if (!column.nullable) {
    printed += " NOT NULL";
  }
  if (!column.write_default.empty()) printed += " DEFAULT " + PrintDefault(column.write_default);
  if (!column.comment.empty()) printed += " COMMENT " + QuoteLiteral(column.comment);
  return printed;
}

std::string PrintCreateTable(const Table& table) {
  const row::Schema& schema = *table.schema();
  const bool has_one_key = schema.key_ordinals().size() == 1;
  std::string parts;
  const auto add = [&parts](const std::string& part) { parts += (parts.empty() ? "\n  " : ",\n  ") + part; };
  for (const row::Column& column : schema.columns()) {
    if (!column.hidden) add(PrintColumn(column, has_one_key && column.IsKey()));
  }
  if (!has_one_key) {
    std::string names;
    for (uint16_t ordinal : schema.key_ordinals()) {
      names += (names.empty() ? "" : ", ") + QuoteIdentifier(schema.column(ordinal).name);
    }
    add("PRIMARY KEY (" + names + ")");
  }
  for (const CheckConstraint& check : table.checks) {
    const std::string text = check.expression.ToText(schema);
    const bool has_brackets = text.starts_with('(') && IsSimpleExpression(text);
    add("CONSTRAINT " + QuoteIdentifier(check.name) + " CHECK " + (has_brackets ? text : "(" + text + ")"));
  }
  std::string printed = "CREATE TABLE " + table.QualifiedName() + " (" + parts + "\n)";
  if (!table.comment.empty()) printed += " COMMENT " + QuoteLiteral(table.comment);
  std::string options;
  for (const auto& [name, literal] : PrintTableOptions(table.kind, table.options)) {
    options += (options.empty() ? "" : ", ") + name + " = " + literal;
  }
  return printed + " WITH (" + options + ")";
}

}  // namespace kalamdb::catalog
