// One commit a change.
#include "service/user_store.h"

namespace kalamdb::service {

Status CommittedUserStore::Write(std::vector<std::pair<std::string, std::optional<std::string>>> records) {
  storage::CommitRequest request;
  request.system_records = std::move(records);
  storage::CommitOutcome outcome = database_->commits().Run(std::move(request));
  if (outcome.kind == storage::CommitOutcome::Kind::kCommitted) return {};
  return std::move(outcome.error);
}

}  // namespace kalamdb::service
