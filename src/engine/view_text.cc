// Rewrites the tables of a view's SELECT, and prints them again with the names of the day.
#include "engine/view_text.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "catalog/sql_text.h"
#include "duckdb/parser/common_table_expression_info.hpp"
#include "duckdb/parser/expression/columnref_expression.hpp"
#include "duckdb/parser/expression/constant_expression.hpp"
#include "duckdb/parser/expression/star_expression.hpp"
#include "duckdb/parser/expression/subquery_expression.hpp"
#include "duckdb/parser/parsed_expression_iterator.hpp"
#include "duckdb/parser/query_node/list.hpp"
#include "duckdb/parser/statement/select_statement.hpp"
#include "duckdb/parser/tableref/list.hpp"
#include "engine/bridge/run_state.h"

namespace kalamdb::engine {
namespace {

using duckdb::ExpressionClass;
using duckdb::ParsedExpression;
using duckdb::TableRef;
using duckdb::TableReferenceType;
using ExpressionPtr = duckdb::unique_ptr<ParsedExpression>;

constexpr std::array<std::string_view, 5> kSystemColumns = {"_seq", "_updated", "_deleted", "_version", "_user_id"};

// What a query node says about the tables that stand directly in its FROM.
struct NodeScope {
  bool all_columns = false;       // `*`, NATURAL, PIVOT …: each of them
  bool by_place = false;          // `#2`: no column may be left out
  std::set<std::string> starred;  // folded aliases of `t.*`
  std::set<std::string> altered;  // folded names that a `*` leaves out, replaces or renames
  std::vector<duckdb::StarExpression*> stars;
};

// A column as the subquery of a table or view gives it.
struct GivenColumn {
  std::string source, name;  // what is selected, and the name it has in the view's text
  bool hidden = false;       // `*` does not show it
};

// "12.3" → {12, 3}; "12" → {12, 0}.
std::optional<std::pair<uint32_t, int32_t>> ParseNumbers(std::string_view text) {
  std::pair<uint32_t, int32_t> numbers{0, 0};
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, numbers.first);
  if (first.ec != std::errc()) return std::nullopt;
  if (first.ptr == end) return numbers;
  if (*first.ptr != '.') return std::nullopt;
  const auto second = std::from_chars(first.ptr + 1, end, numbers.second);
  if (second.ec != std::errc() || second.ptr != end) return std::nullopt;
  return numbers;
}

// Tables, columns and views that stand in a kept text. The tree holds more: a CTE is in it twice and printed once.
void FindNamed(ViewText* text) {
  std::map<uint32_t, std::set<ColumnId>> tables;
  std::set<uint32_t> views;
  for (size_t at = 0; at < text->select_sql.size();) {
    const catalog::SqlPart part = catalog::NextPart(text->select_sql, at);
    at += part.text.size();
    if (part.kind != catalog::SqlPart::Kind::kQuotedName) continue;
    const std::string name = catalog::Unquote(part.text);
    if (name.size() < 3 || name[0] != '#') continue;
    const auto numbers = ParseNumbers(std::string_view(name).substr(2));
    if (!numbers) continue;
    if (name[1] == 't') tables.try_emplace(numbers->first);
    if (name[1] == 'c') tables[numbers->first].insert(ColumnId(numbers->second));
    if (name[1] == 'v') views.insert(numbers->first);
  }
  for (const auto& [table, columns] : tables) {
    text->tables.emplace_back(TableId(table), std::vector<ColumnId>(columns.begin(), columns.end()));
  }
  text->views.assign(views.begin(), views.end());
}

// Visits a whole tree in two rounds: which names it mentions, then its tables.
class ViewWriter {
 public:
  // `marking`: columns are given under marks; else those that `marks`, where it is there, knows as read.
  ViewWriter(std::string default_namespace, const catalog::Snapshot& snapshot, bool marking, const ColumnMarks* marks)
      : default_namespace_(std::move(default_namespace)), snapshot_(snapshot), marking_(marking), marks_(marks) {}

  Result<ViewText> Write(const duckdb::SQLStatement& select) {
    auto copy = select.Copy();
    duckdb::QueryNode& node = *copy->Cast<duckdb::SelectStatement>().node;
    Node(node);
    if (error_) return *std::move(error_);
    collecting_ = false;
    Node(node);
    if (error_) return *std::move(error_);
    ViewText text;
    text.select_sql = copy->ToString();
    FindNamed(&text);
    return text;
  }

 private:
  void Refuse(std::string what) {
    if (!error_) error_ = Error{ErrorCode::kUnsupported, std::move(what)};
  }
  void CheckName(const std::string& name) {
    if (name.starts_with('#')) Refuse("a name that begins with # is not offered in a view: " + name);
  }

  // --- expressions ---
  void Expression(ExpressionPtr& expression, NodeScope& scope) {
    if (!expression || error_) return;
    CheckName(expression->GetAlias());
    switch (expression->GetExpressionClass()) {
      case ExpressionClass::COLUMN_REF: Column(expression->Cast<duckdb::ColumnRefExpression>()); break;
      case ExpressionClass::STAR: Star(expression->Cast<duckdb::StarExpression>(), scope); break;
      case ExpressionClass::POSITIONAL_REFERENCE: scope.all_columns = scope.by_place = true; break;
      case ExpressionClass::SUBQUERY: Node(*expression->Cast<duckdb::SubqueryExpression>().subquery->node); break;
      default: break;
    }
    duckdb::ParsedExpressionIterator::EnumerateChildren(*expression,
                                                        [&](ExpressionPtr& child) { Expression(child, scope); });
  }
  void Expressions(duckdb::vector<ExpressionPtr>& list, NodeScope& scope) {
    for (auto& expression : list) Expression(expression, scope);
  }
  void Column(duckdb::ColumnRefExpression& column) {
    if (collecting_) {
      for (const auto& name : column.column_names) CheckName(name);
      // Behind each name may stand fields of a struct: any of them may be the column.
      for (const auto& name : column.column_names) names_.insert(row::FoldName(name));
      return;
    }
    // `namespace.table.column`: the table is a subquery now, which has no namespace.
    if (column.column_names.size() >= 3 &&
        unqualified_.contains({row::FoldName(column.column_names[0]), row::FoldName(column.column_names[1])})) {
      column.column_names.erase(column.column_names.begin());
    }
  }
  void Star(duckdb::StarExpression& star, NodeScope& scope) {
    scope.stars.push_back(&star);
    for (const auto& name : star.exclude_list) scope.altered.insert(row::FoldName(name.column));
    for (const auto& entry : star.replace_list) scope.altered.insert(row::FoldName(entry.first));
    for (const auto& entry : star.rename_list) scope.altered.insert(row::FoldName(entry.first.column));
    if (star.relation_name.empty()) {
      scope.all_columns = true;
    } else {
      scope.starred.insert(row::FoldName(star.relation_name));
    }
  }

  // --- query nodes ---
  void Node(duckdb::QueryNode& node) {
    if (error_) return;
    const size_t depth = visible_.size();
    for (auto& entry : node.cte_map.map) {
      CheckName(entry.first);
      Node(*entry.second->query->node);
      visible_.push_back(row::FoldName(entry.first));
    }
    NodeScope scope;
    duckdb::ParsedExpressionIterator::EnumerateQueryNodeModifiers(
        node, [&](ExpressionPtr& child) { Expression(child, scope); });
    switch (node.type) {
      case duckdb::QueryNodeType::SELECT_NODE: Select(node.Cast<duckdb::SelectNode>(), scope); break;
      case duckdb::QueryNodeType::SET_OPERATION_NODE: {
        auto& set = node.Cast<duckdb::SetOperationNode>();
        Node(*set.left);
        Node(*set.right);
        break;
      }
      case duckdb::QueryNodeType::RECURSIVE_CTE_NODE: {
        auto& cte = node.Cast<duckdb::RecursiveCTENode>();
        Node(*cte.left);
        visible_.push_back(row::FoldName(cte.ctename));
        Node(*cte.right);
        break;
      }
      case duckdb::QueryNodeType::CTE_NODE: {
        auto& cte = node.Cast<duckdb::CTENode>();
        Node(*cte.query);
        visible_.push_back(row::FoldName(cte.ctename));
        Node(*cte.child);
        break;
      }
      default: Refuse("this query is not offered in a view");
    }
    visible_.resize(depth);
  }

  void Select(duckdb::SelectNode& select, NodeScope& scope) {
    Expressions(select.select_list, scope);
    Expression(select.where_clause, scope);
    Expressions(select.groups.group_expressions, scope);
    Expression(select.having, scope);
    Expression(select.qualify, scope);
    Tables(select.from_table, scope);
  }

  // --- tables ---
  void Tables(duckdb::unique_ptr<TableRef>& table, NodeScope& scope) {
    if (!table || error_) return;
    FindWhatReadsAll(*table, scope);
    Table(table, scope);
  }
  static void FindWhatReadsAll(TableRef& table, NodeScope& scope) {
    if (table.type == TableReferenceType::PIVOT) scope.all_columns = true;
    if (table.type != TableReferenceType::JOIN) return;
    auto& join = table.Cast<duckdb::JoinRef>();
    if (join.ref_type == duckdb::JoinRefType::NATURAL) scope.all_columns = true;
    FindWhatReadsAll(*join.left, scope);
    FindWhatReadsAll(*join.right, scope);
  }
  void Table(duckdb::unique_ptr<TableRef>& table, NodeScope& scope) {
    if (!table || error_) return;
    CheckName(table->alias);
    for (const auto& name : table->column_name_alias) CheckName(name);
    switch (table->type) {
      case TableReferenceType::BASE_TABLE: return BaseTable(table, scope);
      case TableReferenceType::SUBQUERY: return Node(*table->Cast<duckdb::SubqueryRef>().subquery->node);
      case TableReferenceType::JOIN: {
        auto& join = table->Cast<duckdb::JoinRef>();
        for (const auto& name : join.using_columns) names_.insert(row::FoldName(name));
        Table(join.left, scope);
        Table(join.right, scope);
        return Expression(join.condition, scope);
      }
      case TableReferenceType::EXPRESSION_LIST: {
        for (auto& list : table->Cast<duckdb::ExpressionListRef>().values) Expressions(list, scope);
        return;
      }
      case TableReferenceType::TABLE_FUNCTION:
        return Expression(table->Cast<duckdb::TableFunctionRef>().function, scope);
      case TableReferenceType::PIVOT: {
        auto& pivot = table->Cast<duckdb::PivotRef>();
        Expressions(pivot.aggregates, scope);
        NodeScope source{.all_columns = true};
        return Table(pivot.source, source);
      }
      case TableReferenceType::EMPTY_FROM: return;
      default: return Refuse("this kind of table is not offered in a view");
    }
  }

  void BaseTable(duckdb::unique_ptr<TableRef>& table, NodeScope& scope) {
    auto& base = table->Cast<duckdb::BaseTableRef>();
    if (base.schema_name.empty() &&
        std::find(visible_.begin(), visible_.end(), row::FoldName(base.table_name)) != visible_.end())
      return;
    const std::string ns = base.schema_name.empty() ? default_namespace_ : base.schema_name;
    if (collecting_) {
      if (base.alias.empty()) unqualified_.insert({row::FoldName(ns), row::FoldName(base.table_name)});
      return;
    }
    const std::string alias = base.alias.empty() ? base.table_name : base.alias;
    const std::string folded = row::FoldName(alias);
    const bool all = scope.all_columns || scope.starred.contains(folded) || names_.contains(folded) ||
                     !base.column_name_alias.empty();
    std::string source;
    std::vector<GivenColumn> columns;
    const auto found = snapshot_.FindTable(ns, base.table_name);
    if (found != nullptr) {
      source = "#t" + std::to_string(found->id.value);
      columns = ColumnsOf(*found, all);
    } else if (const auto view = snapshot_.FindView(ns, base.table_name)) {
      source = "#v" + std::to_string(view->id);
      for (const std::string& name : view->column_names) {
        if (all || names_.contains(row::FoldName(name))) columns.push_back({.source = name, .name = name});
      }
    } else {
      return Refuse("a view over " + ns + "." + base.table_name + " is not offered");
    }
    for (size_t i = 0; i < columns.size() && i < base.column_name_alias.size(); ++i) {
      columns[i].name = base.column_name_alias[i];
    }
    const size_t number = references_++;
    duckdb::vector<std::string> names;  // of a marked subquery
    auto inner = duckdb::make_uniq<duckdb::SelectNode>();
    for (size_t i = 0; i < columns.size(); ++i) {
      const std::string mark = "#m" + std::to_string(number) + "." + std::to_string(i);
      if (!Keeps(columns[i], mark, scope)) continue;
      if (columns[i].hidden) HideFromStars(columns[i].name, scope);
      inner->select_list.push_back(duckdb::make_uniq<duckdb::ColumnRefExpression>(columns[i].source));
      inner->select_list.back()->SetAlias(marking_ ? mark : columns[i].name);
      if (marking_) names.push_back(columns[i].name);
    }
    if (inner->select_list.empty()) {  // only the number of rows counts
      inner->select_list.push_back(duckdb::make_uniq<duckdb::ConstantExpression>(duckdb::Value::BOOLEAN(true)));
      inner->select_list.back()->SetAlias("_");
    }
    auto from = duckdb::make_uniq<duckdb::BaseTableRef>();
    from->table_name = std::move(source);
    inner->from_table = std::move(from);
    auto statement = duckdb::make_uniq<duckdb::SelectStatement>();
    statement->node = std::move(inner);
    auto subquery = duckdb::make_uniq<duckdb::SubqueryRef>(std::move(statement), alias);
    subquery->column_name_alias = std::move(names);
    subquery->sample = std::move(base.sample);
    table = std::move(subquery);
  }

  bool Keeps(const GivenColumn& column, const std::string& mark, const NodeScope& scope) const {
    if (marks_ == nullptr || scope.by_place || scope.altered.contains(row::FoldName(column.name))) return true;
    // What the engine did not bind (a CTE that nobody reads) stays as it is written.
    return marks_->read.contains(mark) || !marks_->bound.contains(mark);
  }

  // Those that the text may mean: mentioned by name, or all that `*` shows.
  std::vector<GivenColumn> ColumnsOf(const catalog::Table& table, bool all) const {
    std::vector<GivenColumn> columns;
    for (const row::Column& column : table.schema()->columns()) {
      const bool mentioned = names_.contains(row::FoldName(column.name));
      if (!mentioned && (!all || column.hidden)) continue;
      columns.push_back({.source = "#c" + std::to_string(table.id.value) + "." + std::to_string(column.id.value),
                         .name = column.name,
                         .hidden = column.hidden});
    }
    for (const std::string_view name : kSystemColumns) {
      if (!names_.contains(row::FoldName(name))) continue;
      columns.push_back({.source = std::string(name), .name = std::string(name), .hidden = true});
    }
    return columns;
  }

  // Columns that `*` does not show, though they stand in the subquery now.
  static void HideFromStars(const std::string& name, NodeScope& scope) {
    for (auto* star : scope.stars) {
      if (star->columns || star->expr) continue;
      star->exclude_list.insert(duckdb::QualifiedColumnName(name));
    }
  }

  const std::string default_namespace_;
  const catalog::Snapshot& snapshot_;
  const bool marking_;
  const ColumnMarks* const marks_;
  bool collecting_ = true;
  size_t references_ = 0;  // to tables and views, in the order of the second round
  std::optional<Error> error_;
  std::vector<std::string> visible_;                           // folded names of CTEs in scope
  std::set<std::string> names_;                                // folded names that are mentioned anywhere
  std::set<std::pair<std::string, std::string>> unqualified_;  // folded namespace and name of tables without an alias
};

std::string Quoted(const std::string& name) { return duckdb::KeywordHelper::WriteQuoted(name, '"'); }

std::string Qualified(const std::string& ns, const std::string& name) {
  return std::string(kCatalogName) + "." + Quoted(ns) + "." + Quoted(name);
}

Result<std::string> NameOf(std::string_view name, const catalog::Snapshot& snapshot, ViewReader reader) {
  const auto qualified = [&](const std::string& ns, const std::string& of) {
    return reader == ViewReader::kEngine ? Qualified(ns, of)
                                         : catalog::QuoteIdentifier(ns) + "." + catalog::QuoteIdentifier(of);
  };
  const auto numbers = ParseNumbers(name.substr(2));
  if (!numbers) return Error{ErrorCode::kInternal, "a view names " + std::string(name)};
  if (name[1] == 'v') {
    const auto view = snapshot.FindView(numbers->first);
    if (view == nullptr) return Error{ErrorCode::kTableNotFound, "a view that the view reads does not exist"};
    return qualified(view->namespace_name, view->name);
  }
  const auto table = snapshot.FindTable(TableId(numbers->first));
  if (table == nullptr) return Error{ErrorCode::kTableNotFound, "a table that the view reads does not exist"};
  if (name[1] == 't') return qualified(table->namespace_name, table->name);
  const auto ordinal = table->schema()->FindById(ColumnId(numbers->second));
  if (!ordinal) return Error{ErrorCode::kColumnNotFound, "a column that the view reads was dropped"};
  const std::string& column = table->schema()->column(*ordinal).name;
  return reader == ViewReader::kEngine ? Quoted(column) : catalog::QuoteIdentifier(column);
}

}  // namespace

Result<std::string> MarkViewText(const duckdb::SQLStatement& select, const std::string& default_namespace,
                                 const catalog::Snapshot& snapshot) {
  ASSIGN_OR_RETURN(ViewText text, ViewWriter(default_namespace, snapshot, /*marking=*/true, nullptr).Write(select));
  return std::move(text.select_sql);
}

Result<ViewText> MakeViewText(const duckdb::SQLStatement& select, const std::string& default_namespace,
                              const catalog::Snapshot& snapshot, const ColumnMarks* marks) {
  return ViewWriter(default_namespace, snapshot, /*marking=*/false, marks).Write(select);
}

Result<std::string> ExpandViewText(std::string_view select_sql, const catalog::Snapshot& snapshot, ViewReader reader) {
  std::string text;
  for (size_t at = 0; at < select_sql.size();) {
    const catalog::SqlPart part = catalog::NextPart(select_sql, at);
    at += part.text.size();
    const std::string name =
        part.kind == catalog::SqlPart::Kind::kQuotedName ? catalog::Unquote(part.text) : std::string();
    if (name.size() > 2 && name[0] == '#' && name[1] != 'm') {  // a mark stays
      ASSIGN_OR_RETURN(const std::string now, NameOf(name, snapshot, reader));
      text += now;
    } else {
      text += part.text;
    }
  }
  return text;
}

}  // namespace kalamdb::engine
