// `system.*`: tables made of code, from the view's catalog, the users, the jobs, the live queries, limits and metrics.
//
// Columns and who may see what: docs/sql.md, Catalog. Register before serving.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "auth/users.h"
#include "engine/engine.h"
#include "live/hub.h"
#include "service/audit_log.h"
#include "storage/database.h"

namespace kalamdb::service {

struct SettingRow {  // system.settings; secrets come as ***
  std::string name, value, default_value, source, description;
};
struct LimitRow {  // system.limits
  std::string name, value, unit, scope;
};

struct SystemTableParts {  // all outlive the engine
  engine::Engine* engine;
  storage::Database* database;
  live::Hub* hub;
  auth::UserDirectory* users;
  AuditLog* audit;
  Metrics* metrics;
  std::vector<SettingRow> settings;
  std::vector<LimitRow> limits;
};

void RegisterSystemTables(SystemTableParts parts);

}  // namespace kalamdb::service
