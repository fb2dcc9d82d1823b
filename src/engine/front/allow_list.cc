// The complete walk: statements, query nodes, table references, modifiers, expressions. ParsedExpressionIterator alone
// would miss subqueries, SHOW, PIVOT and every statement but SELECT.
#include "engine/front/allow_list.h"

#include <algorithm>
#include <array>

#include "duckdb/parser/common_table_expression_info.hpp"
#include "duckdb/parser/expression/list.hpp"
#include "duckdb/parser/parsed_expression_iterator.hpp"
#include "duckdb/parser/query_node/list.hpp"
#include "duckdb/parser/statement/list.hpp"
#include "duckdb/parser/tableref/list.hpp"
#include "engine/front/function_names.h"
#include "engine/front/tokens.h"
#include "row/schema.h"

namespace kalamdb::engine {
namespace {

using duckdb::ExpressionClass;
using duckdb::ParsedExpression;
using duckdb::QueryNodeType;
using duckdb::StatementType;
using duckdb::TableReferenceType;

// System columns that can be read by name; any other name with `_` in front is the engine's own business.
constexpr std::array<std::string_view, 6> kSystemColumns = {"_id",      "_seq",     "_updated",
                                                            "_deleted", "_version", "_user_id"};
// The engine's planner takes twice as long for each level of subqueries in expressions and of lambdas, and cannot be
// interrupted.
constexpr int kMaxNesting = 12;

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

class Walk {
 public:
  explicit Walk(std::string_view text) : text_(text) {}
  AllowResult& result() { return result_; }

  void Statement(const duckdb::SQLStatement& statement) {
    switch (statement.type) {
      case StatementType::SELECT_STATEMENT: return Node(*statement.Cast<duckdb::SelectStatement>().node);
      case StatementType::INSERT_STATEMENT: return Insert(statement.Cast<duckdb::InsertStatement>());
      case StatementType::UPDATE_STATEMENT: return Update(statement.Cast<duckdb::UpdateStatement>());
      case StatementType::DELETE_STATEMENT: return Delete(statement.Cast<duckdb::DeleteStatement>());
      case StatementType::MERGE_INTO_STATEMENT: return Merge(statement.Cast<duckdb::MergeIntoStatement>());
      case StatementType::EXPLAIN_STATEMENT: {
        const auto& inner = *statement.Cast<duckdb::ExplainStatement>().stmt;
        if (inner.type == StatementType::EXPLAIN_STATEMENT)
          return Refuse(Unsupported("EXPLAIN of EXPLAIN"), duckdb::optional_idx());
        return Statement(inner);
      }
      case StatementType::MULTI_STATEMENT:
        return Refuse(Error{ErrorCode::kUnsupported, "PIVOT without a list of values is not offered",
                            "Name the values: PIVOT … ON column IN (…)."},
                      duckdb::optional_idx());
      default: return Refuse(Unsupported("this statement"), duckdb::optional_idx());
    }
  }

  void Expression(const ParsedExpression& expression) {
    if (result_.refusal) return;
    if (++expressions_ > most_expressions_) {
      return Refuse(Error{ErrorCode::kTooLarge, "the statement has more than " + std::to_string(most_expressions_) +
                                                    " values and expressions"}
                        .WithHint("Send fewer at once, or put the values into a table and join with it."),
                    expression.GetQueryLocation());
    }
    switch (expression.GetExpressionClass()) {
      case ExpressionClass::FUNCTION: {
        const auto& function = expression.Cast<duckdb::FunctionExpression>();
        if (!Function(function.catalog, function.schema, function.function_name, function)) return;
        break;
      }
      case ExpressionClass::WINDOW: {
        const auto& window = expression.Cast<duckdb::WindowExpression>();
        if (!Function(window.catalog, window.schema, window.function_name, window)) return;
        break;
      }
      case ExpressionClass::COLUMN_REF: {
        if (!Column(expression.Cast<duckdb::ColumnRefExpression>())) return;
        break;
      }
      case ExpressionClass::SUBQUERY: {
        const auto& subquery = expression.Cast<duckdb::SubqueryExpression>();
        if (!Enter(expression, "subqueries", "Join, or name the inner ones in WITH.")) return;
        Node(*subquery.subquery->node);
        --nesting_;
        break;
      }
      case ExpressionClass::LAMBDA: {
        // Or `json -> 'key'`, whose chains grow to the left.
        const auto& lambda = expression.Cast<duckdb::LambdaExpression>();
        Expression(*lambda.lhs);
        if (!Enter(expression, "lambdas", "")) return;
        Expression(*lambda.expr);
        --nesting_;
        return;
      }
      case ExpressionClass::CASE:
      case ExpressionClass::CAST:
      case ExpressionClass::COMPARISON:
      case ExpressionClass::CONJUNCTION:
      case ExpressionClass::CONSTANT:
      case ExpressionClass::DEFAULT:
      case ExpressionClass::OPERATOR:
      case ExpressionClass::STAR:
      case ExpressionClass::PARAMETER:
      case ExpressionClass::COLLATE:
      case ExpressionClass::LAMBDA_REF:
      case ExpressionClass::POSITIONAL_REFERENCE:
      case ExpressionClass::BETWEEN: break;
      default: return Refuse(Unsupported("this expression"), expression.GetQueryLocation());
    }
    duckdb::ParsedExpressionIterator::EnumerateChildren(expression,
                                                        [this](const ParsedExpression& child) { Expression(child); });
  }

 private:
  static Error Unsupported(std::string_view what) {
    return Error{ErrorCode::kUnsupported, std::string(what) + " is not offered"};
  }

  int64_t Position(duckdb::optional_idx location) const {
    return location.IsValid() && location.GetIndex() <= text_.size() && !text_.empty()
               ? PositionOf(text_, location.GetIndex())
               : 0;
  }

  void Refuse(Error error, duckdb::optional_idx location) {
    if (!result_.refusal) result_.refusal = std::move(error).At(Position(location));
  }

  // One level deeper. False: refused.
  bool Enter(const ParsedExpression& expression, const char* what, const char* hint) {
    if (nesting_ < kMaxNesting) return ++nesting_, true;
    Refuse(Error{ErrorCode::kTooLarge,
                 std::string(what) + " stand within each other more than " + std::to_string(kMaxNesting) + " deep"}
               .WithHint(hint),
           expression.GetQueryLocation());
    return false;
  }

  bool Function(const std::string& catalog, const std::string& schema, const std::string& name,
                const ParsedExpression& at) {
    const std::string lower = Lower(name);
    const bool own = (catalog.empty() || catalog == "system") && (schema.empty() || schema == "main");
    if (own && IsFunctionAllowed(lower)) return true;
    Refuse(Error{ErrorCode::kInvalidSql, "function " + (own ? lower : schema + "." + lower) + " does not exist"},
           at.GetQueryLocation());
    return false;
  }

  bool Column(const duckdb::ColumnRefExpression& column) {
    const std::string lower = Lower(column.GetColumnName());
    if (!column.IsQualified() && (lower == "current_catalog" || lower == "current_schema")) {
      Refuse(Error{ErrorCode::kInvalidSql, "function " + lower + " does not exist"}, column.GetQueryLocation());
      return false;
    }
    for (const std::string& part : column.column_names) {
      const bool control =
          std::any_of(part.begin(), part.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; });
      if (control) {  // row identities of the bridge
        Refuse(Error{ErrorCode::kColumnNotFound, "column " + part + " does not exist"}, column.GetQueryLocation());
        return false;
      }
    }
    return true;
  }

  void List(const duckdb::vector<duckdb::unique_ptr<ParsedExpression>>& list) {
    for (const auto& expression : list) {
      if (expression) Expression(*expression);
    }
  }

  void Optional(const duckdb::unique_ptr<ParsedExpression>& expression) {
    if (expression) Expression(*expression);
  }

  void Orders(const duckdb::vector<duckdb::OrderByNode>& orders) {
    for (const auto& order : orders) Optional(order.expression);
  }

  // CTEs in order: each sees those before it, and itself only where it is recursive.
  size_t EnterCtes(const duckdb::CommonTableExpressionMap& ctes) {
    const size_t depth = visible_.size();
    for (const auto& entry : ctes.map) {
      const auto& info = *entry.second;
      List(info.key_targets);
      Node(*info.query->node);
      visible_.push_back(row::FoldName(entry.first));
    }
    return depth;
  }

  void Node(const duckdb::QueryNode& node) {
    if (result_.refusal) return;
    const size_t depth = EnterCtes(node.cte_map);
    for (const auto& modifier : node.modifiers) Modifier(*modifier);
    switch (node.type) {
      case QueryNodeType::SELECT_NODE: Select(node.Cast<duckdb::SelectNode>()); break;
      case QueryNodeType::SET_OPERATION_NODE: {
        const auto& operation = node.Cast<duckdb::SetOperationNode>();
        Node(*operation.left);
        Node(*operation.right);
        break;
      }
      case QueryNodeType::CTE_NODE: {
        const auto& cte = node.Cast<duckdb::CTENode>();
        Node(*cte.query);
        visible_.push_back(row::FoldName(cte.ctename));
        Node(*cte.child);
        visible_.pop_back();
        break;
      }
      case QueryNodeType::RECURSIVE_CTE_NODE: {
        const auto& cte = node.Cast<duckdb::RecursiveCTENode>();
        List(cte.key_targets);
        Node(*cte.left);
        visible_.push_back(row::FoldName(cte.ctename));
        Node(*cte.right);
        visible_.pop_back();
        break;
      }
      default: Refuse(Unsupported("this query"), duckdb::optional_idx());
    }
    visible_.resize(depth);
  }

  void Select(const duckdb::SelectNode& select) {
    List(select.select_list);
    if (select.from_table) Table(*select.from_table);
    Optional(select.where_clause);
    List(select.groups.group_expressions);
    Optional(select.having);
    Optional(select.qualify);
  }

  void Modifier(const duckdb::ResultModifier& modifier) {
    switch (modifier.type) {
      case duckdb::ResultModifierType::LIMIT_MODIFIER:
        Optional(modifier.Cast<duckdb::LimitModifier>().limit);
        Optional(modifier.Cast<duckdb::LimitModifier>().offset);
        return;
      case duckdb::ResultModifierType::LIMIT_PERCENT_MODIFIER:
        Optional(modifier.Cast<duckdb::LimitPercentModifier>().limit);
        Optional(modifier.Cast<duckdb::LimitPercentModifier>().offset);
        return;
      case duckdb::ResultModifierType::ORDER_MODIFIER: return Orders(modifier.Cast<duckdb::OrderModifier>().orders);
      case duckdb::ResultModifierType::DISTINCT_MODIFIER:
        return List(modifier.Cast<duckdb::DistinctModifier>().distinct_on_targets);
      default: return Refuse(Unsupported("this clause"), duckdb::optional_idx());
    }
  }

  void Table(const duckdb::TableRef& table) {
    if (result_.refusal) return;
    switch (table.type) {
      case TableReferenceType::BASE_TABLE: return BaseTable(table.Cast<duckdb::BaseTableRef>());
      case TableReferenceType::SUBQUERY: return Node(*table.Cast<duckdb::SubqueryRef>().subquery->node);
      case TableReferenceType::JOIN: {
        const auto& join = table.Cast<duckdb::JoinRef>();
        Table(*join.left);
        Table(*join.right);
        Optional(join.condition);
        return List(join.duplicate_eliminated_columns);
      }
      case TableReferenceType::EXPRESSION_LIST: {
        for (const auto& values : table.Cast<duckdb::ExpressionListRef>().values) List(values);
        return;
      }
      case TableReferenceType::EMPTY_FROM: return;
      case TableReferenceType::SHOW_REF: return ShowReference(table.Cast<duckdb::ShowRef>());
      case TableReferenceType::PIVOT: return Pivot(table.Cast<duckdb::PivotRef>());
      case TableReferenceType::TABLE_FUNCTION: return TableFunction(table.Cast<duckdb::TableFunctionRef>());
      default: return Refuse(Unsupported("this kind of table"), table.query_location);
    }
  }

  void BaseTable(const duckdb::BaseTableRef& table) {
    if (!table.catalog_name.empty()) {
      return Refuse(Error{ErrorCode::kTableNotFound, "table " + table.catalog_name + "." + table.schema_name + "." +
                                                         table.table_name + " does not exist"},
                    table.query_location);
    }
    if (table.at_clause) {
      result_.names_history = true;
      return Refuse(Error{ErrorCode::kUnsupported, "reading at an earlier point (AT) is not offered yet"},
                    table.query_location);
    }
    if (table.schema_name.empty() &&
        std::find(visible_.begin(), visible_.end(), row::FoldName(table.table_name)) != visible_.end())
      return;
    result_.reads.push_back({table.schema_name, table.table_name, Position(table.query_location)});
  }

  void ShowReference(const duckdb::ShowRef& show) {
    // DESCRIBE and SUMMARIZE of a query. A bare name (SHOW x, FROM (DESCRIBE x)) reads the engine's own catalog or
    // settings.
    if (!show.query) return Refuse(Unsupported("DESCRIBE or SHOW inside a query"), show.query_location);
    Node(*show.query);
  }

  void Pivot(const duckdb::PivotRef& pivot) {
    Table(*pivot.source);
    List(pivot.aggregates);
    for (const auto& column : pivot.pivots) {
      if (!column.pivot_enum.empty() || column.subquery) {
        return Refuse(Error{ErrorCode::kUnsupported, "PIVOT without a list of values is not offered",
                            "Name the values: PIVOT … ON column IN (…)."},
                      pivot.query_location);
      }
      List(column.pivot_expressions);
      for (const auto& entry : column.entries) Optional(entry.expr);
    }
  }

  void TableFunction(const duckdb::TableFunctionRef& table) {
    if (table.subquery) return Refuse(Unsupported("a query as the argument of a table function"), table.query_location);
    if (!table.function || table.function->GetExpressionClass() != ExpressionClass::FUNCTION)
      return Refuse(Unsupported("this kind of table"), table.query_location);
    const auto& function = table.function->Cast<duckdb::FunctionExpression>();
    const std::string lower = Lower(function.function_name);
    if (!function.catalog.empty() || !function.schema.empty() || !IsTableFunctionAllowed(lower)) {
      return Refuse(Error{ErrorCode::kInvalidSql, "function " + lower + " does not exist"}, table.query_location);
    }
    List(function.children);
  }

  void Target(const std::string& catalog, const std::string& schema, const std::string& table,
              duckdb::optional_idx location) {
    if (!catalog.empty())
      return Refuse(
          Error{ErrorCode::kTableNotFound, "table " + catalog + "." + schema + "." + table + " does not exist"},
          location);
    result_.target = TableReference{schema, table, Position(location)};
  }

  void Target(const duckdb::TableRef& table) {
    if (table.type != TableReferenceType::BASE_TABLE)
      return Refuse(Unsupported("a change of anything but a table"), table.query_location);
    const auto& base = table.Cast<duckdb::BaseTableRef>();
    Target(base.catalog_name, base.schema_name, base.table_name, base.query_location);
  }

  void Writable(const std::string& column) {
    if (column.empty() || column[0] != '_') return;
    const std::string lower = Lower(column);
    const bool system = std::find(kSystemColumns.begin(), kSystemColumns.end(), lower) != kSystemColumns.end();
    Refuse(system ? Error{ErrorCode::kInvalidSql, "column " + lower + " is the system's: it can be read, not written"}
                  : Error{ErrorCode::kColumnNotFound, "column " + column + " does not exist"},
           duckdb::optional_idx());
  }

  void Set(const duckdb::unique_ptr<duckdb::UpdateSetInfo>& info) {
    if (!info) return;
    for (const std::string& column : info->columns) Writable(column);
    Optional(info->condition);
    List(info->expressions);
  }

  void Insert(const duckdb::InsertStatement& insert) {
    most_expressions_ = kMostInsertExpressions;
    const size_t depth = EnterCtes(insert.cte_map);
    Target(insert.catalog, insert.schema, insert.table,
           insert.table_ref ? insert.table_ref->query_location : duckdb::optional_idx());
    for (const std::string& column : insert.columns) Writable(column);
    if (insert.select_statement) Node(*insert.select_statement->node);
    List(insert.returning_list);
    if (insert.on_conflict_info) {
      Optional(insert.on_conflict_info->condition);
      Set(insert.on_conflict_info->set_info);
    }
    visible_.resize(depth);
  }

  void Update(const duckdb::UpdateStatement& update) {
    const size_t depth = EnterCtes(update.cte_map);
    Target(*update.table);
    if (update.from_table) Table(*update.from_table);
    Set(update.set_info);
    List(update.returning_list);
    visible_.resize(depth);
  }

  void Delete(const duckdb::DeleteStatement& statement) {
    const size_t depth = EnterCtes(statement.cte_map);
    Target(*statement.table);
    for (const auto& table : statement.using_clauses) Table(*table);
    Optional(statement.condition);
    List(statement.returning_list);
    visible_.resize(depth);
  }

  void Merge(const duckdb::MergeIntoStatement& merge) {
    const size_t depth = EnterCtes(merge.cte_map);
    Target(*merge.target);
    Table(*merge.source);
    Optional(merge.join_condition);
    for (const auto& [condition, actions] : merge.actions) {
      for (const auto& action : actions) {
        Optional(action->condition);
        Set(action->update_info);
        for (const std::string& column : action->insert_columns) Writable(column);
        List(action->expressions);
      }
    }
    List(merge.returning_list);
    visible_.resize(depth);
  }

  const std::string_view text_;
  AllowResult result_;
  size_t expressions_ = 0, most_expressions_ = kMostExpressions;
  std::vector<std::string> visible_;  // folded names of CTEs in scope
  int nesting_ = 0;                   // subqueries and lambdas around this place
};

}  // namespace

AllowResult CheckAllowed(const duckdb::SQLStatement& statement, std::string_view text) {
  Walk walk(text);
  walk.Statement(statement);
  return std::move(walk.result());
}

std::optional<Error> CheckExpressionAllowed(const ParsedExpression& expression) {
  Walk walk("");
  walk.Expression(expression);
  return std::move(walk.result().refusal);
}

}  // namespace kalamdb::engine
