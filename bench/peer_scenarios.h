// The same scenarios against PostgreSQL (libpq, prepared statements) and Redis.
#pragma once

#include "load_args.h"
#include "load_stats.h"

namespace kalamdb::bench {

// --conninfo "host=… port=… user=… dbname=…", --connections, --seconds, --durability sync|wal, --rows, --keys, --rate.
void RunPostgresInsert(const LoadArgs& args, LoadStats* stats);
void RunPostgresSelect(const LoadArgs& args, LoadStats* stats);
void RunPostgresAlter(const LoadArgs& args, LoadStats* stats);  // --alters
void RunPostgresNotify(const LoadArgs& args, LoadStats* stats);

// --url 127.0.0.1:6379, --connections, --seconds, --keys, --rate.
void RunRedisGet(const LoadArgs& args, LoadStats* stats);
void RunRedisPublish(const LoadArgs& args, LoadStats* stats);

}  // namespace kalamdb::bench
