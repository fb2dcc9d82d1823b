// The schemas under which the fuzz targets of rows and keys read their bytes.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "row/schema.h"
#include "row/type.h"

namespace kalamdb::fuzz {

// Columns c0, c1 … with ids 1, 2 …; the first `keys` are the primary key, the others may be NULL.
inline row::SchemaPtr MakeSchema(uint32_t version, size_t keys, std::initializer_list<const char*> types) {
  std::vector<row::Column> columns;
  for (const char* sql : types) {
    row::Column column;
    const size_t ordinal = columns.size();
    column.id = ColumnId(static_cast<int32_t>(ordinal + 1));
    column.name = "c" + std::to_string(ordinal);
    column.type = *row::ParseType(sql);
    column.nullable = ordinal >= keys;
    column.key_position = static_cast<uint16_t>(ordinal < keys ? ordinal + 1 : 0);
    column.added_in = SchemaVersion(1);
    columns.push_back(std::move(column));
  }
  KALAM_CHECK(row::Schema::Check(columns).empty());
  return std::make_shared<const row::Schema>(SchemaVersion(version), std::move(columns));
}

}  // namespace kalamdb::fuzz
