// An engine for the tests of live of which only CompileLive is there: "table|filter" over `id BIGINT, room TEXT, n
// BIGINT`.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/access.h"
#include "engine/engine.h"
#include "row/row_codec.h"
#include "storage/database.h"
#include "storage/rows.h"

namespace kalamdb::live {

// `room = x`, `n > x`, `fail = x` (an error on rows with n = x), joined by blanks: "room=a n>5". Empty: every row.
struct Filter {
  std::optional<std::string> room;
  std::optional<int64_t> above, fail;
};

inline Filter ParseFilter(std::string_view text) {
  Filter filter;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string term(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (term.starts_with("room=")) filter.room = term.substr(5);
    if (term.starts_with("n>")) filter.above = std::stoll(term.substr(2));
    if (term.starts_with("fail=")) filter.fail = std::stoll(term.substr(5));
  }
  return filter;
}

class TestEvaluator final : public engine::LiveEvaluator {
 public:
  TestEvaluator(catalog::TablePtr table, Filter filter) : table_(std::move(table)), filter_(std::move(filter)) {}

  Status Match(std::span<const std::string_view> rows, std::vector<bool>* matched) override {
    matched->clear();
    for (std::string_view row : rows) {
      const row::Value room = Column(row, "room"), n = Column(row, "n");
      if (filter_.fail && n.as_int() == *filter_.fail) {
        return Error{.code = ErrorCode::kTypeMismatch, .message = "cannot be cast"};
      }
      matched->push_back((!filter_.room || (!room.is_null() && room.as_string() == *filter_.room)) &&
                         (!filter_.above || n.as_int() > *filter_.above));
    }
    return {};
  }
  Status AppendRow(std::string_view row, std::string* json) override { return Append(row, {}, json); }
  Status AppendOldValues(std::string_view old_row, std::string_view new_row, std::string* json) override {
    return Append(old_row, new_row, json);
  }

 private:
  row::Value Column(std::string_view row, std::string_view name) {
    const std::optional<size_t> ordinal = table_->schema()->FindByName(name);
    return *(*table_->ProjectionFrom(row::RowVersion(row)))->Read(row, *ordinal);
  }
  Status Append(std::string_view row, std::string_view other, std::string* json) {
    *json += '{';
    for (const row::Column& column : table_->schema()->columns()) {
      const row::Value value = Column(row, column.name);
      if (!other.empty() && !column.IsKey() && value == Column(other, column.name)) continue;
      row::AppendJsonString(column.name, json);
      *json += ':';
      row::AppendJsonValue(column.type, value, row::BytesForm::kBase64, json);
      *json += ',';
    }
    *json += R"("_seq":")" + std::to_string(row::RowSeq(row).value) + "\"}";
    return {};
  }

  const catalog::TablePtr table_;
  const Filter filter_;
};

class TestSelect final : public engine::LiveSelect {
 public:
  TestSelect(storage::Database* database, catalog::TablePtr table, std::string text)
      : database_(database), table_(std::move(table)), text_(std::move(text)), filter_(ParseFilter(text_)) {
    key_ = std::to_string(table_->id.value) + ":" + std::to_string(table_->version().value) + ":" + text_;
    for (const row::Column& column : table_->schema()->columns()) {
      engine::LiveColumn live{
          .name = column.name, .data_type_json = column.type.ToJson(), .primary_key = column.IsKey()};
      row::AppendJsonValue(column.type, column.initial_default, row::BytesForm::kBase64, &live.initial_default_json);
      columns_.push_back(std::move(live));
      if (column.name == "room" && filter_.room) {
        named_.push_back(column.id);
        equalities_.push_back({column.id, row::Value::String(*filter_.room)});
      }
    }
  }
  const catalog::TablePtr& table() const override { return table_; }
  const std::vector<engine::LiveColumn>& columns() const override { return columns_; }
  const std::vector<ColumnId>& named_columns() const override { return named_; }
  const std::vector<engine::EqualityTerm>& equalities() const override { return equalities_; }
  bool has_residual() const override { return filter_.above || filter_.fail; }
  const std::string& group_key() const override { return key_; }
  std::unique_ptr<engine::LiveEvaluator> NewEvaluator() const override {
    return std::make_unique<TestEvaluator>(table_, filter_);
  }
  Status ReadSnapshot(const storage::ReadViewPtr& view, const auth::Identity& identity, const SnapshotOptions&,
                      engine::RowSink* sink) const override {
    RETURN_IF_ERROR(sink->OnSchema({}));
    auto cursor = storage::NewRangeCursor(view, &database_->store(), database_->format(),
                                          {.table = table_->id, .user = engine::PartitionOf(identity, *table_)});
    const auto evaluator = NewEvaluator();
    for (;;) {
      ASSIGN_OR_RETURN(const bool there, cursor->Next());
      if (!there) return {};
      std::string row(cursor->row()), json;
      std::vector<bool> matched;
      const std::string_view one[] = {row};
      RETURN_IF_ERROR(evaluator->Match(one, &matched));
      if (!matched[0]) continue;
      RETURN_IF_ERROR(evaluator->AppendRow(row, &json));
      RETURN_IF_ERROR(sink->OnRows(json, 1));
    }
  }
  Result<engine::LiveSelectPtr> Rebind(catalog::TablePtr table) const override {
    for (ColumnId column : named_) {
      if (!table->schema()->FindById(column)) return Error{.code = ErrorCode::kColumnNotFound, .message = "gone"};
    }
    return engine::LiveSelectPtr(std::make_shared<TestSelect>(database_, std::move(table), text_));
  }
  engine::LiveSelectPtr RebindSame(catalog::TablePtr table) const override {
    const auto type_of = [](const catalog::Table& in, ColumnId column) -> std::optional<row::Type> {
      const std::optional<size_t> ordinal = in.schema()->FindById(column);
      if (!ordinal) return std::nullopt;
      return in.schema()->column(*ordinal).type;
    };
    for (ColumnId column : named_) {
      if (type_of(*table, column) != type_of(*table_, column)) return nullptr;
    }
    return std::make_shared<TestSelect>(database_, std::move(table), text_);
  }

 private:
  storage::Database* const database_;
  const catalog::TablePtr table_;
  const std::string text_;
  const Filter filter_;
  std::string key_;
  std::vector<engine::LiveColumn> columns_;
  std::vector<ColumnId> named_;
  std::vector<engine::EqualityTerm> equalities_;
};

// "table|filter".
class TestEngine final : public engine::Engine {
 public:
  explicit TestEngine(storage::Database* database) : database_(database) {}
  storage::ColdFileFormat* cold_file_format() override { return nullptr; }
  void SetDependents(engine::DependentSubscriptions*) override {}
  void RegisterVirtualTable(engine::VirtualTable) override {}
  Result<engine::ScriptPtr> Parse(std::string_view) override { return Error{}; }
  engine::FastOutcome TryFast(const engine::StatementPtr&, const engine::ExecuteContext&, engine::RowSink*,
                              engine::Completion) override {
    return engine::FastOutcome::kNeedsWorker;
  }
  Result<engine::StatementResult> Execute(const engine::StatementPtr&, const engine::ExecuteContext&,
                                          engine::RowSink*) override {
    return Error{};
  }
  Result<engine::LiveSelectPtr> CompileLive(std::string_view sql, const engine::ExecuteContext& context) override {
    const size_t bar = std::min(sql.find('|'), sql.size());
    catalog::TablePtr table = database_->View()->catalog->FindTable("default", sql.substr(0, bar));
    if (table == nullptr || !engine::CanRead(context.identity, *table)) {
      return Error{.code = ErrorCode::kTableNotFound, .message = "no such table"};
    }
    return engine::LiveSelectPtr(std::make_shared<TestSelect>(database_, std::move(table),
                                                              std::string(sql.substr(std::min(bar + 1, sql.size())))));
  }
  std::vector<engine::CacheRow> CacheStats() const override { return {}; }

 private:
  storage::Database* const database_;
};

}  // namespace kalamdb::live
