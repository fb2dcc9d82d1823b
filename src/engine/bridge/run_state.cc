// The state of one run.
#include "engine/bridge/run_state.h"

#include "duckdb/transaction/meta_transaction.hpp"
#include "engine/bridge/pending_writes.h"
#include "engine/bridge/schema_entry.h"
#include "engine/bridge/table_entry.h"

namespace kalamdb::engine {

RunState::RunState(BridgeServices* bridge_services, storage::ReadViewPtr read_view,
                   const ExecuteContext& execute_context)
    : services(*bridge_services), view(std::move(read_view)), context(execute_context) {}

RunState::~RunState() {
  services.segments_read.Add(static_cast<double>(counters.segments_read));
  services.segments_pruned.Add(static_cast<double>(counters.segments_pruned));
  services.groups_read.Add(static_cast<double>(counters.groups_read));
  services.groups_pruned.Add(static_cast<double>(counters.groups_pruned));
}

void RunState::Fail(Error error) {
  const std::lock_guard lock(mutex_);
  if (!error_) error_ = std::move(error);
}

std::optional<Error> RunState::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

PendingWrites& RunState::writes() {
  const std::lock_guard lock(mutex_);
  if (!writes_) writes_ = std::make_unique<PendingWrites>(*this);
  return *writes_;
}

void SessionState::TransactionBegin(duckdb::MetaTransaction& transaction, duckdb::ClientContext&) {
  if (run != nullptr && run->context.now != 0) transaction.start_timestamp = duckdb::timestamp_t(run->context.now);
}

RunState& RunOf(duckdb::ClientContext& context) {
  auto session = context.registered_state->Get<SessionState>(kSessionKey);
  if (!session || session->run == nullptr)
    throw duckdb::PermissionException("no statement is running on this connection");
  return *session->run;
}

void Throw(RunState& run, Error error) {
  const std::string message = error.message;
  run.Fail(std::move(error));
  throw duckdb::InvalidInputException(duckdb::Exception::ConstructMessage("%s", message));
}

}  // namespace kalamdb::engine
