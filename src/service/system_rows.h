// What the fillers of `system.*` are written with: column types and rows of values. Private to service/.
#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "row/value.h"

namespace kalamdb::service {

inline const row::Type kText = row::Type::Of(row::TypeKind::kText);
inline const row::Type kBigInt = row::Type::Of(row::TypeKind::kBigInt);
inline const row::Type kDouble = row::Type::Of(row::TypeKind::kDouble);
inline const row::Type kBoolean = row::Type::Of(row::TypeKind::kBoolean);
inline const row::Type kTime = row::Type::Of(row::TypeKind::kTimestamp);
inline constexpr std::string_view kNodeId = "0";

inline row::Value TextOrNull(std::string_view text) {
  return text.empty() ? row::Value::Null() : row::Value::String(std::string(text));
}
inline row::Value TimeOrNull(Micros at) { return at == 0 ? row::Value::Null() : row::Value::Int(at); }

inline row::Value Cell(row::Value value) { return value; }
inline row::Value Cell(std::string_view text) { return row::Value::String(std::string(text)); }
inline row::Value Cell(const std::string& text) { return row::Value::String(text); }
inline row::Value Cell(const char* text) { return row::Value::String(text); }
inline row::Value Cell(bool flag) { return row::Value::Bool(flag); }
inline row::Value Cell(double number) { return row::Value::Double(number); }
template <std::integral T>
  requires(!std::same_as<T, bool>)
row::Value Cell(T number) {
  return row::Value::Int(static_cast<int64_t>(number));
}

template <typename... Cells>
std::vector<row::Value> Row(Cells&&... cells) {
  std::vector<row::Value> values;
  values.reserve(sizeof...(cells));
  (values.push_back(Cell(std::forward<Cells>(cells))), ...);
  return values;
}

// namespaces, tables, columns, schemas, segments (system_catalog_tables.cc).
void RegisterCatalogTables(engine::Engine* engine);

}  // namespace kalamdb::service
