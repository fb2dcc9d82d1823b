// A subscription's SELECT after its names are resolved: what it selects and asks, with every column by id.
//
// Immutable once made and shared by all versions of the subscription: binding it again to a newer schema
// (live_binding.h) is all that an ALTER takes. Thread-safe. Sees DuckDB: private to engine/.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "catalog/table.h"
#include "duckdb.hpp"
#include "duckdb/parser/parsed_expression.hpp"
#include "duckdb/parser/query_node/select_node.hpp"

namespace kalamdb::engine {

// Columns of a row that are no columns of the schema; `_deleted` is never one of a live query.
enum class SystemColumn : uint8_t { kSeq, kUpdated, kVersion, kUserId };
std::string_view SystemColumnName(SystemColumn column);

// What a column reference of a resolved expression is called: `#7`, `#_seq`.
std::string ResolvedName(ColumnId column);
std::string ResolvedName(SystemColumn column);
// The other way; both empty where the name is not one of these (a parameter of a lambda).
struct ResolvedColumn {
  std::optional<ColumnId> stored;
  std::optional<SystemColumn> system;
};
ResolvedColumn ParseResolvedName(std::string_view name);

// One entry of the select list. A plain column keeps the name it was selected by, whatever ALTER calls it later.
struct LiveItem {
  bool star = false;  // `*`: all visible columns of the table, by their names of the day
  std::string name;
  duckdb::unique_ptr<duckdb::ParsedExpression> expression;  // resolved; of a plain column: the reference
};

struct LiveQuery {
  std::vector<LiveItem> items;
  duckdb::unique_ptr<duckdb::ParsedExpression> where;   // resolved; nullptr: every row
  std::vector<std::pair<ColumnId, std::string>> named;  // columns named, each once, with the name they had
  std::vector<ColumnId> named_columns;                  // the same without names
  std::string owner_name;                               // what `_user_id` reads as; empty: NULL
};

// Text that is the same only for queries that are the same: names, expressions, constants and their types.
std::string LiveQueryText(const LiveQuery& query);
// The same of the select list and the owner.
std::string LiveListText(const LiveQuery& query);

// Refuses by name whatever is not `SELECT list FROM one table [WHERE …]`. Errors: kUnsupported, kInvalidSql.
Status CheckLiveShape(const duckdb::SQLStatement& statement);

// Resolves the select list and WHERE of a checked statement over `table`, called `alias` in it (empty: by its name).
// Errors: kColumnNotFound; kUnsupported for subqueries, windows, functions of time, chance or session, `_deleted`.
Result<LiveQuery> ResolveLiveQuery(const duckdb::SelectNode& select, const catalog::Table& table,
                                   std::string_view alias, std::string_view text);

}  // namespace kalamdb::engine
