// A statement compiled for the fast path: which rows by which keys, which columns, what is written. No planner, no
// executor.
//
// Immutable once compiled, but for the catalog generation at which its table was last found to be the newest.
// Thread-safe. A plan belongs to one table object: any ALTER makes another one.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "catalog/snapshot.h"
#include "catalog/table.h"
#include "engine/result.h"
#include "row/row_codec.h"
#include "row/value.h"

namespace kalamdb::engine {

// Where a value comes from when the plan runs. Constants are of the column's type already.
struct FastOperand {
  enum class Kind : uint8_t {
    kConstant,
    kLiteral,  // the constant, but for a text of the same shape with another literal in its place
    kParameter,
    kSnowflakeId,
    kUuidV7,
    kUlid,
    kNow,
    kCurrentUser,
    kCurrentRole,
    kExcluded
  };
  Kind kind = Kind::kConstant;
  uint32_t index = 0;  // kParameter: of $n, from 0; kExcluded: ordinal of the column; kLiteral: in FastPlan::literals
  row::Value constant;
  std::optional<uint32_t> position;  // of a bare literal: its byte in the parsed text
  bool IsFresh() const { return kind == Kind::kSnowflakeId || kind == Kind::kUuidV7 || kind == Kind::kUlid; }
};

// How a literal of the text is read.
struct FastLiteral {
  bool count = false;  // LIMIT, OFFSET; else compared with a column
  row::Type type;      // of the column
};

// A column of the result.
struct FastColumn {
  enum class Kind : uint8_t { kStored, kSeq, kUpdated };
  Kind kind = Kind::kStored;
  uint16_t ordinal = 0;
  row::Type type;
  std::string json_key;  // `"name":`
};

struct FastAssignment {
  uint16_t ordinal = 0;
  FastOperand value;
};

struct FastBound {
  FastOperand value;
  bool inclusive = false;
};

class FastPlan {
 public:
  enum class Kind : uint8_t {
    kNone,
    kSelectKey,
    kSelectRange,
    kInsert,
    kUpdate,
    kDelete
  };  // kNone: this table, but not for us
  enum class OnConflict : uint8_t { kError, kNothing, kUpdate };

  Kind kind = Kind::kNone;
  std::string request_namespace;  // folded; empty where the text names the namespace itself
  std::string namespace_name, table_name;
  catalog::TablePtr table;
  std::unique_ptr<row::RowLayout> layout;  // of the table's newest version

  std::vector<FastColumn> columns;  // of SELECT and RETURNING
  ResultSchema schema;
  bool returning = false;

  std::vector<FastOperand> key;           // equalities with the first columns of the key, in key order
  std::optional<FastBound> lower, upper;  // of the next one
  bool reverse = false;
  std::optional<FastOperand> limit, offset;
  // SELECT: the text's literals in its order, each the operand of that index; empty: the plan is for its own text only.
  std::vector<FastLiteral> literals;

  size_t row_count = 0;            // INSERT
  std::vector<FastOperand> cells;  // row by row, one a column of the schema
  OnConflict on_conflict = OnConflict::kError;
  std::vector<FastAssignment> sets;  // UPDATE, DO UPDATE
  bool fresh_key = false;            // some column of the key is generated in every row

  size_t ByteSize() const { return sizeof(FastPlan) + cells.size() * sizeof(FastOperand) + columns.size() * 128 + 256; }

  // The table in this snapshot is the one the plan was compiled for.
  bool IsCurrent(const catalog::Snapshot& snapshot) const {
    if (generation_.load(std::memory_order_relaxed) == snapshot.generation()) return true;
    if (snapshot.FindTable(namespace_name, table_name) != table) return false;
    generation_.store(snapshot.generation(), std::memory_order_relaxed);
    return true;
  }

 private:
  mutable std::atomic<uint64_t> generation_{~0ull};
};
using FastPlanPtr = std::shared_ptr<const FastPlan>;

}  // namespace kalamdb::engine
