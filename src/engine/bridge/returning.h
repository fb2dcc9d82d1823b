// RETURNING: parameters, and system columns. What these say is known when the statement has committed, and rows are
// given out after that: until then marks stand in their place. Where one stands within an expression, the list is
// evaluated over the rows once more, when the facts are known.
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
#include "duckdb/common/types/column/column_data_collection.hpp"
#include "duckdb/parser/statement/select_statement.hpp"

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

// A RETURNING that holds system columns within expressions.
struct LateReturning {
  duckdb::vector<duckdb::unique_ptr<duckdb::ParsedExpression>> list;
  std::string alias;                   // what it calls the table
  duckdb::vector<std::string> hidden;  // names of the rows' columns that `*` leaves out
  size_t extra = 0;                    // of the statement's result, the last columns: a whole row, then `hidden`
};

// Names what RETURNING gives as a SELECT would. These names, as they are written; empty where an item is a column of
// `table`. Nothing at all where a `*` stands among them, or there is no RETURNING.
duckdb::vector<std::string> NameReturning(duckdb::SQLStatement& statement, const catalog::Table& table);

// Puts the parameters' values into RETURNING (`params` empty: NULL), and marks for the system columns of `table`, or
// its hidden `_id`. nullopt: the marks are enough.
std::optional<LateReturning> PrepareReturning(duckdb::SQLStatement& statement, const catalog::Table& table,
                                              const duckdb::vector<duckdb::Value>& params);

// The list over `rows`, whose columns have these names. `rows` must outlive the statement.
duckdb::unique_ptr<duckdb::SelectStatement> SelectOfReturning(const LateReturning& late,
                                                              duckdb::ColumnDataCollection& rows,
                                                              const duckdb::vector<std::string>& names);

// The table that a statement changes; nullptr: none, or it is not there.
catalog::TablePtr TargetTable(const duckdb::SQLStatement& statement, const catalog::Snapshot& snapshot,
                              const std::string& request_namespace);

// Finds the marks among the columns of a result, and fills them chunk by chunk.
class ReturningFiller {
 public:
  // Gives the marked columns their names.
  explicit ReturningFiller(duckdb::vector<duckdb::string>* names);
  // Chunks come in order, from the first row on.
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
