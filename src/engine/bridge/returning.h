// System columns in RETURNING. What they say is known when the statement has committed, and rows are given out after
// that: until then marks stand in their place.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "catalog/snapshot.h"
#include "catalog/table.h"
#include "duckdb.hpp"

namespace kalamdb::engine {

// What the columns read: the same in each row, but for `_id`.
struct ReturnedFacts {
  Seq seq;
  Micros updated = 0;
  bool deleted = false;
  int32_t version = 0;
  std::optional<std::string> owner;  // USER and STREAM tables
  std::vector<int64_t> ids;          // of a hidden `_id`, in the order of the rows
};

// Puts marks for the items of RETURNING that are system columns of `table`, or its hidden `_id`.
void MarkSystemColumns(duckdb::SQLStatement& statement, const catalog::Table& table);

// The table that a statement changes; nullptr: none, or it is not there.
catalog::TablePtr TargetTable(const duckdb::SQLStatement& statement, const catalog::Snapshot& snapshot,
                              const std::string& request_namespace);

// Finds the marks among the columns of a result, and fills them chunk by chunk.
class ReturningFiller {
 public:
  // Gives the marked columns their names.
  explicit ReturningFiller(duckdb::vector<duckdb::string>* names);
  void Fill(const ReturnedFacts& facts, duckdb::DataChunk* chunk);

 private:
  struct Marked {
    size_t column;
    char kind;
  };
  std::vector<Marked> marked_;
  size_t given_ = 0;  // rows
};

}  // namespace kalamdb::engine
