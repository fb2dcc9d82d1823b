// The options of each part of the server, from the configuration; and its rows of system.settings and system.limits.
#pragma once

#include <string>
#include <vector>

#include "auth/tokens.h"
#include "base/log.h"
#include "cli/config.h"
#include "cli/memory_plan.h"
#include "engine/engine.h"
#include "live/hub.h"
#include "server/server.h"
#include "service/auth_service.h"
#include "service/sql_service.h"
#include "service/system_tables.h"
#include "storage/database.h"

namespace kalamdb::cli {

Result<LogOptions> LogOptionsOf(const Config& config);
server::ServerOptions ServerOptionsOf(const Config& config);
storage::DatabaseOptions DatabaseOptionsOf(const Config& config, const MemoryPlan& memory);
engine::EngineOptions EngineOptionsOf(const Config& config, const MemoryPlan& memory);
live::HubOptions HubOptionsOf(const Config& config);
auth::TokenOptions TokenOptionsOf(const Config& config, std::string key_path);
service::SqlServiceOptions SqlOptionsOf(const Config& config);
service::AuthServiceOptions AuthOptionsOf(const Config& config);

std::vector<service::SettingRow> SettingRows(const Config& config);
std::vector<service::LimitRow> LimitRows(const Config& config);

}  // namespace kalamdb::cli
