// ON CONFLICT … DO UPDATE becomes MERGE over DISTINCT ON (key) of the input: of two rows with one key the engine would silently keep
// one. This takes that DISTINCT out of the bound plan, so that the second row reaches our sinks, which refuse it.
#pragma once

#include "duckdb.hpp"
#include "duckdb/planner/logical_operator.hpp"

namespace kalamdb::engine {

// REQUIRES: the plan is that of an INSERT with DO UPDATE or OR REPLACE, not optimised yet.
void KeepEqualKeys(duckdb::LogicalOperator& plan);

}  // namespace kalamdb::engine
