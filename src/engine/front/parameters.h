// Parameters of a request as values of the types a statement asks. Pure, thread-safe. Sees DuckDB: private to engine/.
#pragma once

#include <vector>

#include "base/error.h"
#include "duckdb.hpp"
#include "engine/engine.h"
#include "row/json.h"

namespace kalamdb::engine {

// $1 first. `types[i]` INVALID or missing: nothing is asked of it. Parameters the statement does not name are left
// NULL. Errors: kInvalidParameter naming the parameter.
Result<duckdb::vector<duckdb::Value>> BindParameters(const std::vector<uint32_t>& named,
                                                     const duckdb::vector<duckdb::LogicalType>& types,
                                                     const ExecuteContext& context);

// Errors: kInvalidParameter where one that the statement names is missing.
Status CheckParameters(const std::vector<uint32_t>& named, const ExecuteContext& context);

// One value without a type asked: integer → BIGINT, beyond it DECIMAL; number → DOUBLE; string → TEXT; array → list.
Result<duckdb::Value> NaturalValue(const row::JsonParam& param);
// One value of `type`. Errors: kInvalidParameter, without the parameter's name.
Result<duckdb::Value> TypedValue(const row::JsonParam& param, const duckdb::LogicalType& type);

}  // namespace kalamdb::engine
