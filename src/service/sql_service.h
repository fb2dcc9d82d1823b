// A SQL request from any listener: routing of statements, limits, the envelope of the reply, metrics and log of each
// statement.
//
// SqlService is thread-safe. Execute never blocks: fast statements run on the calling thread, the rest on workers, fair
// by user. It knows no HTTP: a listener gives a request and a ReplyStream.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/identity.h"
#include "auth/rate_limit.h"
#include "auth/tokens.h"
#include "auth/users.h"
#include "base/executor.h"
#include "base/log.h"
#include "base/metrics.h"
#include "engine/engine.h"
#include "live/hub.h"
#include "storage/database.h"

namespace kalamdb::service {

enum class ReplyForm : uint8_t { kJson, kNdjson, kParquet };

struct SqlRequest {
  auth::Identity identity;
  std::string sql;
  std::vector<row::JsonParam> params;
  std::string namespace_id;                       // empty = default
  std::optional<storage::Durability> durability;  // header; else the server's
  int64_t timeout_ms = 0;                         // 0 = the server's
  std::string request_id;
  row::BytesForm bytes_form = row::BytesForm::kBase64;
  ReplyForm form = ReplyForm::kJson;
  std::string address;  // of the client, for the audit log
};

// Where a reply goes. Calls come from one thread at a time: either Complete once, or Begin, Write …, End.
class ReplyStream {
 public:
  virtual ~ReplyStream() = default;
  struct Head {
    std::optional<ErrorCode> error;  // decides the status
    std::string_view content_type;
    int64_t retry_after_s = 0;
  };
  virtual void Complete(const Head& head, std::string body) = 0;
  // Streams (NDJSON, replies that were spooled to disk). Write never blocks; false: the client is gone. WaitForRoom is
  // asked before it where the client may be slow (workers only); false: gone, or it took too little within `limit`.
  virtual void Begin(const Head& head) = 0;
  virtual bool WaitForRoom(Micros limit) = 0;
  virtual bool Write(std::string chunk) = 0;
  virtual void End() = 0;
  virtual const std::atomic<bool>& cancelled() const = 0;  // the client went away
};

struct SqlServiceOptions {
  storage::Durability durability = storage::Durability::kSync;  // storage.durability
  uint64_t result_bytes = 1ull << 30;                           // limits.result_bytes
  uint64_t spool_memory_bytes = 8u << 20;                       // above it a reply goes to disk
  std::string spool_directory;
  int64_t statement_ms = 300'000;  // limits.statement_ms
  int64_t view_idle_ms = 60'000;   // limits.view_idle_ms: of a statement whose client does not take its rows
  double queries_per_second = 0;   // limits.queries_per_second (a user)
  uint32_t workers = 2;
  size_t worker_queue = 1'024;  // above it: kRateLimited
  uint32_t heavy_statements_per_user = 2;
  bool allow_user_ddl = false;  // auth.allow_user_ddl: users may flush their own tables
};

class SqlService {
 public:
  struct Parts {  // all outlive the service
    engine::Engine* engine;
    storage::Database* database;
    live::Hub* hub;
    auth::UserDirectory* users;
    Executor* hashing;  // small pool for passwords
    const Clock* clock;
    Metrics* metrics;
    Logger* logger;
  };
  static std::unique_ptr<SqlService> Create(SqlServiceOptions options, Parts parts);
  virtual ~SqlService() = default;

  virtual void Start() = 0;
  // No new work (kDraining); running statements get until the deadline, then are cancelled. Waits.
  virtual void Drain(int64_t deadline_ms) = 0;
  virtual void Execute(SqlRequest request, std::shared_ptr<ReplyStream> reply) = 0;
};

}  // namespace kalamdb::service
