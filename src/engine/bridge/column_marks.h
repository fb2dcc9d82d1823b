// Columns of subqueries that carry a mark (`#m…`) as their alias: which of them a plan reads. Private to engine/.
#pragma once

#include <set>
#include <string>

#include "duckdb.hpp"
#include "duckdb/planner/logical_operator.hpp"

namespace kalamdb::engine {

struct ColumnMarks {
  std::set<std::string> bound;  // marks that stand in the plan
  std::set<std::string> read;   // those among them whose column something above reads
};

// REQUIRES: the plan as it was bound: an optimizer leaves out what nobody reads, and reads what nobody named.
ColumnMarks FindColumnMarks(duckdb::LogicalOperator& plan);

}  // namespace kalamdb::engine
