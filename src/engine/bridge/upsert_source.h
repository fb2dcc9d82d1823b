// Takes out of the plan of INSERT … ON CONFLICT DO UPDATE what the engine put in to hide rows.
//
// The engine turns ON CONFLICT into MERGE over a source of which it keeps one row a key. With DO NOTHING that is what
// is asked. With DO UPDATE it would silently drop all but one of the rows given for a key; here such a statement fails
// (CARDINALITY_VIOLATION), which the operators find out by themselves once they see each row.
#pragma once

#include "duckdb.hpp"

namespace kalamdb::engine {

// REQUIRES: a bound plan that is not optimised yet.
void KeepEveryRowOfAnUpsert(duckdb::LogicalOperator& plan);

}  // namespace kalamdb::engine
