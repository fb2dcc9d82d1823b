// Opens DuckDB, locks it down, lends connections.
#include "engine/bridge/instance.h"

#include <algorithm>

#include "duckdb/storage/buffer_manager.hpp"
#include "engine/bridge/bounded_functions.h"
#include "engine/bridge/catalog.h"
#include "engine/bridge/engine_memory.h"
#include "engine/bridge/functions.h"
#include "engine/bridge/plan_guard.h"

namespace kalamdb::engine {
namespace {

constexpr const char* kLibraryVersion = "v1.4.4";
constexpr const char* kSourceId = "6ddac802ff";

Error Failure(const std::string& what) { return Error{ErrorCode::kInternal, "the SQL engine: " + what}; }

// Every setting at its default is looked up by parsing the default's text, at each use; with a value it is not.
void MaterialiseSettings(duckdb::DBConfig& config) {
  for (duckdb::idx_t i = 0; i < duckdb::DBConfig::GetOptionCount(); ++i) {
    const auto option = duckdb::DBConfig::GetOptionByIndex(i);
    if (!option || option->default_value == nullptr) continue;
    const duckdb::string name(option->name);
    if (config.options.set_variables.count(name) != 0) continue;
    duckdb::Value value(option->default_value);
    duckdb::string error;
    duckdb::Value cast;
    if (value.DefaultTryCastAs(duckdb::DBConfig::ParseLogicalType(option->parameter_type), cast, &error)) {
      config.options.set_variables[name] = cast;
    }
  }
}

Status Execute(duckdb::Connection& connection, const std::string& sql) {
  auto result = connection.Query(sql);
  if (result->HasError()) return Failure(result->GetError());
  return {};
}

std::string Quoted(const std::string& text) { return "'" + duckdb::StringUtil::Replace(text, "'", "''") + "'"; }

Status LockDown(duckdb::Connection& connection, const InstanceOptions& options) {
  std::string directories;
  for (const auto& directory : options.allowed_directories)
    directories += (directories.empty() ? "" : ", ") + Quoted(directory);
  RETURN_IF_ERROR(Execute(connection, "SET GLOBAL TimeZone = 'UTC'"));
  RETURN_IF_ERROR(Execute(connection, "SET GLOBAL enable_external_file_cache = false"));
  if (!options.spill_directory.empty()) {
    RETURN_IF_ERROR(Execute(connection, "SET GLOBAL max_temp_directory_size = '" +
                                            std::to_string(std::max<uint64_t>(options.spill_bytes / 1024, 1)) +
                                            "KiB'"));
  }
  if (!directories.empty())
    RETURN_IF_ERROR(Execute(connection, "SET GLOBAL allowed_directories = [" + directories + "]"));
  RETURN_IF_ERROR(Execute(connection, "SET GLOBAL autoinstall_known_extensions = false"));
  RETURN_IF_ERROR(Execute(connection, "SET GLOBAL autoload_known_extensions = false"));
  RETURN_IF_ERROR(Execute(connection, "SET GLOBAL enable_external_access = false"));
  return Execute(connection, "SET GLOBAL lock_configuration = true");
}

}  // namespace

Result<std::unique_ptr<Instance>> Instance::Open(const InstanceOptions& options, BridgeServices* services,
                                                 Metrics* metrics) {
  if (duckdb::DuckDB::LibraryVersion() != duckdb::string(kLibraryVersion) ||
      duckdb::DuckDB::SourceID() != duckdb::string(kSourceId)) {
    return Failure(std::string("the library is ") + duckdb::DuckDB::LibraryVersion() + " " +
                   duckdb::DuckDB::SourceID() + ", but must be " + kLibraryVersion + " " + kSourceId);
  }
  std::unique_ptr<Instance> instance(new Instance(services));
  try {
    LimitEngineMemory(options.memory_bytes);
    duckdb::DBConfig config;
    config.allocator = MakeCountingAllocator();
    config.options.maximum_threads = options.threads;
    config.options.maximum_memory = options.memory_bytes - options.memory_bytes / kPoolShareDivisor;
    config.options.temporary_directory = options.spill_directory;
    config.options.use_temporary_directory = !options.spill_directory.empty();
    config.storage_extensions["kalam"] = MakeStorageExtension();
    instance->database_ = std::make_unique<duckdb::DuckDB>(nullptr, &config);
    auto& live_config = duckdb::DBConfig::GetConfig(*instance->database_->instance);
    live_config.replacement_scans.clear();
    live_config.optimizer_extensions.push_back(MakePlanGuard());
    RegisterFunctions(*instance->database_->instance, services->ids);
    BoundScalarFunctions(*instance->database_->instance, options.value_bytes);
    duckdb::Connection connection(*instance->database_);
    RETURN_IF_ERROR(Execute(connection, std::string("ATTACH '' AS ") + kCatalogName + " (TYPE kalam)"));
    RETURN_IF_ERROR(LockDown(connection, options));
    MaterialiseSettings(live_config);
  } catch (const std::exception& error) {
    return Failure(duckdb::ErrorData(error).Message());
  }
  if (metrics != nullptr) {
    instance->lent_gauge_ =
        metrics->AddGauge("kalamdb_engine_connections", "Connections of the SQL engine that run a statement.");
  }
  return instance;
}

Instance::~Instance() { idle_.clear(); }

uint64_t Instance::SpilledBytes() const {
  return duckdb::BufferManager::GetBufferManager(*database_->instance).GetUsedSwap();
}

std::unique_ptr<duckdb::Connection> Instance::NewConnection() {
  auto connection = std::make_unique<duckdb::Connection>(*database_);
  connection->context->registered_state->Insert(kSessionKey, duckdb::make_shared_ptr<SessionState>());
  return connection;
}

Instance::Lease Instance::Borrow() {
  std::unique_lock lock(mutex_);
  returned_.wait(lock, [&] { return lent_ < kMaxConnections; });
  ++lent_;
  lent_gauge_.Set(static_cast<double>(lent_));
  std::unique_ptr<duckdb::Connection> connection;
  if (!idle_.empty()) {
    connection = std::move(idle_.back());
    idle_.pop_back();
  }
  lock.unlock();
  try {
    if (connection == nullptr) connection = NewConnection();
  } catch (...) {
    GiveBack(nullptr);
    throw;
  }
  return Lease(this, std::move(connection));
}

void Instance::GiveBack(std::unique_ptr<duckdb::Connection> connection) {
  const std::lock_guard lock(mutex_);
  --lent_;
  lent_gauge_.Set(static_cast<double>(lent_));
  if (connection != nullptr) idle_.push_back(std::move(connection));
  returned_.notify_one();
}

Instance::Lease::Lease(Instance* instance, std::unique_ptr<duckdb::Connection> connection)
    : instance_(instance),
      connection_(std::move(connection)),
      session_(connection_->context->registered_state->Get<SessionState>(kSessionKey)) {}

Instance::Lease::~Lease() {
  if (connection_ == nullptr) return;
  // Where memory was out even for the end of a query its transaction is still there.
  if (auto& transaction = connection_->context->transaction; transaction.HasActiveTransaction()) {
    try {
      transaction.Rollback(nullptr);
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): the connection goes anyway
    }
    connection_.reset();
  }
  session_->run = nullptr;
  instance_->GiveBack(std::move(connection_));
}

}  // namespace kalamdb::engine
