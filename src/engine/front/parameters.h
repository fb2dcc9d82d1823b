// Parameters of a request as values of the types a statement asks. Pure, thread-safe. Sees DuckDB: private to engine/.
#pragma once

#include <functional>
#include <vector>

#include "base/error.h"
#include "duckdb.hpp"
#include "engine/bridge/column_casts.h"
#include "engine/engine.h"
#include "row/json.h"

namespace kalamdb::engine {

// A cast that needs a context of the engine, which knows the names of time zones. False: it fails.
using ContextCast =
    std::function<bool(const duckdb::Value& value, const duckdb::LogicalType& type, duckdb::Value* result)>;
bool CastInContext(duckdb::ClientContext& context, const duckdb::Value& value, const duckdb::LogicalType& type,
                   duckdb::Value* result);

// $1 first. `types[i]` INVALID or missing: nothing is asked of it. Parameters the statement does not name are left
// NULL. Errors: kInvalidParameter naming the parameter, and the column it is written to.
Result<duckdb::vector<duckdb::Value>> BindParameters(const std::vector<uint32_t>& named,
                                                     const duckdb::vector<duckdb::LogicalType>& types,
                                                     const ExecuteContext& context,
                                                     const ParameterTargets& targets = {},
                                                     const ContextCast& cast = {});

// Errors: kInvalidParameter where one that the statement names is missing.
Status CheckParameters(const std::vector<uint32_t>& named, const ExecuteContext& context);

// One value without a type asked: integer → BIGINT, beyond it DECIMAL; number → DOUBLE; string → TEXT; array → list.
Result<duckdb::Value> NaturalValue(const row::JsonParam& param);
// One value of `type`. Errors: kInvalidParameter, without the parameter's name.
Result<duckdb::Value> TypedValue(const row::JsonParam& param, const duckdb::LogicalType& type,
                                 const ContextCast& cast = {});

}  // namespace kalamdb::engine
