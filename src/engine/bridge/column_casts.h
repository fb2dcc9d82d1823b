// The engine's errors of a value that does not fit say the value alone. Here the casts of a bound INSERT, UPDATE or
// MERGE get to say for which column of which table it was, and in which row. Private to engine/.
#pragma once

#include <map>
#include <string>

#include "duckdb.hpp"
#include "duckdb/planner/logical_operator.hpp"

namespace kalamdb::engine {

// The column that a parameter is written to: "1" → "column n of app.t".
using ParameterTargets = std::map<std::string, std::string>;

// REQUIRES: the plan as it was bound. Casts on the way to a column are wrapped; what they do stays the same.
void NameColumnsOfCasts(duckdb::LogicalOperator& plan, ParameterTargets* targets);

}  // namespace kalamdb::engine
