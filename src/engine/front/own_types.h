// Types that only we know, in the casts of an expression: EMBEDDING(n), JSONB, BYTES.
#pragma once

#include "duckdb.hpp"

namespace kalamdb::engine {

// The cast's target in the engine's words; other expressions stay as they are.
void NameOwnType(duckdb::ParsedExpression& expression);
void NameOwnTypes(duckdb::SQLStatement& statement);         // in all of its expressions
void NameOwnTypesIn(duckdb::ParsedExpression& expression);  // in it and below

}  // namespace kalamdb::engine
