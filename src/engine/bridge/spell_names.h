// The engine folds the case of ASCII letters only. Names of columns beyond ASCII are put into a statement as they were
// made, so that "ünï" finds the column that was made as "Ünï".
#pragma once

#include <string>

#include "catalog/snapshot.h"
#include "duckdb.hpp"

namespace kalamdb::engine {

void SpellNames(duckdb::SQLStatement& statement, const catalog::Snapshot& snapshot,
                const std::string& request_namespace);

}  // namespace kalamdb::engine
