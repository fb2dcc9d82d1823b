// What a live query may be made of: everything but one plain SELECT over one table is refused by its name.
#include "duckdb/parser/query_node/select_node.hpp"
#include "duckdb/parser/result_modifier.hpp"
#include "duckdb/parser/statement/select_statement.hpp"
#include "duckdb/parser/tableref/basetableref.hpp"
#include "engine/live/live_query.h"

namespace kalamdb::engine {
namespace {

using duckdb::QueryNodeType;
using duckdb::ResultModifierType;
using duckdb::TableReferenceType;

Error NotLive(std::string_view what) {
  return Error{ErrorCode::kUnsupported, std::string(what) + " is not offered in a live query",
               "A live query is SELECT columns and expressions FROM one table, with or without WHERE."};
}

std::string_view NameOf(TableReferenceType type) {
  switch (type) {
    case TableReferenceType::JOIN: return "a join";
    case TableReferenceType::SUBQUERY: return "a subquery in FROM";
    case TableReferenceType::EXPRESSION_LIST: return "VALUES";
    case TableReferenceType::EMPTY_FROM: return "a SELECT without a table";
    case TableReferenceType::TABLE_FUNCTION: return "a table function";
    case TableReferenceType::PIVOT: return "PIVOT";
    case TableReferenceType::SHOW_REF: return "DESCRIBE or SUMMARIZE";
    default: return "this kind of table";
  }
}

std::string_view NameOf(ResultModifierType type) {
  switch (type) {
    case ResultModifierType::DISTINCT_MODIFIER: return "DISTINCT";
    case ResultModifierType::ORDER_MODIFIER: return "ORDER BY";
    default: return "LIMIT";
  }
}

Status CheckFrom(const duckdb::TableRef& from) {
  if (from.type != TableReferenceType::BASE_TABLE) return NotLive(NameOf(from.type));
  if (from.sample) return NotLive("a sample");
  if (!from.column_name_alias.empty()) return NotLive("a list of column names behind the table's alias");
  if (from.Cast<duckdb::BaseTableRef>().at_clause) return NotLive("reading at an earlier point (AT)");
  return {};
}

}  // namespace

Status CheckLiveShape(const duckdb::SQLStatement& statement) {
  if (statement.type != duckdb::StatementType::SELECT_STATEMENT) return NotLive("a statement that is no SELECT");
  const duckdb::QueryNode& node = *statement.Cast<duckdb::SelectStatement>().node;
  if (!node.cte_map.map.empty() || node.type == QueryNodeType::CTE_NODE ||
      node.type == QueryNodeType::RECURSIVE_CTE_NODE) {
    return NotLive("WITH");
  }
  if (node.type != QueryNodeType::SELECT_NODE) return NotLive("UNION, INTERSECT or EXCEPT");
  if (!node.modifiers.empty()) return NotLive(NameOf(node.modifiers.front()->type));
  const auto& select = node.Cast<duckdb::SelectNode>();
  if (!select.groups.group_expressions.empty() || !select.groups.grouping_sets.empty() ||
      select.aggregate_handling == duckdb::AggregateHandling::FORCE_AGGREGATES) {
    return NotLive("GROUP BY");
  }
  if (select.having) return NotLive("HAVING");
  if (select.qualify) return NotLive("QUALIFY");
  if (select.sample) return NotLive("a sample");
  if (!select.from_table) return NotLive(NameOf(TableReferenceType::EMPTY_FROM));
  return CheckFrom(*select.from_table);
}

}  // namespace kalamdb::engine
