// A mark is a NULL of the column's type under an alias that no column has: \x01, which column, the name it gets.
#include "engine/bridge/returning.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "duckdb/parser/expression/case_expression.hpp"
#include "duckdb/parser/expression/cast_expression.hpp"
#include "duckdb/parser/expression/columnref_expression.hpp"
#include "duckdb/parser/expression/constant_expression.hpp"
#include "duckdb/parser/expression/function_expression.hpp"
#include "duckdb/parser/expression/parameter_expression.hpp"
#include "duckdb/parser/expression/star_expression.hpp"
#include "duckdb/parser/parsed_expression_iterator.hpp"
#include "duckdb/parser/query_node/select_node.hpp"
#include "duckdb/parser/statement/delete_statement.hpp"
#include "duckdb/parser/statement/explain_statement.hpp"
#include "duckdb/parser/statement/insert_statement.hpp"
#include "duckdb/parser/statement/merge_into_statement.hpp"
#include "duckdb/parser/statement/update_statement.hpp"
#include "duckdb/parser/tableref/basetableref.hpp"
#include "duckdb/parser/tableref/column_data_ref.hpp"
#include "engine/bridge/qualify_names.h"
#include "row/schema.h"

namespace kalamdb::engine {
namespace {

using duckdb::LogicalType;
using duckdb::StatementType;

using duckdb::ExpressionClass;
using duckdb::ParsedExpression;

constexpr char kMark = '\x01';
constexpr const char* kMergeAction = "merge_action";  // what the engine adds to the rows of a MERGE

struct SystemColumn {
  std::string_view name;
  char kind;
  duckdb::LogicalTypeId type;
};
constexpr std::array kSystemColumns = {SystemColumn{"_seq", 's', duckdb::LogicalTypeId::BIGINT},
                                       SystemColumn{"_updated", 'u', duckdb::LogicalTypeId::TIMESTAMP},
                                       SystemColumn{"_deleted", 'd', duckdb::LogicalTypeId::BOOLEAN},
                                       SystemColumn{"_version", 'v', duckdb::LogicalTypeId::INTEGER},
                                       SystemColumn{"_user_id", 'o', duckdb::LogicalTypeId::VARCHAR},
                                       SystemColumn{"_id", 'i', duckdb::LogicalTypeId::BIGINT}};

using Expressions = duckdb::vector<duckdb::unique_ptr<ParsedExpression>>;

const duckdb::TableRef* TargetRef(const duckdb::SQLStatement& statement) {
  switch (statement.type) {
    case StatementType::INSERT_STATEMENT: return statement.Cast<duckdb::InsertStatement>().table_ref.get();
    case StatementType::UPDATE_STATEMENT: return statement.Cast<duckdb::UpdateStatement>().table.get();
    case StatementType::DELETE_STATEMENT: return statement.Cast<duckdb::DeleteStatement>().table.get();
    case StatementType::MERGE_INTO_STATEMENT: return statement.Cast<duckdb::MergeIntoStatement>().target.get();
    default: return nullptr;
  }
}

Expressions* ReturningOf(duckdb::SQLStatement& statement) {
  switch (statement.type) {
    case StatementType::INSERT_STATEMENT: return &statement.Cast<duckdb::InsertStatement>().returning_list;
    case StatementType::UPDATE_STATEMENT: return &statement.Cast<duckdb::UpdateStatement>().returning_list;
    case StatementType::DELETE_STATEMENT: return &statement.Cast<duckdb::DeleteStatement>().returning_list;
    case StatementType::MERGE_INTO_STATEMENT: return &statement.Cast<duckdb::MergeIntoStatement>().returning_list;
    default: return nullptr;
  }
}

// What MERGE did differs from row to row, and its rows come action by action.
bool IsKnown(char kind, StatementType statement, bool hidden_id) {
  const bool merge = statement == StatementType::MERGE_INTO_STATEMENT;
  if (kind == 'i') return hidden_id && !merge;
  return kind != 'd' || !merge;
}

bool Holds(const ParsedExpression& expression, ExpressionClass what) {
  if (expression.GetExpressionClass() == what) return true;
  bool holds = false;
  duckdb::ParsedExpressionIterator::EnumerateChildren(
      expression, [&](const ParsedExpression& child) { holds = holds || Holds(child, what); });
  return holds;
}

duckdb::unique_ptr<ParsedExpression> TypedNull(const SystemColumn& column) {
  auto null = duckdb::make_uniq<duckdb::ConstantExpression>(duckdb::Value());
  return duckdb::make_uniq<duckdb::CastExpression>(LogicalType(column.type), std::move(null));
}

// One RETURNING on its way to the binder.
class Preparation {
 public:
  Preparation(duckdb::SQLStatement& statement, const catalog::Table& table, Expressions& list)
      : statement_(statement), table_(table), list_(list) {
    const duckdb::TableRef* ref = TargetRef(statement);
    alias_ = ref == nullptr ? "" : ref->alias;
    hidden_id_ = table.schema()->size() > 0 && table.schema()->column(0).hidden;
  }

  // `whole`: the statement, which may be an EXPLAIN of ours.
  void PutParameters(duckdb::SQLStatement& whole, const duckdb::vector<duckdb::Value>& params) {
    bool any = false;
    for (auto& item : list_) any = any || Holds(*item, ExpressionClass::PARAMETER);
    if (!any) return;
    for (auto& item : list_) PutParameters(item, params);
    std::set<std::string> named;
    ForEachExpression(whole, [&](duckdb::unique_ptr<ParsedExpression>& expression) {
      if (expression->GetExpressionClass() == ExpressionClass::PARAMETER)
        named.insert(expression->Cast<duckdb::ParameterExpression>().identifier);
    });
    for (auto it = whole.named_param_map.begin(); it != whole.named_param_map.end();)
      it = named.contains(it->first) ? std::next(it) : whole.named_param_map.erase(it);
  }

  // The engine names them as they are once bound, with the casts it puts in.
  duckdb::vector<std::string> NameAsSelectWould() {
    duckdb::vector<std::string> names;
    bool stars = false;
    for (auto& item : list_) {
      const bool star = Holds(*item, ExpressionClass::STAR);
      stars = stars || star;
      // current_user is a column until it is bound: an alias of its own name would hide it.
      const bool bare = item->GetExpressionClass() == ExpressionClass::COLUMN_REF;
      if (item->GetAlias().empty() && !star && !bare) item->SetAlias(item->GetName());
      names.push_back(bare && item->GetAlias().empty() && !IsColumn(*item) ? item->GetName() : item->GetAlias());
    }
    return stars ? duckdb::vector<std::string>() : names;
  }

  // `marked`: else under their plain names, as EXPLAIN shows them.
  void PutNulls(bool marked) {
    for (auto& item : list_) {
      const SystemColumn* column = Find(*item);
      if (column == nullptr) {
        PutNullsWithin(item);
        continue;
      }
      const std::string shown = item->GetAlias().empty() ? std::string(column->name) : item->GetAlias();
      item = TypedNull(*column);
      item->SetAlias(marked ? std::string{kMark, column->kind} + shown : shown);
    }
  }

  bool HasNested() const {
    return std::any_of(list_.begin(), list_.end(),
                       [&](const auto& item) { return Find(*item) == nullptr && HoldsSystemColumn(*item); });
  }

  // The list as it stands, to be evaluated later; behind it come the columns that it is evaluated over.
  LateReturning Later() {
    LateReturning late;
    late.alias = alias_.empty() ? table_.name : alias_;
    for (const auto& item : list_) {
      late.list.push_back(item->Copy());
      Resolve(late.list.back());
    }
    for (auto& item : list_) {
      const bool nested = Find(*item) == nullptr && HoldsSystemColumn(*item);
      if (nested) Postpone(item);
    }
    PutNulls(false);
    list_.push_back(duckdb::make_uniq<duckdb::StarExpression>());
    late.extra = table_.schema()->size() - (hidden_id_ ? 1 : 0);
    if (statement_.type == StatementType::MERGE_INTO_STATEMENT) {
      list_.push_back(duckdb::make_uniq<duckdb::ColumnRefExpression>(kMergeAction));
      late.hidden.emplace_back(kMergeAction);
    }
    for (const SystemColumn& column : kSystemColumns) {
      if (!IsKnown(column.kind, statement_.type, hidden_id_)) continue;
      list_.push_back(TypedNull(column));
      list_.back()->SetAlias(std::string{kMark, column.kind} + std::string(column.name));
      late.hidden.emplace_back(column.name);
    }
    late.extra += late.hidden.size();
    return late;
  }

 private:
  static void PutParameters(duckdb::unique_ptr<ParsedExpression>& expression,
                            const duckdb::vector<duckdb::Value>& params) {
    if (expression->GetExpressionClass() != ExpressionClass::PARAMETER) {
      return duckdb::ParsedExpressionIterator::EnumerateChildren(
          *expression, [&](duckdb::unique_ptr<ParsedExpression>& child) { PutParameters(child, params); });
    }
    const std::string& name = expression->Cast<duckdb::ParameterExpression>().identifier;
    size_t number = 0;
    std::from_chars(name.data(), name.data() + name.size(), number);
    auto constant = duckdb::make_uniq<duckdb::ConstantExpression>(
        number >= 1 && number <= params.size() ? params[number - 1] : duckdb::Value());
    constant->SetAlias(expression->GetAlias());
    constant->SetQueryLocation(expression->GetQueryLocation());
    expression = std::move(constant);
  }

  // `qualifiers` say the target, as the binder would find it.
  bool SaysTarget(const duckdb::vector<std::string>& names) const {
    const size_t qualifiers = names.size() - 1;
    if (qualifiers == 0) return true;
    const auto same = [](const std::string& a, const std::string& b) { return row::FoldName(a) == row::FoldName(b); };
    if (!alias_.empty()) return qualifiers == 1 && same(names[0], alias_);
    if (!same(names[qualifiers - 1], table_.name)) return false;
    return qualifiers == 1 || (qualifiers == 2 && same(names[0], table_.namespace_name));
  }

  const SystemColumn* Find(const ParsedExpression& item) const {
    if (item.GetExpressionClass() != ExpressionClass::COLUMN_REF) return nullptr;
    const auto& names = item.Cast<duckdb::ColumnRefExpression>().column_names;
    if (!SaysTarget(names)) return nullptr;
    for (const SystemColumn& column : kSystemColumns) {
      if (row::FoldName(names.back()) == column.name && IsKnown(column.kind, statement_.type, hidden_id_))
        return &column;
    }
    return nullptr;
  }

  bool HoldsSystemColumn(const ParsedExpression& expression) const {
    if (Find(expression) != nullptr) return true;
    bool holds = false;
    duckdb::ParsedExpressionIterator::EnumerateChildren(
        expression, [&](const ParsedExpression& child) { holds = holds || HoldsSystemColumn(child); });
    return holds;
  }

  void PutNullsWithin(duckdb::unique_ptr<ParsedExpression>& expression) const {
    duckdb::ParsedExpressionIterator::EnumerateChildren(*expression, [&](duckdb::unique_ptr<ParsedExpression>& child) {
      if (const SystemColumn* column = Find(*child)) {
        const std::string alias = child->GetAlias();  // the name of a field, within struct_pack
        child = TypedNull(*column);
        child->SetAlias(alias);
      } else {
        PutNullsWithin(child);
      }
    });
  }

  // A column of the table, or one that is not there; else the name of a row, or of a function without parentheses.
  bool IsColumn(const ParsedExpression& expression) const {
    if (expression.GetExpressionClass() != ExpressionClass::COLUMN_REF) return false;
    const auto& names = expression.Cast<duckdb::ColumnRefExpression>().column_names;
    return names.size() > 1 || table_.schema()->FindByName(names[0]) || Find(expression) != nullptr;
  }

  // The table's name where a column could stand.
  bool IsWholeRow(const ParsedExpression& expression) const {
    if (expression.GetExpressionClass() != ExpressionClass::COLUMN_REF) return false;
    const auto& names = expression.Cast<duckdb::ColumnRefExpression>().column_names;
    return names.size() == 1 && !table_.schema()->FindByName(names[0]) &&
           row::FoldName(names[0]) == row::FoldName(alias_.empty() ? table_.name : alias_);
  }

  // Bound with the statement, so that what may not stand here is refused; not evaluated: NULL is not what it is for.
  static void Postpone(duckdb::unique_ptr<ParsedExpression>& item) {
    auto never = duckdb::make_uniq<duckdb::CaseExpression>();
    duckdb::CaseCheck check;
    check.when_expr = duckdb::make_uniq<duckdb::ConstantExpression>(duckdb::Value::BOOLEAN(false));
    check.then_expr = std::move(item);
    never->case_checks.push_back(std::move(check));
    never->else_expr = duckdb::make_uniq<duckdb::ConstantExpression>(duckdb::Value());
    item = std::move(never);
  }

  // The rows have a name, and no namespace; more columns than the table has are none of a whole row's.
  void Resolve(duckdb::unique_ptr<ParsedExpression>& expression) const {
    if (IsWholeRow(*expression)) {
      Expressions columns;
      for (const row::Column& column : table_.schema()->columns()) {
        if (column.hidden) continue;
        columns.push_back(duckdb::make_uniq<duckdb::ColumnRefExpression>(column.name));
        columns.back()->SetAlias(column.name);
      }
      auto whole = duckdb::make_uniq<duckdb::FunctionExpression>("struct_pack", std::move(columns));
      whole->SetAlias(expression->GetName());
      expression = std::move(whole);
      return;
    }
    if (expression->GetExpressionClass() == ExpressionClass::COLUMN_REF) {
      auto& names = expression->Cast<duckdb::ColumnRefExpression>().column_names;
      if (names.size() == 3 && SaysTarget(names)) names.erase(names.begin());
    }
    duckdb::ParsedExpressionIterator::EnumerateChildren(
        *expression, [&](duckdb::unique_ptr<ParsedExpression>& child) { Resolve(child); });
  }

  duckdb::SQLStatement& statement_;
  const catalog::Table& table_;
  Expressions& list_;
  std::string alias_;
  bool hidden_id_ = false;
};

void HideFromStars(duckdb::unique_ptr<ParsedExpression>& expression, const duckdb::vector<std::string>& hidden) {
  if (expression->GetExpressionClass() == ExpressionClass::STAR) {
    auto& star = expression->Cast<duckdb::StarExpression>();
    for (const std::string& name : hidden) star.exclude_list.insert(duckdb::QualifiedColumnName(name));
  }
  duckdb::ParsedExpressionIterator::EnumerateChildren(
      *expression, [&](duckdb::unique_ptr<ParsedExpression>& child) { HideFromStars(child, hidden); });
}

}  // namespace

catalog::TablePtr TargetTable(const duckdb::SQLStatement& statement, const catalog::Snapshot& snapshot,
                              const std::string& request_namespace) {
  std::string ns, name;
  if (statement.type == StatementType::EXPLAIN_STATEMENT)
    return TargetTable(*statement.Cast<duckdb::ExplainStatement>().stmt, snapshot, request_namespace);
  if (statement.type == StatementType::INSERT_STATEMENT) {
    ns = statement.Cast<duckdb::InsertStatement>().schema;
    name = statement.Cast<duckdb::InsertStatement>().table;
  } else if (const auto* ref = TargetRef(statement);
             ref != nullptr && ref->type == duckdb::TableReferenceType::BASE_TABLE) {
    ns = ref->Cast<duckdb::BaseTableRef>().schema_name;
    name = ref->Cast<duckdb::BaseTableRef>().table_name;
  }
  return name.empty() ? nullptr : snapshot.FindTable(ns.empty() ? request_namespace : ns, name);
}

duckdb::vector<std::string> NameReturning(duckdb::SQLStatement& statement, const catalog::Table& table) {
  const bool explain = statement.type == StatementType::EXPLAIN_STATEMENT;
  duckdb::SQLStatement& changes = explain ? *statement.Cast<duckdb::ExplainStatement>().stmt : statement;
  Expressions* const list = ReturningOf(changes);
  if (list == nullptr || list->empty()) return {};
  auto names = Preparation(changes, table, *list).NameAsSelectWould();
  return explain ? duckdb::vector<std::string>() : names;
}

std::optional<LateReturning> PrepareReturning(duckdb::SQLStatement& statement, const catalog::Table& table,
                                              const duckdb::vector<duckdb::Value>& params) {
  const bool explain = statement.type == StatementType::EXPLAIN_STATEMENT;
  duckdb::SQLStatement& changes = explain ? *statement.Cast<duckdb::ExplainStatement>().stmt : statement;
  Expressions* const list = ReturningOf(changes);
  if (list == nullptr || list->empty()) return std::nullopt;
  Preparation preparation(changes, table, *list);
  preparation.PutParameters(statement, params);
  if (!explain && preparation.HasNested()) return preparation.Later();
  preparation.PutNulls(!explain);
  return std::nullopt;
}

duckdb::unique_ptr<duckdb::SelectStatement> SelectOfReturning(const LateReturning& late,
                                                              duckdb::ColumnDataCollection& rows,
                                                              const duckdb::vector<std::string>& names) {
  auto node = duckdb::make_uniq<duckdb::SelectNode>();
  for (const auto& item : late.list) {
    node->select_list.push_back(item->Copy());
    HideFromStars(node->select_list.back(), late.hidden);
  }
  auto ref =
      duckdb::make_uniq<duckdb::ColumnDataRef>(duckdb::optionally_owned_ptr<duckdb::ColumnDataCollection>(rows), names);
  ref->alias = late.alias;
  node->from_table = std::move(ref);
  auto statement = duckdb::make_uniq<duckdb::SelectStatement>();
  statement->node = std::move(node);
  return statement;
}

ReturningFiller::ReturningFiller(duckdb::vector<duckdb::string>* names) {
  if (names == nullptr) return;
  for (size_t i = 0; i < names->size(); ++i) {
    std::string& name = (*names)[i];
    if (name.size() < 2 || name[0] != kMark) continue;
    marked_.push_back({i, name[1]});
    name.erase(0, 2);
  }
}

void ReturningFiller::Fill(const ReturnedFacts& facts, duckdb::DataChunk* chunk) {
  for (const Marked& mark : marked_) {
    duckdb::Vector& column = chunk->data[mark.column];
    switch (mark.kind) {
      case 's': column.Reference(duckdb::Value::BIGINT(static_cast<int64_t>(facts.seq.value))); break;
      case 'u': column.Reference(duckdb::Value::TIMESTAMP(duckdb::timestamp_t(facts.updated))); break;
      case 'd': column.Reference(duckdb::Value::BOOLEAN(facts.deleted)); break;
      case 'v': column.Reference(duckdb::Value::INTEGER(facts.version)); break;
      case 'o':
        column.Reference(facts.owner ? duckdb::Value(*facts.owner) : duckdb::Value(LogicalType::VARCHAR));
        break;
      default: {
        duckdb::Vector ids(LogicalType::BIGINT, chunk->size());
        for (size_t i = 0; i < chunk->size(); ++i)
          duckdb::FlatVector::GetData<int64_t>(ids)[i] = given_ + i < facts.ids.size() ? facts.ids[given_ + i] : 0;
        column.Reference(ids);
      }
    }
  }
  given_ += chunk->size();
}

}  // namespace kalamdb::engine
