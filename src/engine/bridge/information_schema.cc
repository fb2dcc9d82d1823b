// Fills the standard's catalog tables from a catalog snapshot.
#include "engine/bridge/information_schema.h"

#include "engine/access.h"

namespace kalamdb::engine {
namespace {

using row::Type;
using row::TypeKind;
using row::Value;

constexpr const char* kSchema = "information_schema";
constexpr const char* kCatalog = "kalamdb";

const Type& Text() {
  static const Type type = Type::Of(TypeKind::kText);
  return type;
}
const Type& Integer() {
  static const Type type = Type::Of(TypeKind::kInt);
  return type;
}

Value TextOrNull(const std::string& text) { return text.empty() ? Value::Null() : Value::String(text); }

VirtualTable Schemata() {
  VirtualTable table;
  table.schema_name = kSchema;
  table.name = "schemata";
  table.columns = {{"catalog_name", Text()}, {"schema_name", Text()}, {"schema_owner", Text()}};
  table.admins_only = false;
  table.fill = [](const auth::Identity&, const storage::ReadViewPtr& view, const VirtualTable::Emit& emit) -> Status {
    for (const auto& ns : view->catalog->Namespaces())
      emit({Value::String(kCatalog), Value::String(ns->name), Value::Null()});
    return {};
  };
  return table;
}

VirtualTable Tables() {
  VirtualTable table;
  table.schema_name = kSchema;
  table.name = "tables";
  table.columns = {{"table_catalog", Text()}, {"table_schema", Text()}, {"table_name", Text()}, {"table_type", Text()}};
  table.admins_only = false;
  table.fill = [](const auth::Identity& caller, const storage::ReadViewPtr& view,
                  const VirtualTable::Emit& emit) -> Status {
    for (const auto& found : view->catalog->Tables("")) {
      if (!CanRead(caller, *found)) continue;
      emit({Value::String(kCatalog), Value::String(found->namespace_name), Value::String(found->name),
            Value::String("BASE TABLE")});
    }
    for (const auto& found : view->catalog->Views("")) {
      if (!CanReadView(caller, *view->catalog, *found)) continue;
      emit({Value::String(kCatalog), Value::String(found->namespace_name), Value::String(found->name),
            Value::String("VIEW")});
    }
    return {};
  };
  return table;
}

void EmitColumns(const catalog::Table& table, const VirtualTable::Emit& emit) {
  int64_t ordinal = 0;
  for (const auto& column : table.schema()->columns()) {
    if (column.hidden) continue;
    const Type& type = column.type;
    const bool bounded = type.kind() == TypeKind::kText && type.length() != 0;
    const bool decimal = type.kind() == TypeKind::kDecimal;
    emit({Value::String(kCatalog), Value::String(table.namespace_name), Value::String(table.name),
          Value::String(column.name), Value::Int(++ordinal), TextOrNull(column.write_default),
          Value::String(column.nullable ? "YES" : "NO"), Value::String(type.ToSql()),
          bounded ? Value::Int(type.length()) : Value::Null(), decimal ? Value::Int(type.width()) : Value::Null(),
          decimal ? Value::Int(type.scale()) : Value::Null()});
  }
}

Value NumberIf(bool known, int64_t number) { return known ? Value::Int(number) : Value::Null(); }

void EmitColumns(const catalog::View& view, const VirtualTable::ViewTypes& types, const VirtualTable::Emit& emit) {
  const std::vector<ViewColumnType> bound = types(view);
  for (size_t i = 0; i < view.column_names.size(); ++i) {
    const ViewColumnType type = i < bound.size() ? bound[i] : ViewColumnType{};
    const bool decimal = type.type && type.type->kind() == TypeKind::kDecimal;
    emit({Value::String(kCatalog), Value::String(view.namespace_name), Value::String(view.name),
          Value::String(view.column_names[i]), Value::Int(static_cast<int64_t>(i) + 1), Value::Null(),
          Value::String("YES"), TextOrNull(type.sql), Value::Null(),
          NumberIf(decimal, decimal ? type.type->width() : 0), NumberIf(decimal, decimal ? type.type->scale() : 0)});
  }
}

VirtualTable Columns() {
  VirtualTable table;
  table.schema_name = kSchema;
  table.name = "columns";
  table.columns = {
      {"table_catalog", Text()},        {"table_schema", Text()},        {"table_name", Text()},
      {"column_name", Text()},          {"ordinal_position", Integer()}, {"column_default", Text()},
      {"is_nullable", Text()},          {"data_type", Text()},           {"character_maximum_length", Integer()},
      {"numeric_precision", Integer()}, {"numeric_scale", Integer()}};
  table.admins_only = false;
  table.fill_columns = [](const auth::Identity& caller, const storage::ReadViewPtr& view,
                          const VirtualTable::ViewTypes& types, const VirtualTable::Emit& emit) -> Status {
    for (const auto& found : view->catalog->Tables("")) {
      if (CanRead(caller, *found)) EmitColumns(*found, emit);
    }
    for (const auto& found : view->catalog->Views("")) {
      if (CanReadView(caller, *view->catalog, *found)) EmitColumns(*found, types, emit);
    }
    return {};
  };
  return table;
}

}  // namespace

std::vector<VirtualTable> InformationSchema() { return {Schemata(), Tables(), Columns()}; }

}  // namespace kalamdb::engine
