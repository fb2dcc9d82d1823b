// Scenarios against a KalamDB server. Common arguments: --url, --password, --pid, --connections, --seconds.
#pragma once

#include "load_args.h"
#include "load_stats.h"

namespace kalamdb::bench {

void RunHealth(const LoadArgs& args, LoadStats* stats);
// --durability sync|wal, --rows (a request), --form params|text. Counts rows at the end.
void RunInsert(const LoadArgs& args, LoadStats* stats);
// --keys (loaded once into the table), --form params|text, --cold 1: the rows lie in segments of
// 10,000; --again N: only N of the keys, spread over all.
void RunSelect(const LoadArgs& args, LoadStats* stats);
// --rate, --durability. Open loop: latency from the intended time of the write to the event on another socket.
void RunLive(const LoadArgs& args, LoadStats* stats);

}  // namespace kalamdb::bench
