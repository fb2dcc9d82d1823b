// Where a value stands in a statement. Pure. Private to engine/.
#pragma once

#include <cstddef>
#include <optional>

#include "duckdb.hpp"
#include "duckdb/parser/sql_statement.hpp"
#include "row/schema.h"

namespace kalamdb::engine {

// A value that is not stored: of which row, counted from 1, and of which column of the schema.
struct ValuePlace {
  size_t row = 0, ordinal = 0;
};

// The byte of the statement's text where the value stands as a literal: in VALUES, or behind SET (any row).
std::optional<size_t> FindLiteral(const duckdb::SQLStatement& statement, const row::Schema& schema, ValuePlace place);

}  // namespace kalamdb::engine
