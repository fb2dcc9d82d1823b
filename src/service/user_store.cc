// One commit a change.
#include "service/user_store.h"

namespace kalamdb::service {

Status CommittedUserStore::Write(auth::StoreRecords records) {
  storage::CommitRequest request;
  request.system_records = std::move(records);
  storage::CommitOutcome outcome = database_->commits().Run(std::move(request));
  if (outcome.kind == storage::CommitOutcome::Kind::kCommitted) return {};
  return std::move(outcome.error);
}

}  // namespace kalamdb::service
