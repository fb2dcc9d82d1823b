// From keys to options structs, field by field.
#include "cli/options.h"

#include <algorithm>
#include <thread>

#include "base/files.h"

namespace kalamdb::cli {

namespace {

constexpr double kAuthBurstFactor = 2.5, kMessageBurstFactor = 2;

uint32_t Cores() { return std::max(2u, std::thread::hardware_concurrency()); }
uint32_t Small(const Config& config, std::string_view key) { return static_cast<uint32_t>(config.Integer(key)); }
std::string TempDir(const Config& config) { return JoinPath(config.Text("server.data_dir"), "tmp"); }
storage::Durability DurabilityOf(const Config& config) {
  return config.Text("storage.durability") == "wal" ? storage::Durability::kWal : storage::Durability::kSync;
}

}  // namespace

Result<LogOptions> LogOptionsOf(const Config& config) {
  ASSIGN_OR_RETURN(const LogLevel level, ParseLogLevel(config.Text("log.level")));
  ASSIGN_OR_RETURN(const LogFormat format, ParseLogFormat(config.Text("log.format")));
  return LogOptions{.level = level, .format = format, .file = config.Text("log.file")};
}

server::ServerOptions ServerOptionsOf(const Config& config) {
  const double messages = config.Number("limits.messages_per_second");
  return {.listen = config.Text("server.listen"),
          .io_threads = static_cast<int>(config.Integer("server.io_threads")),
          .body_bytes = config.Bytes("limits.body_bytes"),
          .message_bytes = config.Bytes("limits.message_bytes"),
          .messages_per_second = messages,
          .messages_burst = messages * kMessageBurstFactor,
          .connections = Small(config, "limits.connections"),
          .connections_per_address = Small(config, "limits.connections_per_address"),
          .origins = config.List("server.origins")};
}

storage::DatabaseOptions DatabaseOptionsOf(const Config& config, const MemoryPlan& memory) {
  storage::DatabaseOptions options;
  options.data_dir = config.Text("server.data_dir");
  options.memory_bytes = memory.storage;
  options.hot_bytes = config.Bytes("limits.hot_bytes") != 0 ? config.Bytes("limits.hot_bytes") : memory.server;
  options.log_hours = static_cast<uint64_t>(config.Integer("live.log_hours"));
  options.log_bytes = config.Bytes("live.log_bytes");
  options.auto_compaction = config.Bool("storage.auto_compaction");
  return options;
}

engine::EngineOptions EngineOptionsOf(const Config& config, const MemoryPlan& memory) {
  engine::EngineOptions options;
  options.data_dir = config.Text("server.data_dir");
  options.memory_bytes = memory.engine;
  options.value_bytes = config.Bytes("limits.value_bytes");
  options.threads = Cores();
  options.spill_directory = JoinPath(TempDir(config), "spill");
  options.spill_bytes = config.Bytes("limits.spill_bytes");
  options.copy_directories = config.List("storage.copy_directories");
  options.allow_user_ddl = config.Bool("auth.allow_user_ddl");
  options.sql_bytes = config.Bytes("limits.sql_bytes");
  options.transaction_rows = config.Bytes("limits.transaction_rows");
  return options;
}

live::HubOptions HubOptionsOf(const Config& config) {
  live::HubOptions options;
  options.queue_bytes = config.Bytes("limits.live_queue_bytes");
  options.subscriptions_per_connection = Small(config, "limits.subscriptions_per_connection");
  options.subscriptions_per_user = Small(config, "limits.subscriptions_per_user");
  options.snapshot_bytes = config.Bytes("limits.snapshot_bytes");
  options.spool_directory = TempDir(config);
  return options;
}

auth::TokenOptions TokenOptionsOf(const Config& config, std::string key_path) {
  return {.key_path = std::move(key_path),
          .access_seconds = config.Integer("auth.access_minutes") * 60,
          .refresh_seconds = config.Integer("auth.refresh_days") * 86'400};
}

service::SqlServiceOptions SqlOptionsOf(const Config& config) {
  service::SqlServiceOptions options;
  options.durability = DurabilityOf(config);
  options.result_bytes = config.Bytes("limits.result_bytes");
  options.spool_directory = TempDir(config);
  options.statement_ms = config.Integer("limits.statement_ms");
  options.view_idle_ms = config.Integer("limits.view_idle_ms");
  options.queries_per_second = config.Number("limits.queries_per_second");
  options.workers = config.Integer("server.workers") == 0 ? Cores() : Small(config, "server.workers");
  options.allow_user_ddl = config.Bool("auth.allow_user_ddl");
  return options;
}

service::AuthServiceOptions AuthOptionsOf(const Config& config) {
  const double rate = config.Number("limits.auth_per_second");
  return {.auth_per_second = rate,
          .auth_burst = rate * kAuthBurstFactor,
          .allow_remote_setup = config.Bool("auth.allow_remote_setup"),
          .access_seconds = config.Integer("auth.access_minutes") * 60,
          .refresh_seconds = config.Integer("auth.refresh_days") * 86'400};
}

std::vector<service::SettingRow> SettingRows(const Config& config) {
  std::vector<service::SettingRow> rows;
  for (const ConfigKey& key : ConfigKeys()) {
    const ConfigValue& value = config.Get(key.name);
    rows.push_back({.name = std::string(key.name),
                    .value = value.text,
                    .default_value = std::string(key.standard),
                    .source = std::string(ConfigSourceName(value.source)),
                    .description = std::string(key.about)});
  }
  return rows;
}

std::vector<service::LimitRow> LimitRows(const Config& config) {
  std::vector<service::LimitRow> rows;
  for (const ConfigKey& key : ConfigKeys()) {
    if (!key.name.starts_with("limits.")) continue;
    rows.push_back({.name = std::string(key.name),
                    .value = config.Get(key.name).text,
                    .unit = std::string(UnitOf(key)),
                    .scope = key.scope.empty() ? "server" : std::string(key.scope)});
  }
  return rows;
}

}  // namespace kalamdb::cli
