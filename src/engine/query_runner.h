// Runs one parsed and checked statement through DuckDB against one read view. Private to engine/: sees DuckDB.
//
// QueryRunner is thread-safe: it lends a connection of a bounded pool to each run. Who calls it (engine.cc) has walked
// the parsed tree (front/allow_list.h) and asked permissions; the second wall is the bridge's optimizer extension. A
// DML statement's changes are collected by the bridge's sinks, submitted as one commit, observed again and re-run where
// they moved (bounded), and rows of RETURNING are handed out after the commit.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "duckdb.hpp"
#include "engine/bridge/column_casts.h"
#include "engine/bridge/column_marks.h"
#include "engine/engine.h"
#include "engine/result.h"
#include "storage/read_view.h"

namespace kalamdb::engine {

struct QueryInput {
  const duckdb::SQLStatement* statement = nullptr;  // copied by each run; names may be unqualified
  duckdb::vector<duckdb::Value> params;             // $1 first, of the types the statement asks
  storage::ReadViewPtr view;                        // nullptr: the newest, and a new one at each re-run
  bool explain_analyze = false;                     // adds the rows `segments` and `row_groups`
  bool allow_files = false;                         // COPY: the statement may read and write files
  std::string target_table;                         // DML: for messages
};

class QueryRunner {
 public:
  virtual ~QueryRunner() = default;
  // Errors are already ours (front/error_mapping.h). Blocks.
  virtual Result<StatementResult> Run(const QueryInput& input, const ExecuteContext& context, RowSink* sink) = 0;
  // The types the statement asks of $1 …, and the names and types of its result, by binding it only. INVALID type =
  // nothing asked.
  struct Signature {
    duckdb::vector<duckdb::LogicalType> parameter_types, column_types;
    duckdb::vector<duckdb::string> column_names;
    ParameterTargets parameter_targets;
    ColumnMarks marks;  // of a statement that carries them (view_text.h)
  };
  virtual Result<Signature> Bind(const duckdb::SQLStatement& statement, const ExecuteContext& context,
                                 const storage::ReadViewPtr& view) = 0;
};

}  // namespace kalamdb::engine
