// The only door to a row: how a row written under schema version v reads under version w.
//
// For each column of w, by id: the column of v it comes from (perhaps widened), or the constant it reads as (its
// initial default, else NULL). Immutable, thread-safe; made once a pair of versions (projection_cache.h).
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "row/row_codec.h"
#include "row/schema.h"

namespace kalamdb::row {

// True where a column may go from one type to the other without a loss: the table of allowed type changes.
bool CanWiden(const Type& from, const Type& to);
// A value of `from` as a value of `to`. REQUIRES: CanWiden(from, to). Errors: kTypeMismatch (DATE beyond TIMESTAMP's
// range).
Result<Value> WidenValue(const Type& from, const Type& to, const Value& value);

class Projection {
 public:
  // REQUIRES: both are versions of one table, `from` is not newer than `to`.
  Projection(SchemaPtr from, SchemaPtr to);

  struct Source {
    int32_t ordinal = -1;  // in from(); -1: absent there, reads as `constant`
    bool widened = false;  // the bytes read differently under the two types: WidenValue (not so VARCHAR(n) to TEXT)
    Value constant;
  };
  const Schema& from() const { return *from_; }
  const SchemaPtr& from_schema() const { return from_; }
  const Schema& to() const { return *to_; }
  const RowLayout& from_layout() const { return from_layout_; }
  const Source& source(size_t to_ordinal) const { return sources_[to_ordinal]; }
  bool IsIdentity() const {
    return identity_;
  }  // the same columns at the same places, none widened: the row can be read as one of to()

  // Column `to_ordinal` of `row`, as of to(). REQUIRES: CheckRow(from_layout(), row) was ok.
  Result<Value> Read(std::string_view row, size_t to_ordinal) const;
  // All columns. REQUIRES: as above.
  Result<std::vector<Value>> ReadAll(std::string_view row) const;

 private:
  SchemaPtr from_, to_;
  RowLayout from_layout_;
  std::vector<Source> sources_;
  bool identity_ = false;
};

using ProjectionPtr = std::shared_ptr<const Projection>;

}  // namespace kalamdb::row
