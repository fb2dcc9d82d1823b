// Tables and actions for the tests of this module, in one line each.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "catalog/alter.h"

namespace kalamdb::catalog {

inline row::Column MakeColumn(std::string name, std::string_view type, std::string default_sql = "") {
  row::Column column;
  column.name = std::move(name);
  column.type = *row::ParseType(type);
  column.write_default = std::move(default_sql);
  return column;
}

inline row::Column MakeKey(std::string name, std::string_view type, uint16_t position = 1) {
  row::Column column = MakeColumn(std::move(name), type);
  column.key_position = position;
  return column;
}

inline row::Column Required(row::Column column) {
  column.nullable = false;
  return column;
}

// app.t: id BIGINT key, n INT, s VARCHAR(10), r TEXT NOT NULL, CHECK (n > 0).
inline CreateTableSpec MakeSpec(TableKind kind = TableKind::kShared) {
  CreateTableSpec spec;
  spec.id = TableId(7);
  spec.namespace_name = "app";
  spec.name = "t";
  spec.kind = kind;
  if (kind == TableKind::kStream) spec.options.ttl_seconds = 10;
  spec.columns = {MakeKey("id", "BIGINT"), MakeColumn("n", "INT", "1"), MakeColumn("s", "VARCHAR(10)"),
                  Required(MakeColumn("r", "TEXT", "'x'"))};
  spec.checks = {{"", "(\"#2\" > 0)"}};
  spec.owner = UserId(3);
  spec.owner_name = "alice";
  spec.now = 1'000'000;
  return spec;
}

inline TablePtr MakeTestTable(TableKind kind = TableKind::kShared) { return *MakeTable(MakeSpec(kind)); }

// Actions by what ALTER TABLE says; the parser is the engine's.
using Kind = AlterAction::Kind;
inline AlterAction Add(std::string column, std::string_view type) {
  return {.kind = Kind::kAddColumn, .column = std::move(column), .type = *row::ParseType(type)};
}
inline AlterAction AddWithDefault(std::string column, std::string_view type, std::string sql, row::Value value) {
  AlterAction action = Add(std::move(column), type);
  action.default_sql = std::move(sql);
  action.default_value = std::move(value);
  return action;
}
inline AlterAction NotNull(AlterAction action) {
  action.nullable = false;
  return action;
}
inline AlterAction Drop(std::string column, bool cascade = false) {
  return {.kind = Kind::kDropColumn, .column = std::move(column), .cascade = cascade};
}
inline AlterAction Rename(std::string column, std::string new_name) {
  return {.kind = Kind::kRenameColumn, .column = std::move(column), .new_name = std::move(new_name)};
}
inline AlterAction SetType(std::string column, std::string_view type) {
  return {.kind = Kind::kSetType, .column = std::move(column), .type = *row::ParseType(type)};
}
inline AlterAction Modify(std::string column, std::string_view type, std::optional<bool> nullable = std::nullopt) {
  return {
      .kind = Kind::kModifyColumn, .column = std::move(column), .type = *row::ParseType(type), .nullable = nullable};
}
inline AlterAction On(Kind kind, std::string column) { return {.kind = kind, .column = std::move(column)}; }
inline AlterAction SetDefault(std::string column, std::string sql) {
  return {.kind = Kind::kSetDefault, .column = std::move(column), .default_sql = std::move(sql)};
}
inline AlterAction SetOption(std::string name, std::string value) {
  return {.kind = Kind::kSetOptions, .options = {{std::move(name), std::move(value)}}};
}
inline AlterAction Tolerant(AlterAction action) {
  action.if_exists = true;
  action.if_not_exists = true;
  return action;
}
inline AlterAction Comment(Kind kind, std::string column, std::optional<std::string> text) {
  AlterAction action{.kind = kind, .column = std::move(column)};
  action.comment = std::move(text);
  return action;
}

}  // namespace kalamdb::catalog
