// The one DuckDB instance of the server: opened in memory, locked down, with our catalog attached, and a bounded pool
// of connections.
//
// Thread-safe. Files are out of reach for SQL but the directories given; replacement scans are off, settings are
// locked.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/metrics.h"
#include "duckdb.hpp"
#include "engine/bridge/run_state.h"

namespace kalamdb::engine {

inline constexpr size_t kMaxConnections = 64;  // of the pool; who comes later waits for one

struct InstanceOptions {
  uint64_t memory_bytes = 512ull << 20;
  uint64_t value_bytes = 64ull << 20;  // of one value that a function makes
  uint32_t threads = 2;
  std::string spill_directory;                   // of this instance alone; empty: nothing is spilled
  uint64_t spill_bytes = 8ull << 30;             // the most that lies there
  std::vector<std::string> allowed_directories;  // the data directory's cold/ and tmp/, and those of COPY
};

class Instance {
 public:
  // Errors: kInternal where the library is not the one this was built for, or does not open.
  static Result<std::unique_ptr<Instance>> Open(const InstanceOptions& options, BridgeServices* services,
                                                Metrics* metrics);
  ~Instance();

  // A connection for one run; given back by the destructor. One that its run has left in a transaction is not lent
  // again.
  class Lease {
   public:
    Lease(Instance* instance, std::unique_ptr<duckdb::Connection> connection);
    ~Lease();
    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    duckdb::Connection& operator*() const { return *connection_; }
    duckdb::Connection* operator->() const { return connection_.get(); }
    SessionState& session() const { return *session_; }

   private:
    Instance* instance_;
    std::unique_ptr<duckdb::Connection> connection_;
    duckdb::shared_ptr<SessionState> session_;
  };
  // Waits while kMaxConnections are lent. Throws what the engine throws where it cannot open one.
  Lease Borrow();

  duckdb::DatabaseInstance& database() { return *database_->instance; }
  uint64_t SpilledBytes() const;
  BridgeServices& services() { return *services_; }

 private:
  explicit Instance(BridgeServices* services) : services_(services) {}
  void GiveBack(std::unique_ptr<duckdb::Connection> connection);
  std::unique_ptr<duckdb::Connection> NewConnection();

  BridgeServices* const services_;
  std::unique_ptr<duckdb::DuckDB> database_;
  Gauge lent_gauge_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable returned_;
  std::vector<std::unique_ptr<duckdb::Connection>> idle_;
  size_t lent_ = 0;
};

}  // namespace kalamdb::engine
