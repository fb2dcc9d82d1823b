// The columns of a table under one schema version, and their bytes.
//
// A Schema is immutable and shared by shared_ptr<const Schema>; safe from any thread. A column is its id; the name is
// an attribute. Ordinals are positions in columns(): the order of `SELECT *` (a hidden `_id` comes first).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "row/type.h"
#include "row/value.h"

namespace kalamdb::row {

inline constexpr size_t kMaxColumns =
    4'096;  // of one schema, so that an ordinal fits 16 bits and a row's null bits stay small

struct Column {
  ColumnId id;
  std::string name;  // spelling kept; unique in the schema without regard to case
  Type type;
  bool nullable = true;
  bool hidden = false;        // the generated `_id`: in neither `*` nor a column-less INSERT
  uint16_t key_position = 0;  // 1, 2 … within the primary key; 0 = not part of it
  SchemaVersion added_in;     // the version that made the column
  Value initial_default;      // what rows older than the column read as: a value of `type`, or NULL
  std::string write_default;  // SQL text of what an INSERT without a value stores; empty = NULL
  std::string comment;        // empty = none
  bool IsKey() const { return key_position != 0; }
};

class Schema {
 public:
  // REQUIRES: Check(columns) is empty.
  Schema(SchemaVersion version, std::vector<Column> columns);

  // What is wrong with these columns, for a message; empty = nothing. The rules: 1 to kMaxColumns columns, unique ids
  // and names, valid types, key positions 1..n without a gap, n >= 1, of types that can be a key, and not nullable.
  static std::string Check(const std::vector<Column>& columns);

  SchemaVersion version() const { return version_; }
  const std::vector<Column>& columns() const { return columns_; }
  const Column& column(size_t ordinal) const { return columns_[ordinal]; }
  size_t size() const { return columns_.size(); }

  // Ordinals of the primary key's columns, in key order.
  const std::vector<uint16_t>& key_ordinals() const { return key_ordinals_; }

  // Ordinal of a column, nothing if there is none; names without regard to case.
  std::optional<size_t> FindByName(std::string_view name) const;
  std::optional<size_t> FindById(ColumnId id) const;

 private:
  SchemaVersion version_;
  std::vector<Column> columns_;
  std::vector<uint16_t> key_ordinals_;
  std::vector<std::pair<std::string, uint16_t>> by_name_;  // folded name → ordinal, sorted
};

using SchemaPtr = std::shared_ptr<const Schema>;

// Folded for comparison: two names are one where their folded forms are equal. ASCII, and the simple foldings of Latin,
// Greek, Cyrillic, Armenian, Georgian and full-width Latin; ß is not SS, İ and ı are letters of their own
// (name_fold.cc).
std::string FoldName(std::string_view name);

// Bytes of a schema (docs/formats/schema.md), versioned by their first byte. Errors: kStorageUnavailable where damaged.
std::string EncodeSchema(const Schema& schema);
Result<SchemaPtr> DecodeSchema(std::string_view bytes);

}  // namespace kalamdb::row
