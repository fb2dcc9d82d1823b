// What running a statement gives back: columns, rows as JSON text, and a summary.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"

namespace kalamdb::engine {

struct ResultColumn {
  std::string name;
  std::string data_type_json;  // row::Type::ToJson(), or the engine's name as a JSON string
  bool primary_key = false, not_null = false;
};
struct ResultSchema {
  std::vector<ResultColumn> columns;
};

enum class RowForm : uint8_t {
  kArray,   // ["1","hi"]
  kObject,  // {"id":"1","body":"hi"}
};

// Receives the rows of one statement, already as JSON (docs/http.md, table of types). Called by one thread at a time.
class RowSink {
 public:
  virtual ~RowSink() = default;
  virtual RowForm form() const { return RowForm::kArray; }
  virtual char separator() const {
    return ',';
  }  // between rows within one call and, by the sink's own doing, between calls
  // Once, before any row, for statements that return rows. A statement that is run again (a lost race) calls it again:
  // forget all.
  virtual Status OnSchema(const ResultSchema& schema) = 0;
  // `count` >= 1 rows joined by separator(). An error (client gone, over limits.result_bytes) ends the statement with
  // it.
  virtual Status OnRows(std::string_view json, size_t count) = 0;
};

// The kinds that metrics tell apart: kalamdb_query_latency_seconds{query_type}.
enum class QueryType : uint8_t {
  kSelect,
  kInsert,
  kUpdate,
  kDelete,
  kCreateTable,
  kAlterTable,
  kDescribeTable,
  kOther
};

struct StatementResult {
  bool has_rows = false;
  uint64_t row_count = 0;  // rows returned, inserted, matched …
  std::string message;     // "Inserted 1 row(s)"; empty for SELECT-like ones
  Seq seq;                 // of the commit, where there was one
  QueryType query_type = QueryType::kOther;
  std::string namespace_name, table_name;  // the first table it names, where it exists
};

}  // namespace kalamdb::engine
