// Match and the JSON of rows.
#include "engine/live/live_evaluator.h"

#include "engine/bridge/json_writer.h"
#include "engine/front/error_mapping.h"
#include "row/json.h"

namespace kalamdb::engine {
namespace {

constexpr row::BytesForm kBytesForm = row::BytesForm::kBase64;

// `column = constant` on row bytes: equal values have equal bytes in rows whose column was not widened.
struct EqualityProbe {
  EqualityProbe(size_t column_ordinal, const row::Column& column, const row::Value& wanted)
      : ordinal(column_ordinal), value(wanted) {
    row::Column alone{.id = column.id, .name = "c", .type = column.type, .nullable = false, .key_position = 1};
    const row::Schema schema(SchemaVersion(1), {std::move(alone)});
    const row::RowLayout layout(schema);
    const std::string row = row::EncodeRow(schema, layout, {value});
    bytes = row::RowBytes(layout, row, 0);
  }

  Result<bool> Holds(const OpenRow& row) const {
    const auto& source = row.projection->source(ordinal);
    if (source.ordinal < 0) return source.constant == value;
    const auto from = static_cast<size_t>(source.ordinal);
    if (row::RowIsNull(row.bytes, from)) return false;
    if (!source.widened) return row::RowBytes(row.projection->from_layout(), row.bytes, from) == bytes;
    ASSIGN_OR_RETURN(const row::Value read, row.projection->Read(row.bytes, ordinal));
    return read == value;
  }

  size_t ordinal;
  row::Value value;
  std::string bytes;
};

class Evaluator final : public LiveEvaluator {
 public:
  explicit Evaluator(std::shared_ptr<const BoundLiveQuery> bound)
      : bound_(std::move(bound)),
        opener_(*bound_->table),
        residual_(*bound_, bound_->where->residual),
        projections_(*bound_, bound_->list->projections) {
    const row::Schema& schema = *bound_->table->schema();
    for (const EqualityTerm& term : bound_->where->equalities) {
      const size_t ordinal = *schema.FindById(term.column);
      probes_.emplace_back(ordinal, schema.column(ordinal), term.value);
    }
  }

  Status Match(std::span<const std::string_view> rows, std::vector<bool>* matched) override {
    matched->assign(rows.size(), false);
    for (size_t begin = 0; begin < rows.size(); begin += STANDARD_VECTOR_SIZE) {
      RETURN_IF_ERROR(MatchBatch(rows, begin, std::min<size_t>(rows.size(), begin + STANDARD_VECTOR_SIZE), matched));
    }
    return {};
  }

  Status AppendRow(std::string_view bytes, std::string* json) override {
    OpenRow row;
    RETURN_IF_ERROR(opener_.Open(bytes, &row));
    json->push_back('{');
    bool loaded = false, first = true;
    for (const LiveOutput& output : bound_->list->outputs) {
      if (!first) json->push_back(',');
      first = false;
      json->append(output.json_key);
      RETURN_IF_ERROR(AppendValue(output, row, &loaded, json));
    }
    json->push_back('}');
    projections_.Done();
    return {};
  }

  Status AppendOldValues(std::string_view old_bytes, std::string_view new_bytes, std::string* json) override {
    OpenRow old_row, new_row;
    RETURN_IF_ERROR(opener_.Open(old_bytes, &old_row));
    RETURN_IF_ERROR(opener_.Open(new_bytes, &new_row));
    // All values of one row before those of the other: the projections have room for one.
    std::vector<std::string> old_values(bound_->list->outputs.size()), new_values(bound_->list->outputs.size());
    for (const bool old_side : {true, false}) {
      bool loaded = false;
      for (size_t i = 0; i < bound_->list->outputs.size(); ++i) {
        const LiveOutput& output = bound_->list->outputs[i];
        if (!old_side && IsAlwaysTold(output)) continue;
        RETURN_IF_ERROR(
            AppendValue(output, old_side ? old_row : new_row, &loaded, old_side ? &old_values[i] : &new_values[i]));
      }
    }
    json->push_back('{');
    bool first = true;
    for (size_t i = 0; i < bound_->list->outputs.size(); ++i) {
      const LiveOutput& output = bound_->list->outputs[i];
      if (!IsAlwaysTold(output) && old_values[i] == new_values[i]) continue;
      if (!first) json->push_back(',');
      first = false;
      json->append(output.json_key);
      json->append(old_values[i]);
    }
    json->push_back('}');
    projections_.Done();
    return {};
  }

 private:
  static bool IsAlwaysTold(const LiveOutput& output) { return output.key || output.system == SystemColumn::kSeq; }

  Status MatchBatch(std::span<const std::string_view> rows, size_t begin, size_t end, std::vector<bool>* matched) {
    open_.clear();
    places_.clear();
    const bool residual = !bound_->where->residual.expressions.empty();
    for (size_t i = begin; i < end; ++i) {
      OpenRow row;
      RETURN_IF_ERROR(opener_.Open(rows[i], &row));
      bool holds = true;
      for (const EqualityProbe& probe : probes_) {
        ASSIGN_OR_RETURN(holds, probe.Holds(row));
        if (!holds) break;
      }
      if (!holds) continue;
      if (!residual) {
        (*matched)[i] = true;
      } else {
        open_.push_back(row);
        places_.push_back(i);
      }
    }
    if (open_.empty()) return {};
    if (auto judged = Judge(open_, places_, matched); judged.ok()) {
      residual_.Done();
      return {};
    }
    // Some row fails: one by one in order, so that the error is that of the first. What was decided above is decided
    // again.
    for (size_t i = 0; i < open_.size(); ++i) {
      (*matched)[places_[i]] = false;
      RETURN_IF_ERROR(Judge(std::span(open_).subspan(i, 1), std::span(places_).subspan(i, 1), matched));
    }
    return {};
  }

  Status Judge(std::span<const OpenRow> rows, std::span<const size_t> places, std::vector<bool>* matched) {
    try {
      LiveProgramRunner& runner = residual_.Use();
      RETURN_IF_ERROR(runner.Load(rows));
      duckdb::SelectionVector selected;
      const size_t count = runner.Select(&selected);
      for (size_t i = 0; i < count; ++i) (*matched)[places[selected.get_index(i)]] = true;
      return {};
    } catch (const std::exception& exception) {
      residual_.Drop();
      return MapException(exception);
    }
  }

  Status AppendValue(const LiveOutput& output, const OpenRow& row, bool* loaded, std::string* json) {
    if (output.system) {
      AppendSystem(*output.system, row.bytes, json);
      return {};
    }
    if (output.expression) return AppendExpression(*output.expression, row, loaded, json);
    const auto& source = row.projection->source(output.ordinal);
    if (source.ordinal >= 0 && !source.widened) {
      const auto from = static_cast<size_t>(source.ordinal);
      if (row::RowIsNull(row.bytes, from)) {
        json->append("null");
      } else {
        row::AppendJsonFromRow(output.type, row::RowBytes(row.projection->from_layout(), row.bytes, from), kBytesForm,
                               json);
      }
      return {};
    }
    ASSIGN_OR_RETURN(const row::Value value, row.projection->Read(row.bytes, output.ordinal));
    row::AppendJsonValue(output.type, value, kBytesForm, json);
    return {};
  }

  void AppendSystem(SystemColumn column, std::string_view row, std::string* json) const {
    switch (column) {
      case SystemColumn::kSeq: return row::AppendJsonBigInt(static_cast<int64_t>(row::RowSeq(row).value), json);
      case SystemColumn::kUpdated: return row::AppendJsonInt(row::RowUpdated(row), json);
      case SystemColumn::kVersion: return row::AppendJsonInt(row::RowWrittenVersion(row).value, json);
      case SystemColumn::kUserId: break;
    }
    if (bound_->query->owner_name.empty()) {
      json->append("null");
    } else {
      row::AppendJsonString(bound_->query->owner_name, json);
    }
  }

  Status AppendExpression(size_t expression, const OpenRow& row, bool* loaded, std::string* json) {
    try {
      LiveProgramRunner& runner = projections_.Use();
      if (!*loaded) RETURN_IF_ERROR(runner.Load({&row, 1}));
      *loaded = true;
      AppendEngineValue(runner.Evaluate(expression), kBytesForm, json);
      return {};
    } catch (const std::exception& exception) {
      projections_.Drop();
      return MapException(exception);
    }
  }

  const std::shared_ptr<const BoundLiveQuery> bound_;
  RowOpener opener_;
  std::vector<EqualityProbe> probes_;
  LiveRunnerSlot residual_, projections_;
  std::vector<OpenRow> open_;   // of the batch: rows the engine judges,
  std::vector<size_t> places_;  // and where they stand in it
};

}  // namespace

std::unique_ptr<LiveEvaluator> MakeLiveEvaluator(std::shared_ptr<const BoundLiveQuery> bound) {
  return std::make_unique<Evaluator>(std::move(bound));
}

}  // namespace kalamdb::engine
