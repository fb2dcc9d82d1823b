// `kalamdb serve`: makes every part of the server, connects them, and waits for the signal to stop.
#pragma once

#include <functional>

#include "base/error.h"
#include "cli/config.h"

namespace kalamdb::cli {

// Blocks the signals that Serve waits for; before any thread is made.
void BlockServerSignals();

// Returns after a drain that SIGTERM or SIGINT asked for. `reload` reads the configuration again (SIGHUP).
Status Serve(const Config& config, const std::function<Result<Config>()>& reload);

}  // namespace kalamdb::cli
