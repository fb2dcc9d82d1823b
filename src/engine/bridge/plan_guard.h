// The second wall: looks at every bound plan before it is optimised, and refuses what no statement may do, whatever the
// text was.
//
// The first wall is the walk over the parsed tree (front/). This one sees what binding has expanded: macros, views,
// query(), file names. It allows our scans, virtual tables, harmless generators, and files only in a run that may use
// them.
#pragma once

#include "duckdb.hpp"
#include "duckdb/optimizer/optimizer_extension.hpp"

namespace kalamdb::engine {

duckdb::OptimizerExtension MakePlanGuard();

}  // namespace kalamdb::engine
