// A view's SELECT as it is kept, and as it runs.
//
// Kept is the engine's own print of the SELECT in which every table is `"#t12"` and every view `"#v3"`, read through a
// subquery that gives its columns the names they had that day: `(SELECT "#c12.1" AS id FROM "#t12") AS t`. So RENAME
// never changes what a view means, `*` is what it was, and a column is named by its id. Which columns such a subquery
// gives is learnt from the engine: first it gives all that the text may mean, each under a mark (MarkViewText), and the
// plan that the engine binds says which of them are read. Pure, thread-safe. Sees DuckDB: private to engine/.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "catalog/snapshot.h"
#include "duckdb.hpp"
#include "duckdb/parser/sql_statement.hpp"
#include "engine/bridge/column_marks.h"

namespace kalamdb::engine {

struct ViewText {
  std::string select_sql;
  std::vector<std::pair<TableId, std::vector<ColumnId>>> tables;  // each once, with the columns it names
  std::vector<uint32_t> views;                                    // each once
};

// The text of `select`, kept for one binding only, in which each column of a table is under a mark of its own. Errors
// as below.
Result<std::string> MarkViewText(const duckdb::SQLStatement& select, const std::string& default_namespace,
                                 const catalog::Snapshot& snapshot);

// `select`: a SELECT that binds. `marks`: what its marked text reads; nullptr: unknown, so that every column counts as
// named whose name is mentioned anywhere. Errors: kUnsupported for what cannot be kept (tables of the system, names
// that begin with `#`).
Result<ViewText> MakeViewText(const duckdb::SQLStatement& select, const std::string& default_namespace,
                              const catalog::Snapshot& snapshot, const ColumnMarks* marks);

// The text with the names of `snapshot`: for the engine tables are qualified by our catalog, for a reader as little as
// can be is quoted. Errors: kTableNotFound, kColumnNotFound where something it names is gone (the catalog does not let
// that happen).
enum class ViewReader : uint8_t { kEngine, kClient };
Result<std::string> ExpandViewText(std::string_view select_sql, const catalog::Snapshot& snapshot,
                                   ViewReader reader = ViewReader::kEngine);

}  // namespace kalamdb::engine
