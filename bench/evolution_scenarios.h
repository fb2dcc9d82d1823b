// Scenarios of schema changes against a KalamDB server. Common arguments as in kalam_scenarios.h.
#pragma once

#include <cstdint>
#include <string>

#include "load_args.h"
#include "load_stats.h"

namespace kalamdb::bench {

// An ALTER of bench.<table>: four kinds in turn (ADD COLUMN with a default, RENAME COLUMN, a wider type, DROP COLUMN),
// of which the fourth leaves the table as the first found it.
std::string NextAlter(const std::string& table, uint64_t number);

// ALTERs one after the other, of a table with --hot-rows hot rows and --files segments of ten rows each; --alters of
// them.
void RunAlter(const LoadArgs& args, LoadStats* stats);

// DESCRIBE of a table with --versions schema versions; --form columns|at|history.
void RunDescribe(const LoadArgs& args, LoadStats* stats);

// A scan of a table whose --rows rows lie in one segment a schema version, --versions of them. --form mixed (as they
// were written), fresh (the same rows and segments, all under the newest schema) or compacted (mixed, then STORAGE
// COMPACT TABLE). --query kept (columns of version 1), added (columns that came later), widened (INT, BIGINT from the
// middle version on) or filter (on an added column). --seconds 0: only makes the table.
void RunScan(const LoadArgs& args, LoadStats* stats);

// --rate writes a second over --connections connections, each seen by one of --subscriptions live queries on as many
// sockets, and an ALTER every --alter-ms (0 = none). Latency of the writes from their intended time. What was
// acknowledged comes once, what was refused (SCHEMA_CHANGED only) never, each row in the shape of its version.
void RunAlterLive(const LoadArgs& args, LoadStats* stats);

}  // namespace kalamdb::bench
