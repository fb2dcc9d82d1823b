// Which columns of a result are columns of a table as they are, found by tracing the bound plan: for the flags of a
// reply's schema.
#pragma once

#include <vector>

#include "duckdb.hpp"
#include "duckdb/planner/logical_operator.hpp"

namespace kalamdb::engine {

struct ResultOrigin {
  bool primary_key = false, not_null = false;
};

// One entry a result column, in order; all false where a column is computed.
std::vector<ResultOrigin> OriginsOf(duckdb::LogicalOperator& plan);

}  // namespace kalamdb::engine
