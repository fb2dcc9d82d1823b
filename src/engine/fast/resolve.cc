// Resolves plain column names.
#include "engine/fast/resolve.h"

#include "duckdb/parser/expression/columnref_expression.hpp"
#include "duckdb/parser/expression/star_expression.hpp"
#include "row/json.h"

namespace kalamdb::engine {
namespace {

bool SameName(const std::string& a, const std::string& b) { return row::FoldName(a) == row::FoldName(b); }

std::string JsonKey(const std::string& name) {
  std::string key;
  row::AppendJsonString(name, &key);
  return key + ":";
}

}  // namespace

bool TableScope::Names(const std::vector<std::string>& qualifiers) const {
  if (qualifiers.empty()) return true;
  if (!alias_.empty()) return qualifiers.size() == 1 && SameName(qualifiers[0], alias_);
  if (!SameName(qualifiers.back(), table_->name)) return false;
  return qualifiers.size() == 1 || (qualifiers.size() == 2 && SameName(qualifiers[0], table_->namespace_name));
}

std::optional<size_t> TableScope::Column(const duckdb::ParsedExpression& expression) const {
  if (expression.GetExpressionClass() != duckdb::ExpressionClass::COLUMN_REF) return std::nullopt;
  const auto& names = expression.Cast<duckdb::ColumnRefExpression>().column_names;
  if (!Names({names.begin(), names.end() - 1})) return std::nullopt;
  return schema().FindByName(names.back());
}

void TableScope::AddStored(size_t ordinal, const std::string& name, FastPlan* plan) const {
  const row::Column& column = schema().column(ordinal);
  plan->columns.push_back({FastColumn::Kind::kStored, static_cast<uint16_t>(ordinal), column.type, JsonKey(name)});
  plan->schema.columns.push_back({name, column.type.ToJson(), column.IsKey(), !column.nullable});
}

bool TableScope::Column(const duckdb::ParsedExpression& expression, bool system_columns, FastPlan* plan) const {
  if (const auto ordinal = Column(expression)) {
    AddStored(*ordinal, expression.GetAlias().empty() ? schema().column(*ordinal).name : expression.GetAlias(), plan);
    return true;
  }
  if (!system_columns || expression.GetExpressionClass() != duckdb::ExpressionClass::COLUMN_REF) return false;
  const auto& names = expression.Cast<duckdb::ColumnRefExpression>().column_names;
  if (!Names({names.begin(), names.end() - 1})) return false;
  const std::string name = row::FoldName(names.back());
  FastColumn column;
  if (name == row::FoldName("_seq")) {
    column.kind = FastColumn::Kind::kSeq;
    column.type = row::Type::Of(row::TypeKind::kBigInt);
  } else if (name == row::FoldName("_updated")) {
    column.kind = FastColumn::Kind::kUpdated;
    column.type = row::Type::Of(row::TypeKind::kTimestamp);
  } else {
    return false;
  }
  const std::string shown = expression.GetAlias().empty()
                                ? (column.kind == FastColumn::Kind::kSeq ? "_seq" : "_updated")
                                : expression.GetAlias();
  column.json_key = JsonKey(shown);
  plan->schema.columns.push_back({shown, column.type.ToJson(), false, false});
  plan->columns.push_back(std::move(column));
  return true;
}

bool TableScope::Columns(const duckdb::vector<duckdb::unique_ptr<duckdb::ParsedExpression>>& list, bool system_columns,
                         FastPlan* plan) const {
  for (const auto& expression : list) {
    if (expression->GetExpressionClass() != duckdb::ExpressionClass::STAR) {
      if (!Column(*expression, system_columns, plan)) return false;
      continue;
    }
    const auto& star = expression->Cast<duckdb::StarExpression>();
    if (star.columns || star.expr || !star.exclude_list.empty() || !star.replace_list.empty() ||
        !star.rename_list.empty())
      return false;
    if (!star.relation_name.empty() && !Names({star.relation_name})) return false;
    for (size_t i = 0; i < schema().size(); ++i) {
      if (!schema().column(i).hidden) AddStored(i, schema().column(i).name, plan);
    }
  }
  return true;
}

}  // namespace kalamdb::engine
