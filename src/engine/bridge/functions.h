// Our scalar functions: SNOWFLAKE_ID(), UUID_V7(), ULID(), CURRENT_USER(), CURRENT_ROLE(), COSINE_DISTANCE,
// L2_DISTANCE, DOT.
//
// Generators and session functions are volatile: never folded into a plan.
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "base/snowflake.h"
#include "base/uuid.h"
#include "duckdb.hpp"

namespace kalamdb::engine {

// Ids the server makes; shared by the bridge and the fast path. Thread-safe. Never moves.
struct IdGenerators {
  IdGenerators(const Clock& clock, uint32_t node) : snowflake(clock, node), ids(clock, random) {}
  SystemRandom random;
  SnowflakeGenerator snowflake;
  Id128Generator ids;
};

// Into the system catalog of `database`. `generators` must outlive it.
void RegisterFunctions(duckdb::DatabaseInstance& database, IdGenerators* generators);

}  // namespace kalamdb::engine
