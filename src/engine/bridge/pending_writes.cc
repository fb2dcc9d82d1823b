// Gathers, checks and completes the changes of a statement.
#include "engine/bridge/pending_writes.h"

#include "engine/access.h"
#include "engine/bridge/run_state.h"
#include "row/key_codec.h"
#include "row/row_codec.h"

namespace kalamdb::engine {

void PendingWrites::SetTable(const catalog::TablePtr& table) {
  if (table_ != nullptr) return;
  table_ = table;
  user_ = PartitionOf(run_.identity(), *table);
}

PendingWrites::Pending* PendingWrites::Find(const std::string& key) {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : &changes_[found->second];
}

PendingWrites::Pending& PendingWrites::At(const std::string& key) {
  const auto [entry, added] = by_key_.emplace(key, changes_.size());
  if (added) {
    changes_.emplace_back();
    changes_.back().key = key;
  }
  return changes_[entry->second];
}

Error PendingWrites::Duplicate(const Pending& pending) const {
  std::string message = "row " + std::to_string(pending.row_number) + ": a row with " +
                        row::DescribeKey(*table_->schema(), row::PrimaryKeyOf(pending.key)) + " is in " +
                        table_->QualifiedName() + " already";
  return Error{ErrorCode::kUniqueViolation, std::move(message)};
}

Error PendingWrites::Twice(const std::string& key) const {
  return Error{ErrorCode::kCardinalityViolation,
               "the statement changes the row of " + table_->QualifiedName() + " with " +
                   row::DescribeKey(*table_->schema(), row::PrimaryKeyOf(key)) + " twice"};
}

Status PendingWrites::CheckLimit() const {
  if (rows_changed_ <= run_.services.transaction_rows) return {};
  return Error{ErrorCode::kTooLarge, "the statement changes more than " +
                                         std::to_string(run_.services.transaction_rows) +
                                         " rows (limits.transaction_rows)"}
      .WithHint("change them in several statements, by ranges of the key");
}

Status PendingWrites::Insert(std::string key, std::string row, bool fresh_key, bool may_bulk) {
  ++rows_seen_;
  if (key.size() > row::kMaxKeyBytes + row::kPartitionPrefixBytes) {
    return Error{ErrorCode::kTooLarge, "row " + std::to_string(rows_seen_) + ": the primary key is longer than " +
                                           std::to_string(row::kMaxKeyBytes) + " bytes"};
  }
  if (bulk_ != nullptr) return bulk_->Append(key, row, fresh_key);
  bytes_ += key.size() + row.size();
  if (Pending* before = Find(key); before != nullptr && before->inserted) {
    if (!may_bulk) return Twice(key);  // an upsert or MERGE
    Pending again;
    again.key = std::move(key);
    again.row_number = rows_seen_;
    return Error{ErrorCode::kUniqueViolation,
                 "row " + std::to_string(rows_seen_) + ": another row of the statement has " +
                     row::DescribeKey(*table_->schema(), row::PrimaryKeyOf(again.key)) + " too"};
  }
  Pending& pending = At(key);
  pending.new_row = std::move(row);
  pending.inserted = true;
  pending.fresh = fresh_key;
  pending.row_number = rows_seen_;
  const bool large = changes_.size() > storage::kBulkRows || bytes_ > storage::kBulkBytes;
  if (large && may_bulk && table_->kind != catalog::TableKind::kStream) return StartBulk();
  return {};
}

Status PendingWrites::StartBulk() {
  ASSIGN_OR_RETURN(bulk_, run_.services.database->NewBulkWriter(run_.view, table_, user_));
  for (const auto& pending : changes_) RETURN_IF_ERROR(bulk_->Append(pending.key, pending.new_row, pending.fresh));
  changes_.clear();
  by_key_.clear();
  return {};
}

Status PendingWrites::Update(const std::string& old_key, std::string_view old_row, const storage::Place& place,
                             std::string new_key, std::string new_row) {
  ++rows_seen_;
  ++rows_changed_;
  RETURN_IF_ERROR(CheckLimit());
  if (new_key.size() > row::kMaxKeyBytes + row::kPartitionPrefixBytes) {
    return Error{ErrorCode::kTooLarge, "row " + std::to_string(rows_seen_) + ": the primary key is longer than " +
                                           std::to_string(row::kMaxKeyBytes) + " bytes"};
  }
  const bool moves = new_key != old_key;
  {
    Pending& old = At(old_key);
    if (!old.old_row.empty()) {
      return Twice(old_key);
    }
    old.old_row = old_row;
    old.place = place;
    if (!moves) {
      if (old.inserted) {  // another row has moved here
        old.row_number = rows_seen_;
        return Duplicate(old);
      }
      old.new_row = std::move(new_row);
      old.inserted = true;
      old.row_number = rows_seen_;
      return {};
    }
  }
  Pending& moved = At(new_key);
  if (moved.inserted) {
    moved.row_number = rows_seen_;
    return Duplicate(moved);
  }
  moved.new_row = std::move(new_row);
  moved.inserted = true;
  moved.row_number = rows_seen_;
  return {};
}

Status PendingWrites::Delete(const std::string& key, std::string_view old_row, const storage::Place& place,
                             bool* counted) {
  *counted = false;
  Pending& pending = At(key);
  if (!pending.old_row.empty()) {
    if (!pending.inserted) return {};
    return Twice(key);
  }
  *counted = true;
  ++rows_seen_;
  ++rows_changed_;
  RETURN_IF_ERROR(CheckLimit());
  pending.old_row = old_row;
  pending.place = place;
  return {};
}

// A key that must be free: nowhere, or soft-deleted.
Status PendingWrites::Observe(Pending& pending) {
  if (pending.fresh) return {};
  storage::FoundRow found;
  ASSIGN_OR_RETURN(const auto outcome, storage::FindRow(*run_.view, run_.services.database->store(),
                                                        run_.services.format, pending.key, kv::ReadTier::kAll, &found));
  KALAM_CHECK(outcome == storage::ReadOutcome::kDone);
  if (found.place.kind != storage::Place::Kind::kNone && !found.deleted) return Duplicate(pending);
  pending.place = found.place;
  return {};
}

Result<storage::RowChange> PendingWrites::ChangeOf(Pending& pending) {
  storage::RowChange change;
  if (pending.old_row.empty()) RETURN_IF_ERROR(Observe(pending));
  change.key = std::move(pending.key);
  change.observed = pending.place;
  if (!pending.inserted) {
    change.kind = storage::ChangeKind::kDelete;
    change.row = pending.old_row;
    row::SetRowDeleted(&change.row, true);
    row::StampRow(change.row.data(), Seq(), 0);
    change.old_row = std::move(pending.old_row);
    return change;
  }
  change.kind = pending.old_row.empty() ? storage::ChangeKind::kInsert : storage::ChangeKind::kUpdate;
  change.row = std::move(pending.new_row);
  change.old_row = std::move(pending.old_row);
  return change;
}

Result<storage::CommitRequest> PendingWrites::Finish(storage::Durability durability) {
  storage::CommitRequest request;
  request.durability = durability;
  if (bulk_ != nullptr) {
    ASSIGN_OR_RETURN(request.bulk, bulk_->Finish());
    return request;
  }
  storage::WriteSet writes;
  writes.table = table_;
  writes.cold_generation = run_.view->ColdOf(table_->id).generation;
  writes.keep_deleted = table_->options.deleted_retention_s.has_value();
  writes.changes.reserve(changes_.size());
  for (auto& pending : changes_) {
    ASSIGN_OR_RETURN(storage::RowChange change, ChangeOf(pending));
    writes.changes.push_back(std::move(change));
  }
  request.writes.push_back(std::move(writes));
  return request;
}

}  // namespace kalamdb::engine
