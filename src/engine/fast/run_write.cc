// INSERT of values, UPDATE and DELETE by key: from operands to the changes of one commit.
#include <unordered_map>

#include "engine/access.h"
#include "engine/fast/row_json.h"
#include "engine/fast/run.h"
#include "row/key_codec.h"
#include "storage/rows.h"

namespace kalamdb::engine {
namespace {

size_t CountCharacters(std::string_view text) {
  size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
  return count;
}

class Writer {
 public:
  Writer(const FastServices& services, const FastPlan& plan, const storage::ReadViewPtr& view,
         const ExecuteContext& context, const FastRunOptions& options, FastWrite* write)
      : services_(services), plan_(plan), view_(view), context_(context), options_(options), write_(write) {}

  Result<FastStep> Run() {
    FastStep step = FastStep::kReady;
    if (plan_.kind == FastPlan::Kind::kInsert) {
      ASSIGN_OR_RETURN(step, Insert());
    } else {
      ASSIGN_OR_RETURN(step, ChangeByKey());
    }
    if (step != FastStep::kReady || changes_.empty()) return step;
    storage::WriteSet writes;
    writes.table = plan_.table;
    writes.cold_generation = view_->ColdOf(plan_.table->id).generation;
    writes.changes = std::move(changes_);
    writes.keep_deleted = plan_.table->options.deleted_retention_s.has_value();
    write_->request.writes.push_back(std::move(writes));
    write_->request.durability = context_.durability;
    return step;
  }

 private:
  const row::Schema& schema() const { return *plan_.table->schema(); }

  // The first column in order that the row violates.
  Status Check(const std::vector<row::Value>& values, size_t row_number, bool only_keys = false) {
    for (size_t i = 0; i < values.size(); ++i) {
      const row::Column& column = schema().column(i);
      if (only_keys && !column.IsKey()) continue;
      if (values[i].is_null()) {
        if (column.nullable && !column.IsKey()) continue;
        write_->violated = ValuePlace{row_number, i};
        return Error{ErrorCode::kNotNullViolation, "row " + std::to_string(row_number) + ": column " + column.name +
                                                       " of " + plan_.table->QualifiedName() +
                                                       " is NOT NULL, but the value is NULL"};
      }
      const uint32_t limit = column.type.kind() == row::TypeKind::kText ? column.type.length() : 0;
      if (limit == 0 || values[i].as_string().size() <= limit) continue;
      const size_t characters = CountCharacters(values[i].as_string());
      if (characters > limit) {
        write_->violated = ValuePlace{row_number, i};
        return Error{ErrorCode::kTypeMismatch, "row " + std::to_string(row_number) + ": the value of column " +
                                                   column.name + " of " + plan_.table->QualifiedName() + " has " +
                                                   std::to_string(characters) + " characters, VARCHAR(" +
                                                   std::to_string(limit) + ") holds " + std::to_string(limit)};
      }
    }
    return {};
  }

  Result<FastStep> Find(std::string_view key, storage::FoundRow* found) const {
    ASSIGN_OR_RETURN(const auto outcome, storage::FindRow(*view_, services_.database->store(),
                                                          services_.database->format(), key, options_.tier, found));
    return outcome == storage::ReadOutcome::kNotCached ? FastStep::kNotCached : FastStep::kReady;
  }

  Status Return(std::string_view row) {
    ++write_->count;
    if (!plan_.returning) return {};
    FastRows& rows = write_->returning;
    if (rows.count != 0) rows.json.push_back(options_.separator);
    RETURN_IF_ERROR(AppendRowJson(plan_, row, options_.form, context_.bytes_form, &rows.json));
    ++rows.count;
    return {};
  }

  // --- INSERT ---

  struct NewRow {
    std::string key, row;
    std::vector<row::Value> values;  // kept where there is ON CONFLICT: a row that is not stored is not checked
  };

  Result<FastStep> Insert() {
    std::vector<NewRow> rows(plan_.row_count);
    const UserId partition = PartitionOf(context_.identity, *plan_.table);
    for (size_t r = 0; r < plan_.row_count; ++r) {
      std::vector<row::Value> values(schema().size());
      for (size_t i = 0; i < schema().size(); ++i) {
        if (!EvaluateOperand(services_, plan_.cells[r * schema().size() + i], schema().column(i).type, context_,
                             &values[i]))
          return FastStep::kOther;
      }
      const bool may_conflict = plan_.on_conflict != FastPlan::OnConflict::kError;
      RETURN_IF_ERROR(Check(values, r + 1, may_conflict));
      row::AppendPartition(plan_.table->id, partition, &rows[r].key);
      for (const uint16_t ordinal : schema().key_ordinals())
        row::AppendKeyValue(schema().column(ordinal).type, values[ordinal], &rows[r].key);
      rows[r].row = row::EncodeRow(schema(), *plan_.layout, values);
      bytes_ += rows[r].key.size() + rows[r].row.size();
      if (bytes_ > storage::kBulkBytes) return FastStep::kOther;
      if (may_conflict) rows[r].values = std::move(values);
    }
    if (plan_.row_count > 1) changes_.reserve(plan_.row_count);
    std::unordered_map<std::string_view, size_t> seen;
    for (size_t r = 0; r < rows.size(); ++r) {
      if (rows[r].key.size() > row::kMaxKeyBytes + row::kPartitionPrefixBytes) {
        return Error{ErrorCode::kTooLarge, "row " + std::to_string(r + 1) + ": the primary key is longer than " +
                                               std::to_string(row::kMaxKeyBytes) + " bytes"};
      }
      if (rows.size() > 1 && !seen.emplace(rows[r].key, r).second) {
        // An upsert that touches a row twice: the other path knows what is said there.
        if (plan_.on_conflict != FastPlan::OnConflict::kError) return FastStep::kOther;
        return Error{ErrorCode::kUniqueViolation,
                     "row " + std::to_string(r + 1) + ": another row of the statement has " +
                         row::DescribeKey(schema(), row::PrimaryKeyOf(rows[r].key)) + " too"};
      }
    }
    for (size_t r = 0; r < rows.size(); ++r) {
      ASSIGN_OR_RETURN(const FastStep step, InsertRow(r + 1, &rows[r]));
      if (step != FastStep::kReady) return step;
    }
    return FastStep::kReady;
  }

  Result<FastStep> InsertRow(size_t number, NewRow* made) {
    storage::RowChange change;
    if (!plan_.fresh_key) {
      storage::FoundRow found;
      ASSIGN_OR_RETURN(const FastStep step, Find(made->key, &found));
      if (step != FastStep::kReady) return step;
      if (found.place.kind != storage::Place::Kind::kNone && !found.deleted && !Expired(found.row))
        return Conflict(number, made, found);
      change.observed = found.place;
    }
    if (!made->values.empty()) RETURN_IF_ERROR(Check(made->values, number));
    change.kind = storage::ChangeKind::kInsert;
    RETURN_IF_ERROR(Return(made->row));
    change.key = std::move(made->key);
    change.row = std::move(made->row);
    changes_.push_back(std::move(change));
    return FastStep::kReady;
  }

  bool Expired(std::string_view row) const {
    const uint64_t ttl = plan_.table->options.ttl_seconds;
    return ttl != 0 && row::RowUpdated(row) < context_.now - static_cast<Micros>(ttl) * kMicrosPerSecond;
  }

  Result<FastStep> Conflict(size_t number, NewRow* made, const storage::FoundRow& found) {
    switch (plan_.on_conflict) {
      case FastPlan::OnConflict::kNothing: return FastStep::kReady;
      case FastPlan::OnConflict::kUpdate: return Change(number, std::move(made->key), found, &made->values);
      case FastPlan::OnConflict::kError: break;
    }
    return Error{ErrorCode::kUniqueViolation, "row " + std::to_string(number) + ": a row with " +
                                                  row::DescribeKey(schema(), row::PrimaryKeyOf(made->key)) + " is in " +
                                                  plan_.table->QualifiedName() + " already"};
  }

  // --- UPDATE and DELETE ---

  Result<FastStep> ChangeByKey() {
    std::string key;
    bool null = false;
    if (!KeyPrefix(services_, plan_, context_, &key, &null)) return FastStep::kOther;
    if (null) return FastStep::kReady;
    storage::FoundRow found;
    ASSIGN_OR_RETURN(const FastStep step, Find(key, &found));
    if (step != FastStep::kReady || found.place.kind == storage::Place::Kind::kNone || found.deleted) return step;
    if (plan_.kind == FastPlan::Kind::kUpdate) return Change(1, std::move(key), found, nullptr);
    storage::RowChange change;
    change.kind = storage::ChangeKind::kDelete;
    change.observed = found.place;
    change.key = std::move(key);
    change.old_row = std::string(found.row);
    change.row = change.old_row;
    row::SetRowDeleted(&change.row, true);
    row::StampRow(change.row.data(), Seq(), 0);
    RETURN_IF_ERROR(Return(change.old_row));
    changes_.push_back(std::move(change));
    return FastStep::kReady;
  }

  // The found row with the plan's assignments. `excluded`: the row that was to be inserted.
  Result<FastStep> Change(size_t number, std::string key, const storage::FoundRow& found,
                          const std::vector<row::Value>* excluded) {
    ASSIGN_OR_RETURN(const row::ProjectionPtr projection, plan_.table->ProjectionFrom(row::RowVersion(found.row)));
    RETURN_IF_ERROR(row::CheckRow(projection->from_layout(), found.row));
    ASSIGN_OR_RETURN(std::vector<row::Value> values, projection->ReadAll(found.row));
    for (const FastAssignment& set : plan_.sets) {
      if (set.value.kind == FastOperand::Kind::kExcluded) {
        values[set.ordinal] = (*excluded)[set.value.index];
      } else if (!EvaluateOperand(services_, set.value, schema().column(set.ordinal).type, context_,
                                  &values[set.ordinal])) {
        return FastStep::kOther;
      }
    }
    RETURN_IF_ERROR(Check(values, number));
    storage::RowChange change;
    change.kind = storage::ChangeKind::kUpdate;
    change.observed = found.place;
    change.key = std::move(key);
    change.row = row::EncodeRow(schema(), *plan_.layout, values);
    change.old_row = std::string(found.row);
    RETURN_IF_ERROR(Return(change.row));
    changes_.push_back(std::move(change));
    return FastStep::kReady;
  }

  const FastServices& services_;
  const FastPlan& plan_;
  const storage::ReadViewPtr& view_;
  const ExecuteContext& context_;
  const FastRunOptions& options_;
  FastWrite* const write_;
  std::vector<storage::RowChange> changes_;
  size_t bytes_ = 0;
};

}  // namespace

Result<FastStep> FastPrepare(const FastServices& services, const FastPlan& plan, const storage::ReadViewPtr& view,
                             const ExecuteContext& context, const FastRunOptions& options, FastWrite* write) {
  return Writer(services, plan, view, context, options, write).Run();
}

}  // namespace kalamdb::engine
