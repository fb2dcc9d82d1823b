// Puts our catalog before every table name that has a namespace, so that a namespace called `system` or `temp` is never
// one of the engine's own databases. Unqualified names stay: they may be CTEs, and the search path finds the others.
#pragma once

#include "duckdb.hpp"
#include "duckdb/parser/sql_statement.hpp"

namespace kalamdb::engine {

void QualifyNames(duckdb::SQLStatement& statement);

}  // namespace kalamdb::engine
