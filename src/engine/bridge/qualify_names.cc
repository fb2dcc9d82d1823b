// Walks every table reference of a statement, those in subqueries too, and every name.
#include "engine/bridge/qualify_names.h"

#include "duckdb/parser/expression/columnref_expression.hpp"
#include "duckdb/parser/expression/star_expression.hpp"
#include "duckdb/parser/expression/subquery_expression.hpp"
#include "duckdb/parser/parsed_expression_iterator.hpp"
#include "duckdb/parser/query_node/list.hpp"
#include "duckdb/parser/statement/copy_statement.hpp"
#include "duckdb/parser/statement/delete_statement.hpp"
#include "duckdb/parser/statement/explain_statement.hpp"
#include "duckdb/parser/statement/insert_statement.hpp"
#include "duckdb/parser/statement/merge_into_statement.hpp"
#include "duckdb/parser/statement/select_statement.hpp"
#include "duckdb/parser/statement/update_statement.hpp"
#include "duckdb/parser/tableref/list.hpp"
#include "engine/bridge/run_state.h"

namespace kalamdb::engine {
namespace {

using duckdb::ParsedExpression;
using duckdb::QueryNode;
using duckdb::TableRef;

class Walker {
 public:
  Walker(bool qualify, const ExpressionVisitor* visit, const TableVisitor* tables = nullptr,
         const NameVisitor* names = nullptr)
      : qualify_(qualify), visit_(visit), tables_(tables), names_(names) {}
  void Statement(duckdb::SQLStatement& statement);

 private:
  void Name(std::string& catalog, const std::string& schema, const std::string& table) {
    if (tables_ != nullptr) (*tables_)(schema, table);
    if (qualify_ && catalog.empty() && !schema.empty()) catalog = kCatalogName;
  }
  void Ctes(duckdb::CommonTableExpressionMap& ctes) {
    if (names_ != nullptr) CteNames(ctes);
    for (auto& entry : ctes.map) Node(*entry.second->query->node);
  }
  void Expression(duckdb::unique_ptr<ParsedExpression>& expression) {
    if (!expression) return;
    if (visit_ != nullptr) (*visit_)(expression);
    if (names_ != nullptr) NamesOf(*expression);
    if (expression->GetExpressionClass() == duckdb::ExpressionClass::SUBQUERY) {
      Node(*expression->Cast<duckdb::SubqueryExpression>().subquery->node);
    }
    duckdb::ParsedExpressionIterator::EnumerateChildren(
        *expression, [&](duckdb::unique_ptr<ParsedExpression>& child) { Expression(child); });
  }
  void Expressions(duckdb::vector<duckdb::unique_ptr<ParsedExpression>>& list) {
    for (auto& expression : list) Expression(expression);
  }
  void SetInfo(duckdb::unique_ptr<duckdb::UpdateSetInfo>& info) {
    if (!info) return;
    Expression(info->condition);
    Expressions(info->expressions);
  }
  void Give(std::string& name) const {
    if (names_ != nullptr && !name.empty()) (*names_)(name, NameUse::kGives);
  }
  void Give(duckdb::vector<std::string>& names) const {
    for (std::string& name : names) Give(name);
  }
  void Refer(std::string& name) const {
    if (names_ != nullptr && !name.empty()) (*names_)(name, NameUse::kRefers);
  }
  void CteNames(duckdb::CommonTableExpressionMap& ctes) const;
  void NamesOf(ParsedExpression& expression) const;
  void NamesOf(duckdb::StarExpression& star) const;
  void NamesOf(TableRef& ref) const;
  void Node(QueryNode& node);
  void SelectNode(duckdb::SelectNode& node);
  void Ref(duckdb::unique_ptr<TableRef>& ref);
  void Insert(duckdb::InsertStatement& insert);
  void Merge(duckdb::MergeIntoStatement& merge);

  const bool qualify_;
  const ExpressionVisitor* const visit_;
  const TableVisitor* const tables_;
  const NameVisitor* const names_;
};

// The keys of the map are the names.
void Walker::CteNames(duckdb::CommonTableExpressionMap& ctes) const {
  decltype(ctes.map) named;
  for (auto& entry : ctes.map) {
    std::string name = entry.first;
    Give(name);
    Give(entry.second->aliases);
    named.insert(std::move(name), std::move(entry.second));
  }
  ctes.map = std::move(named);
}

void Walker::NamesOf(duckdb::StarExpression& star) const {
  Refer(star.relation_name);
  decltype(star.exclude_list) excluded;
  for (duckdb::QualifiedColumnName column : star.exclude_list) {
    Refer(column.table);
    Refer(column.column);
    excluded.insert(std::move(column));
  }
  star.exclude_list = std::move(excluded);
  decltype(star.replace_list) replaced;
  for (auto& [column, expression] : star.replace_list) {
    std::string name = column;
    Refer(name);
    replaced.insert({std::move(name), std::move(expression)});
  }
  star.replace_list = std::move(replaced);
  decltype(star.rename_list) renamed;
  for (auto& [column, to] : star.rename_list) {
    duckdb::QualifiedColumnName name = column;
    Refer(name.table);
    Refer(name.column);
    Give(to);
    renamed.insert({std::move(name), to});
  }
  star.rename_list = std::move(renamed);
}

void Walker::NamesOf(ParsedExpression& expression) const {
  if (std::string alias = expression.GetAlias(); !alias.empty()) {
    Give(alias);
    expression.SetAlias(alias);
  }
  if (expression.GetExpressionClass() == duckdb::ExpressionClass::COLUMN_REF) {
    for (std::string& name : expression.Cast<duckdb::ColumnRefExpression>().column_names) Refer(name);
  } else if (expression.GetExpressionClass() == duckdb::ExpressionClass::STAR) {
    NamesOf(expression.Cast<duckdb::StarExpression>());
  }
}

void Walker::NamesOf(TableRef& ref) const {
  Give(ref.alias);
  Give(ref.column_name_alias);
  if (ref.type == duckdb::TableReferenceType::BASE_TABLE) {
    Refer(ref.Cast<duckdb::BaseTableRef>().table_name);
  } else if (ref.type == duckdb::TableReferenceType::JOIN) {
    for (std::string& name : ref.Cast<duckdb::JoinRef>().using_columns) Refer(name);
  }
}

bool Holds(const ParsedExpression& expression, duckdb::ExpressionClass what) {
  if (expression.GetExpressionClass() == what) return true;
  bool holds = false;
  duckdb::ParsedExpressionIterator::EnumerateChildren(
      expression, [&](const ParsedExpression& child) { holds = holds || Holds(child, what); });
  return holds;
}

void Walker::SelectNode(duckdb::SelectNode& node) {
  for (auto& item : node.select_list) {
    if (qualify_ && item->GetAlias().empty() && Holds(*item, duckdb::ExpressionClass::SUBQUERY) &&
        !Holds(*item, duckdb::ExpressionClass::STAR))
      item->SetAlias(item->GetName());
  }
  Expressions(node.select_list);
  Ref(node.from_table);
  Expression(node.where_clause);
  Expressions(node.groups.group_expressions);
  Expression(node.having);
  Expression(node.qualify);
}

void Walker::Node(QueryNode& node) {
  Ctes(node.cte_map);
  duckdb::ParsedExpressionIterator::EnumerateQueryNodeModifiers(
      node, [&](duckdb::unique_ptr<ParsedExpression>& child) { Expression(child); });
  switch (node.type) {
    case duckdb::QueryNodeType::SELECT_NODE: return SelectNode(node.Cast<duckdb::SelectNode>());
    case duckdb::QueryNodeType::SET_OPERATION_NODE: {
      auto& set = node.Cast<duckdb::SetOperationNode>();
      Node(*set.left);
      Node(*set.right);
      return;
    }
    case duckdb::QueryNodeType::RECURSIVE_CTE_NODE: {
      auto& cte = node.Cast<duckdb::RecursiveCTENode>();
      Give(cte.ctename);
      Give(cte.aliases);
      Node(*cte.left);
      Node(*cte.right);
      return;
    }
    case duckdb::QueryNodeType::CTE_NODE: {
      auto& cte = node.Cast<duckdb::CTENode>();
      Give(cte.ctename);
      Give(cte.aliases);
      Node(*cte.query);
      Node(*cte.child);
      return;
    }
    default: return;
  }
}

void Walker::Ref(duckdb::unique_ptr<TableRef>& ref) {
  if (!ref) return;
  if (names_ != nullptr) NamesOf(*ref);
  switch (ref->type) {
    case duckdb::TableReferenceType::BASE_TABLE: {
      auto& table = ref->Cast<duckdb::BaseTableRef>();
      return Name(table.catalog_name, table.schema_name, table.table_name);
    }
    case duckdb::TableReferenceType::JOIN: {
      auto& join = ref->Cast<duckdb::JoinRef>();
      Ref(join.left);
      Ref(join.right);
      return Expression(join.condition);
    }
    case duckdb::TableReferenceType::SUBQUERY: return Node(*ref->Cast<duckdb::SubqueryRef>().subquery->node);
    case duckdb::TableReferenceType::EXPRESSION_LIST:
      for (auto& list : ref->Cast<duckdb::ExpressionListRef>().values) Expressions(list);
      return;
    case duckdb::TableReferenceType::TABLE_FUNCTION: {
      auto& function = ref->Cast<duckdb::TableFunctionRef>();
      Expression(function.function);
      if (function.subquery) Node(*function.subquery->node);
      return;
    }
    case duckdb::TableReferenceType::PIVOT: {
      auto& pivot = ref->Cast<duckdb::PivotRef>();
      Ref(pivot.source);
      return Expressions(pivot.aggregates);
    }
    case duckdb::TableReferenceType::SHOW_REF: {
      auto& show = ref->Cast<duckdb::ShowRef>();
      if (show.query) Node(*show.query);
      return;
    }
    default: return;
  }
}

void Walker::Insert(duckdb::InsertStatement& insert) {
  Name(insert.catalog, insert.schema, insert.table);
  Ctes(insert.cte_map);
  if (insert.table_ref) Ref(insert.table_ref);
  if (insert.select_statement) Node(*insert.select_statement->node);
  Expressions(insert.returning_list);
  if (insert.on_conflict_info) {
    Expression(insert.on_conflict_info->condition);
    SetInfo(insert.on_conflict_info->set_info);
  }
}

void Walker::Merge(duckdb::MergeIntoStatement& merge) {
  Ctes(merge.cte_map);
  Ref(merge.target);
  Ref(merge.source);
  Expression(merge.join_condition);
  Expressions(merge.returning_list);
  for (auto& entry : merge.actions) {
    for (auto& action : entry.second) {
      Expression(action->condition);
      SetInfo(action->update_info);
      Expressions(action->expressions);
    }
  }
}

void Walker::Statement(duckdb::SQLStatement& statement) {
  switch (statement.type) {
    case duckdb::StatementType::SELECT_STATEMENT: return Node(*statement.Cast<duckdb::SelectStatement>().node);
    case duckdb::StatementType::INSERT_STATEMENT: return Insert(statement.Cast<duckdb::InsertStatement>());
    case duckdb::StatementType::UPDATE_STATEMENT: {
      auto& update = statement.Cast<duckdb::UpdateStatement>();
      Ctes(update.cte_map);
      Ref(update.table);
      Ref(update.from_table);
      SetInfo(update.set_info);
      return Expressions(update.returning_list);
    }
    case duckdb::StatementType::DELETE_STATEMENT: {
      auto& del = statement.Cast<duckdb::DeleteStatement>();
      Ctes(del.cte_map);
      Ref(del.table);
      for (auto& ref : del.using_clauses) Ref(ref);
      Expression(del.condition);
      return Expressions(del.returning_list);
    }
    case duckdb::StatementType::MERGE_INTO_STATEMENT: return Merge(statement.Cast<duckdb::MergeIntoStatement>());
    case duckdb::StatementType::EXPLAIN_STATEMENT: return Statement(*statement.Cast<duckdb::ExplainStatement>().stmt);
    case duckdb::StatementType::COPY_STATEMENT: {
      auto& info = *statement.Cast<duckdb::CopyStatement>().info;
      Name(info.catalog, info.schema, info.table);
      if (info.select_statement) Node(*info.select_statement);
      return;
    }
    default: return;
  }
}

}  // namespace

void QualifyNames(duckdb::SQLStatement& statement) { Walker(true, nullptr).Statement(statement); }

void ForEachTable(duckdb::SQLStatement& statement, const TableVisitor& visit) {
  Walker(false, nullptr, &visit).Statement(statement);
}

void ForEachExpression(duckdb::SQLStatement& statement, const ExpressionVisitor& visit) {
  Walker(false, &visit).Statement(statement);
}

void ForEachName(duckdb::SQLStatement& statement, const NameVisitor& visit) {
  Walker(false, nullptr, nullptr, &visit).Statement(statement);
}

}  // namespace kalamdb::engine
