// The engine folds the case of ASCII letters only, our catalog that of many scripts. So names beyond ASCII get one
// spelling in a statement: that of the column as it was made, else the one that gives the name. "ünï" then finds the
// column, table, alias or CTE that was made as "Ünï".
#pragma once

#include <string>

#include "catalog/snapshot.h"
#include "duckdb.hpp"

namespace kalamdb::engine {

// The names that the result's columns are to have are kept: the aliases of its SELECT list, as they are written; empty
// where an item has none. Nothing at all where the names are plain, or a `*` stands among them.
duckdb::vector<std::string> SpellNames(duckdb::SQLStatement& statement, const catalog::Snapshot& snapshot,
                                       const std::string& request_namespace);

}  // namespace kalamdb::engine
