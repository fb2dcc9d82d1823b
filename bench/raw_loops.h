// What the machine can do at best: an HTTP echo on bare epoll, and a loop of append + fdatasync.
#pragma once

#include "load_args.h"
#include "load_stats.h"

namespace kalamdb::bench {

// Serves until it is killed; prints its port. Replies with the bytes of /health to every header that ends.
int RunEchoServer(const LoadArgs& args);
// --directory, --seconds, --bytes.
void RunFdatasync(const LoadArgs& args, LoadStats* stats);

}  // namespace kalamdb::bench
