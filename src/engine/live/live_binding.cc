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

LiveProgram MoveLiveProgram(const LiveProgram& old, const row::Schema& from, const row::Schema& to) {
  LiveProgram program;
  for (LiveInput input : old.inputs) {
    if (!input.system) input.ordinal = *to.FindById(from.column(input.ordinal).id);
    program.inputs.push_back(std::move(input));
  }
  for (const auto& expression : old.expressions) program.expressions.push_back(expression->Copy());
  return program;
}

// Makes the list and the predicate of one query over one version of the table.
class LiveQueryBinder {
 public:
  LiveQueryBinder(const std::shared_ptr<const LiveQuery>& query, const catalog::TablePtr& table)
      : query_(*query), schema_(*table->schema()), inputs_(AllLiveInputs(schema_)) {
    list_->query = query;
    list_->table = table;
  }

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
    const bool seq = std::any_of(list_->outputs.begin(), list_->outputs.end(), [](const LiveOutput& output) {
      return output.system == SystemColumn::kSeq && output.name == "_seq";
    });
    if (!seq) Add({.name = "_seq", .system = SystemColumn::kSeq, .shown = false});
    return CheckNames();
  }

  Status BindExpressions(duckdb::ClientContext& context) {
    auto binder = duckdb::Binder::CreateBinder(context);
    AddLiveColumns(*binder, schema_, inputs_);
    LiveExpressions projections;
    for (const LiveOutput& output : list_->outputs) {
      if (output.expression)
        projections.push_back(
            BindLiveExpression(*binder, context, *output.source, LogicalType(duckdb::LogicalTypeId::INVALID)));
    }
    LiveExpressions conjuncts;
    if (query_.where) conjuncts.push_back(BindLiveExpression(*binder, context, *query_.where, LogicalType::BOOLEAN));
    for (const auto& expression : projections) RETURN_IF_ERROR(CheckStable(*expression));
    for (const auto& expression : conjuncts) RETURN_IF_ERROR(CheckStable(*expression));
    for (const auto& projection : projections) list_->projection_types.push_back(projection->return_type);
    SimplifyLive(*binder, context, &projections, &conjuncts);
    list_->projections.expressions = std::move(projections);
    TakeEqualities(std::move(conjuncts));
    // Before CompactProgram: columns still go by their ids.
    MakePredicateKey();
    for (const auto& projection : list_->projections.expressions)
      list_->projection_texts.push_back(LiveKeyText(*projection));
    CompactProgram(inputs_, &where_->residual);
    CompactProgram(inputs_, &list_->projections);
    return {};
  }

  // What was bound over an older version, whose columns that the list names are here with the same types.
  void TakeProjections(const LiveSelectList& old) {
    list_->projections = MoveLiveProgram(old.projections, *old.table->schema(), schema_);
    list_->projection_texts = old.projection_texts;
    list_->projection_types = old.projection_types;
  }

  bool HasExpressions() const { return query_.where != nullptr || expressions_ > 0; }

  LiveSelectListPtr TakeList(std::string text) {
    list_->text = std::move(text);
    MakeListKey();
    MakeColumns();
    return list_;
  }
  LivePredicatePtr TakePredicate() { return where_; }

 private:
  void Add(LiveOutput output) {
    output.json_key = JsonKey(output.name);
    list_->outputs.push_back(std::move(output));
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
    return std::any_of(list_->outputs.begin(), list_->outputs.end(), [&](const LiveOutput& output) {
      return !output.system && !output.expression && output.ordinal == ordinal;
    });
  }

  Status CheckNames() const {
    std::vector<std::string> names;
    for (const LiveOutput& output : list_->outputs) names.push_back(row::FoldName(output.name));
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice == names.end()) return {};
    return Error{ErrorCode::kInvalidSql, "two columns of the live query are called " + *twice}.WithHint(
        "Rename one of them with AS; the key's columns and _seq are always there.");
  }

  void TakeEqualities(LiveExpressions conjuncts) {
    for (ExpressionPtr& conjunct : conjuncts) {
      if (auto term = EqualityOf(*conjunct, schema_)) {
        where_->equalities.push_back(*std::move(term));
      } else if (!IsConstantTrue(*conjunct)) {
        where_->residual.expressions.push_back(std::move(conjunct));
      }
    }
  }

  void MakePredicateKey() {
    for (const EqualityTerm& term : where_->equalities) {
      const row::Type& type = schema_.column(*schema_.FindById(term.column)).type;
      where_->key += ResolvedName(term.column) + "=" + term.value.ToSqlLiteral(type) + " ";
    }
    for (const auto& conjunct : where_->residual.expressions) where_->key += LiveKeyText(*conjunct) + " ";
  }

  void MakeListKey() {
    std::string& key = list_->key;
    key = std::to_string(list_->table->id.value) + ":" + std::to_string(list_->table->version().value) + ":" +
          query_.owner_name + ":";
    for (const LiveOutput& output : list_->outputs) {
      key += output.json_key;
      if (output.system) {
        key += ResolvedName(*output.system);
      } else if (output.expression) {
        key += list_->projection_texts[*output.expression];
      } else {
        key += ResolvedName(schema_.column(output.ordinal).id);
      }
      key += output.named ? " " : "* ";  // what an ALTER makes of it is part of the question
    }
  }

  void MakeColumns() {
    for (const LiveOutput& output : list_->outputs) {
      if (!output.shown) continue;
      LiveColumn column{.name = output.name, .initial_default_json = "null"};
      if (output.system) {
        column.data_type_json = DataTypeJson(SystemColumnType(*output.system));
      } else if (output.expression) {
        column.data_type_json = DataTypeJson(list_->projection_types[*output.expression]);
      } else {
        const row::Column& stored = schema_.column(output.ordinal);
        column.data_type_json = stored.type.ToJson();
        column.primary_key = stored.IsKey();
        column.not_null = !stored.nullable;
        column.initial_default_json.clear();
        row::AppendJsonValue(stored.type, stored.initial_default, row::BytesForm::kBase64,
                             &column.initial_default_json);
      }
      list_->columns.push_back(std::move(column));
    }
  }

  const LiveQuery& query_;
  const row::Schema& schema_;
  const std::vector<LiveInput> inputs_;
  const std::shared_ptr<LiveSelectList> list_ = std::make_shared<LiveSelectList>();
  const std::shared_ptr<LivePredicate> where_ = std::make_shared<LivePredicate>();
  size_t expressions_ = 0;
};

// The predicate over another version, where the columns it names have the same types; itself if they have their places.
LivePredicatePtr MovePredicate(const LivePredicatePtr& old, const row::Schema& from, const row::Schema& to) {
  const bool in_place =
      std::all_of(old->residual.inputs.begin(), old->residual.inputs.end(), [&](const LiveInput& input) {
        return input.system || to.FindById(from.column(input.ordinal).id) == input.ordinal;
      });
  if (in_place) return old;
  auto moved = std::make_shared<LivePredicate>();
  moved->equalities = old->equalities;
  moved->residual = MoveLiveProgram(old->residual, from, to);
  moved->key = old->key;
  return moved;
}

std::shared_ptr<const BoundLiveQuery> Assemble(BoundLiveQuery bound) {
  bound.group_key.reserve(bound.list->key.size() + 1 + bound.where->key.size());
  bound.group_key.append(bound.list->key).append(1, '\n').append(bound.where->key);
  return std::make_shared<const BoundLiveQuery>(std::move(bound));
}

}  // namespace

Result<std::shared_ptr<const BoundLiveQuery>> BindLiveQuery(LiveSessionPtr session,
                                                            std::shared_ptr<const LiveQuery> query,
                                                            catalog::TablePtr table, std::string_view text) {
  LiveQueryBinder binder(query, table);
  RETURN_IF_ERROR(binder.ListOutputs());
  if (binder.HasExpressions()) {
    Status status;
    try {
      session->Bind([&](duckdb::ClientContext& context) { status = binder.BindExpressions(context); });
    } catch (const std::exception& exception) {
      return MapLiveBindError(exception, text);
    }
    RETURN_IF_ERROR(std::move(status));
  }
  LiveSelectListPtr list = session->ShareList(binder.TakeList(LiveListText(*query)));
  return Assemble({.session = std::move(session),
                   .query = std::move(query),
                   .table = std::move(table),
                   .list = std::move(list),
                   .where = binder.TakePredicate()});
}

std::shared_ptr<const BoundLiveQuery> RebindSameLiveQuery(const BoundLiveQuery& old, catalog::TablePtr table) {
  const row::Schema& before = *old.table->schema();
  const row::Schema& after = *table->schema();
  for (const ColumnId id : old.query->named_columns) {
    const auto was = before.FindById(id), is = after.FindById(id);
    if (!was || !is || !(before.column(*was).type == after.column(*is).type)) return nullptr;
  }
  LiveSelectListPtr list = old.session->FindList(old.list->text, table);
  if (list == nullptr) {
    LiveQueryBinder binder(old.query, table);
    if (!binder.ListOutputs().ok()) return nullptr;
    binder.TakeProjections(*old.list);
    list = old.session->ShareList(binder.TakeList(old.list->text));
  }
  return Assemble({.session = old.session,
                   .query = old.query,
                   .table = std::move(table),
                   .list = std::move(list),
                   .where = MovePredicate(old.where, before, after)});
}

}  // namespace kalamdb::engine
