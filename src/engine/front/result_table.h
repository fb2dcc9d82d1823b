// Rows that a command makes itself (DESCRIBE, SHOW …), as a result. One thread's.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "engine/result.h"
#include "row/value.h"

namespace kalamdb::engine {

class ResultTable {
 public:
  explicit ResultTable(std::vector<std::pair<std::string, row::Type>> columns) : columns_(std::move(columns)) {}

  void Add(std::vector<row::Value> row) { rows_.push_back(std::move(row)); }  // REQUIRES: one value a column
  // Errors: the sink's.
  Result<StatementResult> Send(RowSink* sink, QueryType query_type) const;

  static row::Value Text(std::string text) { return row::Value::String(std::move(text)); }
  static row::Value TextOrNull(std::string text) {
    return text.empty() ? row::Value::Null() : row::Value::String(std::move(text));
  }
  static row::Value Number(uint64_t number) { return row::Value::Int(static_cast<int64_t>(number)); }

 private:
  const std::vector<std::pair<std::string, row::Type>> columns_;
  std::vector<std::vector<row::Value>> rows_;
};

}  // namespace kalamdb::engine
