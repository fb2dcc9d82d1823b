// Rows of a chunk as JSON, in the one form of replies (docs/http.md, table of types), straight from the vectors.
//
// JsonWriter is one thread's and made once a result.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "duckdb.hpp"
#include "engine/result.h"
#include "row/json.h"

namespace kalamdb::engine {

// The `data_type` of a result column: row::Type's, or the engine's name as a JSON string.
std::string DataTypeJson(const duckdb::LogicalType& type);

class JsonWriter {
 public:
  JsonWriter(const duckdb::vector<duckdb::string>& names, RowForm form, char separator, row::BytesForm bytes_form);

  // Appends rows from `first` on, with separators between them, until the chunk ends or `out` has `most_bytes`; at
  // least one. Gives the row to go on with. REQUIRES: first < chunk.size().
  size_t AppendRows(duckdb::DataChunk& chunk, size_t first, size_t most_bytes, std::string* out);

 private:
  const RowForm form_;
  const char separator_;
  const row::BytesForm bytes_form_;
  std::vector<std::string> keys_;  // `"id":`, behind the first `,"id":`
};

// One value, for what is not in a chunk.
void AppendEngineValue(const duckdb::Value& value, row::BytesForm bytes_form, std::string* out);

}  // namespace kalamdb::engine
