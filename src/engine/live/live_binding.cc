// Binds with the engine's binder, looks for what is not deterministic, simplifies, and takes out what needs no engine.
#include "engine/live/live_binding.h"

#include "duckdb/optimizer/optimizer.hpp"
#include "duckdb/parser/expression/columnref_expression.hpp"
#include "duckdb/planner/binder.hpp"
#include "duckdb/planner/bound_parameter_map.hpp"
#include "duckdb/planner/expression/list.hpp"
#include "duckdb/planner/expression_binder/where_binder.hpp"
#include "duckdb/planner/expression_iterator.hpp"
#include "duckdb/planner/operator/logical_dummy_scan.hpp"
#include "duckdb/planner/operator/logical_filter.hpp"
#include "duckdb/planner/operator/logical_projection.hpp"
#include "engine/bridge/chunk_codec.h"
#include "engine/bridge/json_writer.h"
#include "engine/front/error_mapping.h"

namespace kalamdb::engine {
namespace {

using duckdb::Expression;
using duckdb::ExpressionClass;
using duckdb::LogicalType;
using ExpressionPtr = duckdb::unique_ptr<Expression>;
using Expressions = duckdb::vector<ExpressionPtr>;

constexpr duckdb::idx_t kTableIndex = 0;

LogicalType TypeOf(SystemColumn column) {
  switch (column) {
    case SystemColumn::kSeq: return LogicalType::BIGINT;
    case SystemColumn::kUpdated: return LogicalType::TIMESTAMP;
    case SystemColumn::kVersion: return LogicalType::INTEGER;
    case SystemColumn::kUserId: return LogicalType::VARCHAR;
  }
  return LogicalType::VARCHAR;
}

// All that an expression may read: the columns of the schema, then the system's.
std::vector<LiveInput> AllInputs(const row::Schema& schema) {
  std::vector<LiveInput> inputs;
  for (size_t i = 0; i < schema.size(); ++i) inputs.push_back({std::nullopt, i, ToEngineType(schema.column(i).type)});
  for (const SystemColumn column : {SystemColumn::kSeq, SystemColumn::kUpdated, SystemColumn::kVersion, SystemColumn::kUserId}) {
    inputs.push_back({column, 0, TypeOf(column)});
  }
  return inputs;
}

void AddColumns(duckdb::Binder& binder, const row::Schema& schema, const std::vector<LiveInput>& inputs) {
  duckdb::vector<duckdb::string> names;
  duckdb::vector<LogicalType> types;
  for (const LiveInput& input : inputs) {
    names.push_back(input.system ? ResolvedName(*input.system) : ResolvedName(schema.column(input.ordinal).id));
    types.push_back(input.type);
  }
  binder.bind_context.AddGenericBinding(kTableIndex, "row", names, types);
}

ExpressionPtr BindOne(duckdb::Binder& binder, duckdb::ClientContext& context, const duckdb::ParsedExpression& parsed, const LogicalType& target) {
  duckdb::WhereBinder where(binder, context);
  where.target_type = target;
  auto copy = parsed.Copy();
  return where.Bind(copy);
}

// The name of a function that is not the same for the same row, at any time and for everybody; empty: none.
std::string UnstableFunction(const Expression& expression) {
  std::string found;
  if (expression.GetExpressionClass() == ExpressionClass::BOUND_FUNCTION) {
    const auto& function = expression.Cast<duckdb::BoundFunctionExpression>().function;
    if (function.stability != duckdb::FunctionStability::CONSISTENT) return function.name;
  }
  duckdb::ExpressionIterator::EnumerateChildren(expression, [&](const Expression& child) {
    if (found.empty()) found = UnstableFunction(child);
  });
  return found;
}

Status CheckStable(const Expression& expression) {
  const std::string name = UnstableFunction(expression);
  if (name.empty()) return {};
  return Error{ErrorCode::kUnsupported, name + " depends on time, chance or session: a live query cannot hold it"};
}

// Columns of the binding become columns of the program's chunk; those it does not read are not in it.
void Compact(const std::vector<LiveInput>& all, LiveProgram* program) {
  std::vector<std::optional<size_t>> places(all.size());
  for (ExpressionPtr& root : program->expressions) {
    duckdb::ExpressionIterator::VisitExpressionClassMutable(root, ExpressionClass::BOUND_COLUMN_REF, [&](ExpressionPtr& child) {
      const auto& column = child->Cast<duckdb::BoundColumnRefExpression>();
      const size_t from = column.binding.column_index;
      if (!places[from]) {
        places[from] = program->inputs.size();
        program->inputs.push_back(all[from]);
      }
      child = duckdb::make_uniq<duckdb::BoundReferenceExpression>(column.return_type, *places[from]);
    });
  }
}

// `column = constant` of exactly its type, where equal values have equal bytes.
std::optional<EqualityTerm> EqualityOf(const Expression& expression, const row::Schema& schema) {
  if (expression.GetExpressionType() != duckdb::ExpressionType::COMPARE_EQUAL) return std::nullopt;
  const auto& comparison = expression.Cast<duckdb::BoundComparisonExpression>();
  const Expression* column = comparison.left.get();
  const Expression* constant = comparison.right.get();
  if (column->GetExpressionClass() != ExpressionClass::BOUND_COLUMN_REF) std::swap(column, constant);
  if (column->GetExpressionClass() != ExpressionClass::BOUND_COLUMN_REF || constant->GetExpressionClass() != ExpressionClass::BOUND_CONSTANT) return std::nullopt;
  const size_t ordinal = column->Cast<duckdb::BoundColumnRefExpression>().binding.column_index;
  if (ordinal >= schema.size()) return std::nullopt;
  const row::Column& stored = schema.column(ordinal);
  const row::TypeKind kind = stored.type.kind();
  if (!stored.type.CanBeKey() || kind == row::TypeKind::kFloat || kind == row::TypeKind::kDouble) return std::nullopt;
  const duckdb::Value& value = constant->Cast<duckdb::BoundConstantExpression>().value;
  if (value.IsNull() || value.type() != ToEngineType(stored.type)) return std::nullopt;
  return EqualityTerm{stored.id, FromEngineValue(stored.type, value)};
}

bool IsTrue(const Expression& expression) {
  if (expression.GetExpressionClass() != ExpressionClass::BOUND_CONSTANT) return false;
  const duckdb::Value& value = expression.Cast<duckdb::BoundConstantExpression>().value;
  return !value.IsNull() && value.type().id() == duckdb::LogicalTypeId::BOOLEAN && duckdb::BooleanValue::Get(value);
}

// Text that is the same only for expressions that mean the same: its own, and the types of its constants.
std::string KeyText(const Expression& expression) {
  std::string text = expression.ToString() + "::" + expression.return_type.ToString();
  const std::function<void(const Expression&)> visit = [&](const Expression& at) {
    if (at.GetExpressionClass() == ExpressionClass::BOUND_CONSTANT) text += "," + at.return_type.ToString();
    duckdb::ExpressionIterator::EnumerateChildren(at, visit);
  };
  visit(expression);
  return text;
}

std::string JsonKey(const std::string& name) {
  std::string key;
  row::AppendJsonString(name, &key);
  return key + ":";
}

class LiveQueryBinder {
 public:
  LiveQueryBinder(const LiveQuery& query, const catalog::Table& table, BoundLiveQuery* bound)
      : query_(query), schema_(*table.schema()), inputs_(AllInputs(schema_)), bound_(*bound) {}

  Status ListOutputs() {
    for (const auto& [id, name] : query_.named) {
      if (!schema_.FindById(id)) return Error{ErrorCode::kColumnNotFound, "column " + name + " was dropped"};
    }
    for (const LiveItem& item : query_.items) {
      if (item.star) {
        for (size_t i = 0; i < schema_.size(); ++i) {
          if (!schema_.column(i).hidden) AddStored(i, schema_.column(i).name);
        }
      } else {
        AddItem(item);
      }
    }
    for (const uint16_t ordinal : schema_.key_ordinals()) {
      if (!HasStored(ordinal)) AddStored(ordinal, schema_.column(ordinal).name);
    }
    const bool seq = std::any_of(bound_.outputs.begin(), bound_.outputs.end(), [](const LiveOutput& output) {
      return output.system == SystemColumn::kSeq && output.name == "_seq";
    });
    if (!seq) Add({.name = "_seq", .system = SystemColumn::kSeq, .shown = false});
    return CheckNames();
  }

  Status BindExpressions(duckdb::ClientContext& context) {
    auto binder = duckdb::Binder::CreateBinder(context);
    AddColumns(*binder, schema_, inputs_);
    Expressions projections;
    for (const LiveOutput& output : bound_.outputs) {
      if (output.expression) projections.push_back(BindOne(*binder, context, *output.source, LogicalType(duckdb::LogicalTypeId::INVALID)));
    }
    Expressions conjuncts;
    if (query_.where) conjuncts.push_back(BindOne(*binder, context, *query_.where, LogicalType::BOOLEAN));
    for (const auto& expression : projections) RETURN_IF_ERROR(CheckStable(*expression));
    for (const auto& expression : conjuncts) RETURN_IF_ERROR(CheckStable(*expression));
    for (size_t i = 0; i < projections.size(); ++i) types_.push_back(projections[i]->return_type);
    Simplify(*binder, context, &projections, &conjuncts);
    bound_.projections.expressions = std::move(projections);
    TakeEqualities(std::move(conjuncts));
    return {};
  }

  void Finish() {
    MakeGroupKey();
    MakeColumns();
    Compact(inputs_, &bound_.residual);
    Compact(inputs_, &bound_.projections);
  }

 private:
  void Add(LiveOutput output) {
    output.json_key = JsonKey(output.name);
    bound_.outputs.push_back(std::move(output));
  }
  void AddStored(size_t ordinal, const std::string& name) {
    const row::Column& column = schema_.column(ordinal);
    Add({.name = name, .ordinal = ordinal, .type = column.type, .key = column.IsKey()});
  }
  void AddItem(const LiveItem& item) {
    if (item.expression->GetExpressionClass() == ExpressionClass::COLUMN_REF) {
      const ResolvedColumn column = ParseResolvedName(item.expression->Cast<duckdb::ColumnRefExpression>().GetColumnName());
      if (column.stored) return AddStored(*schema_.FindById(*column.stored), item.name);
      if (column.system) return Add({.name = item.name, .system = column.system});
    }
    Add({.name = item.name, .expression = expressions_++, .source = item.expression.get()});
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

  void Simplify(duckdb::Binder& binder, duckdb::ClientContext& context, Expressions* projections, Expressions* conjuncts) {
    duckdb::Optimizer optimizer(binder, context);
    if (!conjuncts->empty()) {
      duckdb::LogicalFilter filter(std::move(conjuncts->front()));
      filter.children.push_back(duckdb::make_uniq<duckdb::LogicalDummyScan>(kTableIndex));
      optimizer.rewriter.VisitOperator(filter);
      *conjuncts = std::move(filter.expressions);
      duckdb::LogicalFilter::SplitPredicates(*conjuncts);
    }
    if (!projections->empty()) {
      duckdb::LogicalProjection projection(kTableIndex + 1, std::move(*projections));
      projection.children.push_back(duckdb::make_uniq<duckdb::LogicalDummyScan>(kTableIndex));
      optimizer.rewriter.VisitOperator(projection);
      *projections = std::move(projection.expressions);
    }
  }

  void TakeEqualities(Expressions conjuncts) {
    for (ExpressionPtr& conjunct : conjuncts) {
      if (auto term = EqualityOf(*conjunct, schema_)) {
        bound_.equalities.push_back(*std::move(term));
      } else if (!IsTrue(*conjunct)) {
        bound_.residual.expressions.push_back(std::move(conjunct));
      }
    }
  }

  // Before Compact: columns still go by their ids.
  void MakeGroupKey() {
    std::string& key = bound_.group_key;
    key = std::to_string(bound_.table->id.value) + ":" + std::to_string(bound_.table->version().value) + ":" + query_.owner_name + ":";
    for (const EqualityTerm& term : bound_.equalities) {
      const row::Type& type = schema_.column(*schema_.FindById(term.column)).type;
      key += ResolvedName(term.column) + "=" + term.value.ToSqlLiteral(type) + " ";
    }
    for (const auto& conjunct : bound_.residual.expressions) key += KeyText(*conjunct) + " ";
    for (const LiveOutput& output : bound_.outputs) {
      key += output.json_key;
      if (output.system) {
        key += ResolvedName(*output.system);
      } else if (output.expression) {
        key += KeyText(*bound_.projections.expressions[*output.expression]);
      } else {
        key += ResolvedName(schema_.column(output.ordinal).id);
      }
      key.push_back(output.shown ? ' ' : '-');
    }
  }

  void MakeColumns() {
    for (const LiveOutput& output : bound_.outputs) {
      if (!output.shown) continue;
      LiveColumn column{.name = output.name, .initial_default_json = "null"};
      if (output.system) {
        column.data_type_json = DataTypeJson(TypeOf(*output.system));
      } else if (output.expression) {
        column.data_type_json = DataTypeJson(types_[*output.expression]);
      } else {
        const row::Column& stored = schema_.column(output.ordinal);
        column.data_type_json = stored.type.ToJson();
        column.primary_key = stored.IsKey();
        column.not_null = !stored.nullable;
        column.initial_default_json.clear();
        row::AppendJsonValue(stored.type, stored.initial_default, row::BytesForm::kBase64, &column.initial_default_json);
      }
      bound_.columns.push_back(std::move(column));
    }
  }

  const LiveQuery& query_;
  const row::Schema& schema_;
  const std::vector<LiveInput> inputs_;
  BoundLiveQuery& bound_;
  std::vector<LogicalType> types_;  // of the projections, as bound
  size_t expressions_ = 0;
};

Error MapBindError(const std::exception& exception, std::string_view text) {
  Error error = MapException(exception, text);
  if (error.message.find("aggregate") != std::string::npos && error.code == ErrorCode::kInvalidSql) {
    return Error{ErrorCode::kUnsupported, "an aggregate is not offered in a live query"}.WithHint("").At(error.position);
  }
  return error;
}

}  // namespace

Result<std::shared_ptr<const BoundLiveQuery>> BindLiveQuery(LiveSessionPtr session, std::shared_ptr<const LiveQuery> query, catalog::TablePtr table,
                                                            std::string_view text) {
  auto bound = std::make_shared<BoundLiveQuery>();
  bound->session = std::move(session);
  bound->query = std::move(query);
  bound->table = std::move(table);
  LiveQueryBinder binder(*bound->query, *bound->table, bound.get());
  RETURN_IF_ERROR(binder.ListOutputs());
  const bool plain = !bound->query->where && std::none_of(bound->outputs.begin(), bound->outputs.end(), [](const LiveOutput& o) { return o.expression.has_value(); });
  if (!plain) {
    Status status;
    try {
      bound->session->Bind([&](duckdb::ClientContext& context) { status = binder.BindExpressions(context); });
    } catch (const std::exception& exception) {
      return MapBindError(exception, text);
    }
    RETURN_IF_ERROR(std::move(status));
  }
  binder.Finish();
  return std::shared_ptr<const BoundLiveQuery>(std::move(bound));
}

Result<duckdb::case_insensitive_map_t<LogicalType>> AskedTypes(LiveSession& session, const LiveQuery& query, const catalog::Table& table,
                                                                std::string_view text) {
  duckdb::case_insensitive_map_t<LogicalType> types;
  try {
    session.Bind([&](duckdb::ClientContext& context) {
      auto binder = duckdb::Binder::CreateBinder(context);
      AddColumns(*binder, *table.schema(), AllInputs(*table.schema()));
      duckdb::case_insensitive_map_t<duckdb::BoundParameterData> none;
      duckdb::BoundParameterMap parameters(none);
      binder->parameters = &parameters;
      const auto bind = [&](const duckdb::ParsedExpression& expression, const LogicalType& target) {
        try {
          BindOne(*binder, context, expression, target);
        } catch (const std::exception& exception) {
          // Nothing is asked of this parameter: it decides by its own type.
          if (duckdb::ErrorData(exception).Type() != duckdb::ExceptionType::PARAMETER_NOT_RESOLVED) throw;
        }
      };
      for (const LiveItem& item : query.items) {
        if (!item.star) bind(*item.expression, LogicalType(duckdb::LogicalTypeId::INVALID));
      }
      if (query.where) bind(*query.where, LogicalType::BOOLEAN);
      for (const auto& [name, data] : parameters.GetParameters()) types[name] = data->return_type;
    });
  } catch (const std::exception& exception) {
    return MapBindError(exception, text);
  }
  return types;
}

}  // namespace kalamdb::engine
