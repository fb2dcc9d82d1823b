// Makes the records of users and tokens durable through the commit pipeline, in its one order.
//
// Thread-safe. Write waits for the commit: hashing pool and workers only.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "auth/users.h"
#include "storage/database.h"

namespace kalamdb::service {

class CommittedUserStore final : public auth::UserStore {
 public:
  explicit CommittedUserStore(storage::Database* database) : database_(database) {}
  Status Write(auth::StoreRecords records) override;

 private:
  storage::Database* const database_;
};

}  // namespace kalamdb::service
