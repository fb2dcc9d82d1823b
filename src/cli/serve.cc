// The wiring: which part is made of which others, in which order they start and stop.
#include "cli/serve.h"

#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>

#include "auth/tokens.h"
#include "auth/users.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/failpoint.h"
#include "base/files.h"
#include "base/log.h"
#include "base/metrics.h"
#include "cli/memory_plan.h"
#include "cli/options.h"
#include "cli/systemd_notify.h"
#include "cli/version.h"
#include "engine/engine.h"
#include "live/hub.h"
#include "server/server.h"
#include "service/audit_log.h"
#include "service/auth_service.h"
#include "service/sql_service.h"
#include "service/system_tables.h"
#include "service/user_store.h"
#include "storage/database.h"

namespace kalamdb::cli {

namespace {

constexpr int kHashingThreads = 1;  // 60 ms of CPU a password: more would take the cores from queries
constexpr size_t kHashingQueue = 256;
constexpr std::string_view kRoot = "root";

// Like failpoints, for tests: the server's clock is this far ahead.
Micros TestClockAhead() {
  const char* seconds = std::getenv("KALAMDB_TEST_SECONDS_AHEAD");
  return seconds == nullptr ? 0 : std::strtoll(seconds, nullptr, 10) * kMicrosPerSecond;
}

sigset_t ServerSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  return set;
}

// Members are destroyed in reverse: each uses only what stands above it.
class Instance {
 public:
  Instance(const Config& config, Logger* logger)
      : config_(config),
        logger_(logger),
        process_metrics_(AddProcessMetrics(metrics_)),
        hashing_({.name = "hashing", .threads = kHashingThreads, .queue_limit = kHashingQueue, .metrics = &metrics_}) {
    metrics_
        .AddGauge("kalamdb_build_info", "Always 1; the labels say what was built", {{"version", std::string(kVersion)}})
        .Set(1);
  }

  Status Start();
  void Stop();
  const std::string& address() const { return address_; }

 private:
  Status OpenStorage();
  Status OpenUsers();
  Status CreateRoot();
  void MakeServices();

  const Config& config_;
  Logger* const logger_;
  SystemClock clock_{TestClockAhead()};
  Metrics metrics_;
  std::unique_ptr<Metrics::Collector> process_metrics_;
  Executor hashing_;
  std::string address_;
  std::unique_ptr<storage::Database> database_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<service::CommittedUserStore> user_store_;
  std::unique_ptr<auth::UserDirectory> users_;
  std::unique_ptr<auth::TokenService> tokens_;
  std::unique_ptr<live::Hub> hub_;
  std::unique_ptr<service::AuditLog> audit_;
  std::unique_ptr<service::SqlService> sql_;
  std::unique_ptr<service::AuthService> auth_;
  std::unique_ptr<server::Server> server_;
};

Status Instance::Start() {
  // The listener first: while the rest starts, it says so.
  ASSIGN_OR_RETURN(
      server_, server::Server::Listen(ServerOptionsOf(config_), std::string(kVersion), &clock_, &metrics_, logger_));
  address_ = server_->address();
  std::printf("kalamdb %s on http://%s\n", std::string(kVersion).c_str(), address_.c_str());
  std::fflush(stdout);
  RETURN_IF_ERROR(OpenStorage());
  hashing_.Start();
  RETURN_IF_ERROR(OpenUsers());
  live::HubOptions hub_options = HubOptionsOf(config_);
  hub_options.role_of = [users = users_.get()](UserId id) -> std::optional<auth::Role> {
    const auth::UserPtr user = users->FindById(id);
    if (user == nullptr) return std::nullopt;
    return user->role;
  };
  hub_ = live::Hub::Create(std::move(hub_options), engine_.get(), database_.get(), &clock_, &metrics_, logger_);
  engine_->SetDependents(hub_.get());
  database_->Connect(engine_->cold_file_format(), hub_.get());
  MakeServices();
  RETURN_IF_ERROR(database_->Start());
  hub_->Start();
  sql_->Start();
  RETURN_IF_ERROR(CreateRoot());
  server_->Serve({.sql = sql_.get(),
                  .auth = auth_.get(),
                  .users = users_.get(),
                  .hub = hub_.get(),
                  .read_only = [database = database_.get()] { return database->read_only(); }});
  return {};
}

Status Instance::OpenStorage() {
  const MemoryPlan memory =
      PlanMemory(config_.Bytes("server.memory"), config_.Bytes("limits.memory_bytes"), MachineMemoryBytes());
  ASSIGN_OR_RETURN(database_, storage::Database::Open(DatabaseOptionsOf(config_, memory), &clock_, &metrics_, logger_));
  ASSIGN_OR_RETURN(
      engine_, engine::Engine::Open(EngineOptionsOf(config_, memory), database_.get(), &clock_, &metrics_, logger_));
  return {};
}

Status Instance::OpenUsers() {
  const std::string keys = JoinPath(config_.Text("server.data_dir"), "keys");
  RETURN_IF_ERROR(CreateDirectories(keys));
  user_store_ = std::make_unique<service::CommittedUserStore>(database_.get());
  users_ = std::make_unique<auth::UserDirectory>(user_store_.get(), &clock_);
  auto load_user = [this](std::string_view key, std::string_view value) { return users_->Load(key, value); };
  RETURN_IF_ERROR(database_->ReadSystem('U', load_user));
  RETURN_IF_ERROR(database_->ReadSystem('I', load_user));
  ASSIGN_OR_RETURN(tokens_, auth::TokenService::Open(TokenOptionsOf(config_, JoinPath(keys, "tokens")), users_.get(),
                                                     user_store_.get(), &clock_));
  return database_->ReadSystem(
      'J', [this](std::string_view key, std::string_view value) { return tokens_->Load(key, value); });
}

Status Instance::CreateRoot() {
  if (users_->FindByName(kRoot) != nullptr) return {};
  const char* password = std::getenv("KALAMDB_ROOT_PASSWORD");
  if (password == nullptr) {
    logger_->Warn("setup_needed",
                  {{"hint", "set KALAMDB_ROOT_PASSWORD at the first start, or POST /v1/api/auth/setup"}});
    return {};
  }
  service::AuditRecord record;
  record.actor = record.subject = record.target = kRoot;
  record.action = "CREATE USER";
  record.details = "KALAMDB_ROOT_PASSWORD";
  Result<auth::UserPtr> root =
      users_->Create({.name = std::string(kRoot), .password = password, .email = "", .role = auth::Role::kSystem},
                     {audit_->Encode(record)});
  if (!root.ok()) return Error{root.error().code, "KALAMDB_ROOT_PASSWORD: " + root.error().message};
  logger_->Info("user_created", {{"user", kRoot}, {"role", "system"}});
  return {};
}

void Instance::MakeServices() {
  audit_ = std::make_unique<service::AuditLog>(database_.get(), &clock_);
  sql_ = service::SqlService::Create(SqlOptionsOf(config_), {.engine = engine_.get(),
                                                             .database = database_.get(),
                                                             .hub = hub_.get(),
                                                             .users = users_.get(),
                                                             .hashing = &hashing_,
                                                             .clock = &clock_,
                                                             .metrics = &metrics_,
                                                             .logger = logger_});
  auth_ = service::AuthService::Create(AuthOptionsOf(config_), users_.get(), tokens_.get(), &hashing_, &clock_,
                                       &metrics_, logger_, audit_.get());
  service::RegisterSystemTables({.engine = engine_.get(),
                                 .database = database_.get(),
                                 .hub = hub_.get(),
                                 .users = users_.get(),
                                 .audit = audit_.get(),
                                 .metrics = &metrics_,
                                 .settings = SettingRows(config_),
                                 .limits = LimitRows(config_)});
}

// From the outside in: no new work, running statements end, replies and close frames leave, then what they stood on.
void Instance::Stop() {
  if (server_ != nullptr) server_->Drain();
  if (sql_ != nullptr) sql_->Drain(config_.Integer("server.drain_seconds") * 1'000);
  if (server_ != nullptr) server_->Stop();
  hashing_.Stop();
  if (hub_ != nullptr) hub_->Stop();
  if (database_ != nullptr) database_->Stop();
}

void Reload(const Config& config, const std::function<Result<Config>()>& reload, Logger* logger) {
  Result<Config> next = reload();
  if (!next.ok()) {
    logger->Error("config_refused", {{"error", next.error().message}});
    return;
  }
  const std::vector<std::string> changed = next->Differences(config);
  std::string keys;
  for (const std::string& key : changed) keys += (keys.empty() ? "" : ", ") + key;
  logger->Info("config_read", {{"changed", keys}, {"applied", "at the next start"}});
}

}  // namespace

void BlockServerSignals() {
  const sigset_t set = ServerSignals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

Status Serve(const Config& config, const std::function<Result<Config>()>& reload) {
  RETURN_IF_ERROR(ArmFailpointsFromEnvironment());
  ASSIGN_OR_RETURN(LogOptions log_options, LogOptionsOf(config));
  ASSIGN_OR_RETURN(std::unique_ptr<Logger> logger, Logger::Open(log_options));
  Instance instance(config, logger.get());
  if (Status status = instance.Start(); !status.ok()) {
    instance.Stop();
    return status;
  }
  logger->Info("ready", {{"address", instance.address()}, {"version", kVersion}});
  NotifySystemd("READY=1");
  const sigset_t set = ServerSignals();
  for (int signal = SIGHUP; signal == SIGHUP;) {
    if (sigwait(&set, &signal) != 0) continue;
    if (signal == SIGHUP) Reload(config, reload, logger.get());
  }
  NotifySystemd("STOPPING=1");
  logger->Info("draining", {{"seconds", config.Integer("server.drain_seconds")}});
  instance.Stop();
  logger->Info("stopped");
  return {};
}

}  // namespace kalamdb::cli
