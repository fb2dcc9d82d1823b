// Binds with the engine's binder, looks for what is not deterministic, simplifies, and takes out what needs no engine.
#include "engine/live/live_binding.h"

#include "duckdb/parser/expression/columnref_expression.hpp"
#include "engine/bridge/json_writer.h"
#include "engine/live/live_expressions.h"

namespace kalamdb::engine {
namespace {

using duckdb::Expression;
using duckdb::ExpressionClass;
using duckdb::LogicalType;
using ExpressionPtr = duckdb::unique_ptr<Expression>;

std::string JsonKey(const std::string& name) {
  std::string key;
  row::AppendJsonString(name, &key);
  return key + ":";
}

class LiveQueryBinder {
 public:
  LiveQueryBinder(const LiveQuery& query, const catalog::Table& table, BoundLiveQuery* bound)
      : query_(query), schema_(*table.schema()), inputs_(AllLiveInputs(schema_)), bound_(*bound) {}

  Status ListOutputs() {
    for (const auto& [id, name] : query_.named) {
      if (!schema_.FindById(id)) return Error{ErrorCode::kColumnNotFound, "column " + name + " was dropped"};
    }
    for (const LiveItem& item : query_.items) {
      if (item.star) {
        for (size_t i = 0; i < schema_.size(); ++i) {
          if (!schema_.column(i).hidden) AddStored(i, schema_.column(i).name, false);
        }
      } else {
        AddItem(item);
      }
    }
    for (const uint16_t ordinal : schema_.key_ordinals()) {
      if (!HasStored(ordinal)) AddStored(ordinal, schema_.column(ordinal).name, false);
    }
    const bool seq = std::any_of(bound_.outputs.begin(), bound_.outputs.end(), [](const LiveOutput& output) {
      return output.system == SystemColumn::kSeq && output.name == "_seq";
    });
    if (!seq) Add({.name = "_seq", .system = SystemColumn::kSeq, .shown = false});
    return CheckNames();
  }

  Status BindExpressions(duckdb::ClientContext& context) {
    auto binder = duckdb::Binder::CreateBinder(context);
    AddLiveColumns(*binder, schema_, inputs_);
    LiveExpressions projections;
    for (const LiveOutput& output : bound_.outputs) {
      if (output.expression)
        projections.push_back(
            BindLiveExpression(*binder, context, *output.source, LogicalType(duckdb::LogicalTypeId::INVALID)));
    }
    LiveExpressions conjuncts;
    if (query_.where) conjuncts.push_back(BindLiveExpression(*binder, context, *query_.where, LogicalType::BOOLEAN));
    for (const auto& expression : projections) RETURN_IF_ERROR(CheckStable(*expression));
    for (const auto& expression : conjuncts) RETURN_IF_ERROR(CheckStable(*expression));
    for (const auto& projection : projections) bound_.projection_types.push_back(projection->return_type);
    SimplifyLive(*binder, context, &projections, &conjuncts);
    bound_.projections.expressions = std::move(projections);
    TakeEqualities(std::move(conjuncts));
    // Before CompactProgram: columns still go by their ids.
    for (const auto& conjunct : bound_.residual.expressions) bound_.residual_texts.push_back(LiveKeyText(*conjunct));
    for (const auto& projection : bound_.projections.expressions)
      bound_.projection_texts.push_back(LiveKeyText(*projection));
    CompactProgram(inputs_, &bound_.residual);
    CompactProgram(inputs_, &bound_.projections);
    return {};
  }

  // What was bound over `old`, whose columns that the query names are here with the same types.
  void TakeExpressions(const BoundLiveQuery& old) {
    bound_.equalities = old.equalities;
    bound_.residual = Moved(old.residual, *old.table->schema());
    bound_.projections = Moved(old.projections, *old.table->schema());
    bound_.residual_texts = old.residual_texts;
    bound_.projection_texts = old.projection_texts;
    bound_.projection_types = old.projection_types;
  }

  void Finish() {
    MakeGroupKey();
    MakeColumns();
  }

 private:
  void Add(LiveOutput output) {
    output.json_key = JsonKey(output.name);
    bound_.outputs.push_back(std::move(output));
  }
  void AddStored(size_t ordinal, const std::string& name, bool named) {
    const row::Column& column = schema_.column(ordinal);
    Add({.name = name, .ordinal = ordinal, .type = column.type, .key = column.IsKey(), .named = named});
  }
  void AddItem(const LiveItem& item) {
    if (item.expression->GetExpressionClass() == ExpressionClass::COLUMN_REF) {
      const ResolvedColumn column =
          ParseResolvedName(item.expression->Cast<duckdb::ColumnRefExpression>().GetColumnName());
      if (column.stored) return AddStored(*schema_.FindById(*column.stored), item.name, true);
      if (column.system) return Add({.name = item.name, .system = column.system, .named = true});
    }
    Add({.name = item.name, .expression = expressions_++, .named = true, .source = item.expression.get()});
  }
  bool HasStored(size_t ordinal) const {
    return std::any_of(bound_.outputs.begin(), bound_.outputs.end(), [&](const LiveOutput& output) {
      return !output.system && !output.expression && output.ordinal == ordinal;
    });
  }

  Status CheckNames() const {
    std::vector<std::string> names;
    for (const LiveOutput& output : bound_.outputs) names.push_back(row::FoldName(output.name));
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice == names.end()) return {};
    return Error{ErrorCode::kInvalidSql, "two columns of the live query are called " + *twice}.WithHint(
        "Rename one of them with AS; the key's columns and _seq are always there.");
  }

  LiveProgram Moved(const LiveProgram& old, const row::Schema& old_schema) const {
    LiveProgram program;
    for (LiveInput input : old.inputs) {
      if (!input.system) input.ordinal = *schema_.FindById(old_schema.column(input.ordinal).id);
      program.inputs.push_back(std::move(input));
    }
    for (const auto& expression : old.expressions) program.expressions.push_back(expression->Copy());
    return program;
  }

  void TakeEqualities(LiveExpressions conjuncts) {
    for (ExpressionPtr& conjunct : conjuncts) {
      if (auto term = EqualityOf(*conjunct, schema_)) {
        bound_.equalities.push_back(*std::move(term));
      } else if (!IsConstantTrue(*conjunct)) {
        bound_.residual.expressions.push_back(std::move(conjunct));
      }
    }
  }

  void MakeGroupKey() {
    std::string& key = bound_.group_key;
    key = std::to_string(bound_.table->id.value) + ":" + std::to_string(bound_.table->version().value) + ":" +
          query_.owner_name + ":";
    for (const EqualityTerm& term : bound_.equalities) {
      const row::Type& type = schema_.column(*schema_.FindById(term.column)).type;
      key += ResolvedName(term.column) + "=" + term.value.ToSqlLiteral(type) + " ";
    }
    for (const std::string& conjunct : bound_.residual_texts) key += conjunct + " ";
    for (const LiveOutput& output : bound_.outputs) {
      key += output.json_key;
      if (output.system) {
        key += ResolvedName(*output.system);
      } else if (output.expression) {
        key += bound_.projection_texts[*output.expression];
      } else {
        key += ResolvedName(schema_.column(output.ordinal).id);
      }
      key += output.named ? " " : "* ";  // what an ALTER makes of it is part of the question
    }
  }

  void MakeColumns() {
    for (const LiveOutput& output : bound_.outputs) {
      if (!output.shown) continue;
      LiveColumn column{.name = output.name, .initial_default_json = "null"};
      if (output.system) {
        column.data_type_json = DataTypeJson(SystemColumnType(*output.system));
      } else if (output.expression) {
        column.data_type_json = DataTypeJson(bound_.projection_types[*output.expression]);
      } else {
        const row::Column& stored = schema_.column(output.ordinal);
        column.data_type_json = stored.type.ToJson();
        column.primary_key = stored.IsKey();
        column.not_null = !stored.nullable;
        column.initial_default_json.clear();
        row::AppendJsonValue(stored.type, stored.initial_default, row::BytesForm::kBase64,
                             &column.initial_default_json);
      }
      bound_.columns.push_back(std::move(column));
    }
  }

  const LiveQuery& query_;
  const row::Schema& schema_;
  const std::vector<LiveInput> inputs_;
  BoundLiveQuery& bound_;
  size_t expressions_ = 0;
};

}  // namespace

Result<std::shared_ptr<const BoundLiveQuery>> BindLiveQuery(LiveSessionPtr session,
                                                            std::shared_ptr<const LiveQuery> query,
                                                            catalog::TablePtr table, std::string_view text) {
  auto bound = std::make_shared<BoundLiveQuery>();
  bound->session = std::move(session);
  bound->query = std::move(query);
  bound->table = std::move(table);
  LiveQueryBinder binder(*bound->query, *bound->table, bound.get());
  RETURN_IF_ERROR(binder.ListOutputs());
  const bool plain = !bound->query->where && std::none_of(bound->outputs.begin(), bound->outputs.end(),
                                                          [](const LiveOutput& o) { return o.expression.has_value(); });
  if (!plain) {
    Status status;
    try {
      bound->session->Bind([&](duckdb::ClientContext& context) { status = binder.BindExpressions(context); });
    } catch (const std::exception& exception) {
      return MapLiveBindError(exception, text);
    }
    RETURN_IF_ERROR(std::move(status));
  }
  binder.Finish();
  return std::shared_ptr<const BoundLiveQuery>(std::move(bound));
}

std::shared_ptr<const BoundLiveQuery> RebindSameLiveQuery(const BoundLiveQuery& old, catalog::TablePtr table) {
  const row::Schema& before = *old.table->schema();
  const row::Schema& after = *table->schema();
  for (const auto& [id, name] : old.query->named) {
    const auto was = before.FindById(id), is = after.FindById(id);
    if (!was || !is || !(before.column(*was).type == after.column(*is).type)) return nullptr;
  }
  auto bound = std::make_shared<BoundLiveQuery>();
  bound->session = old.session;
  bound->query = old.query;
  bound->table = std::move(table);
  LiveQueryBinder binder(*bound->query, *bound->table, bound.get());
  if (!binder.ListOutputs().ok()) return nullptr;
  binder.TakeExpressions(old);
  binder.Finish();
  return bound;
}

}  // namespace kalamdb::engine
