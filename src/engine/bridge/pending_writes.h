// The changes of one DML statement to one table, gathered by its sinks (all actions of a MERGE share them) before
// anything is committed: each key at most once, judged on the final state.
//
// One thread at a time (sinks are not parallel). A row is counted from 1 in the order in which the statement produced
// it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "catalog/table.h"
#include "storage/bulk.h"
#include "storage/commit.h"
#include "storage/rows.h"

namespace kalamdb::engine {

class RunState;

class PendingWrites {
 public:
  explicit PendingWrites(RunState& run) : run_(run) {}

  // REQUIRES: the same table at each call.
  void SetTable(const catalog::TablePtr& table);
  const catalog::TablePtr& table() const { return table_; }
  UserId user() const { return user_; }

  // A new row. `fresh_key`: the server made the key just now. Above storage::kBulkRows rows go to segments if
  // `may_bulk`. Errors: kUniqueViolation (twice in the statement, or with what is there: then at Finish), kTooLarge
  // (key).
  Status Insert(std::string key, std::string row, bool fresh_key, bool may_bulk);
  // Errors of both: kCardinalityViolation where the row was changed before, kTooLarge above limits.transaction_rows.
  Status Update(const std::string& old_key, std::string_view old_row, const storage::Place& place, std::string new_key,
                std::string new_row);
  // *counted: false where the row is deleted already (a DELETE that joins meets it twice).
  Status Delete(const std::string& key, std::string_view old_row, const storage::Place& place, bool* counted);

  // Makes the commit: looks up keys that must be free, pairs deletes with inserts. Errors: kUniqueViolation naming row
  // and key.
  Result<storage::CommitRequest> Finish(storage::Durability durability);
  bool empty() const { return changes_.empty() && bulk_ == nullptr; }

 private:
  struct Pending {
    std::string key;
    std::string new_row;    // empty: gone
    std::string old_row;    // of a row that is there now; empty: none
    storage::Place place;   // of old_row
    bool inserted = false;  // a row came (INSERT, or an UPDATE that moved its key here)
    bool fresh = false;
    uint64_t row_number = 0;
  };
  Pending& At(const std::string& key);
  Pending* Find(const std::string& key);
  Error Duplicate(const Pending& pending) const;
  Error Twice(const std::string& key) const;
  Status StartBulk();
  Status CheckLimit() const;
  Status Observe(Pending& pending);
  Result<storage::RowChange> ChangeOf(Pending& pending);

  RunState& run_;
  catalog::TablePtr table_;
  UserId user_;
  std::vector<Pending> changes_;
  std::unordered_map<std::string, size_t> by_key_;
  std::unique_ptr<storage::BulkWriter> bulk_;
  uint64_t rows_seen_ = 0, rows_changed_ = 0;
  size_t bytes_ = 0;
};

}  // namespace kalamdb::engine
