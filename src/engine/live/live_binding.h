// A live query bound to one version of its table: equality terms that need no engine, and bound expressions for the
// rest.
//
// Immutable once made, thread-safe. Sees DuckDB: private to engine/.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "duckdb/planner/expression.hpp"
#include "engine/live/live_query.h"
#include "engine/live/live_session.h"
#include "engine/live_select.h"

namespace kalamdb::engine {

// One column of a row as expressions read it.
struct LiveInput {
  std::optional<SystemColumn> system;  // else the stored column at `ordinal`
  size_t ordinal = 0;
  duckdb::LogicalType type;
};

// Expressions over a chunk whose column i is inputs[i].
struct LiveProgram {
  std::vector<LiveInput> inputs;
  duckdb::vector<duckdb::unique_ptr<duckdb::Expression>> expressions;
};

// One column of the rows that the client sees.
struct LiveOutput {
  std::string name, json_key;          // json_key: `"name":`
  std::optional<SystemColumn> system;  // a system column; else
  std::optional<size_t> expression;    // projections.expressions[…]; else
  size_t ordinal = 0;                  // the stored column as it is
  row::Type type;                      // of a stored column
  bool key = false;                    // a key column as it is
  bool named = false;  // by the select list: keeps its name; else by `*`, or added because rows always hold it
  bool shown = true;   // false: `_seq` in the rows but not in the schema
  const duckdb::ParsedExpression* source = nullptr;  // what the snapshot selects; nullptr: the stored or system column
};

// A select list over one version of the table: the same object for all live queries that select the same, whatever
// their WHERE, so that an ALTER makes it once.
struct LiveSelectList {
  std::shared_ptr<const LiveQuery> query;  // one of theirs: the sources of the outputs are in it
  catalog::TablePtr table;
  std::string text;                 // LiveListText
  std::vector<LiveOutput> outputs;  // as they stand in a row
  LiveProgram projections;
  std::vector<std::string> projection_texts;  // as they were bound, with columns by their ids
  std::vector<duckdb::LogicalType> projection_types;
  std::vector<LiveColumn> columns;  // the schema the client sees
  std::string key;                  // its part of the group key
};
using LiveSelectListPtr = std::shared_ptr<const LiveSelectList>;

// A WHERE over the versions of the table in which the columns it names have the same types and places.
struct LivePredicate {
  std::vector<EqualityTerm> equalities;
  LiveProgram residual;  // conjuncts, all must be true
  std::string key;       // its part of the group key: columns by their ids
};
using LivePredicatePtr = std::shared_ptr<const LivePredicate>;

struct BoundLiveQuery {
  LiveSessionPtr session;  // outlives what is bound
  std::shared_ptr<const LiveQuery> query;
  catalog::TablePtr table;
  LiveSelectListPtr list;
  LivePredicatePtr where;
  std::string group_key;
};

// Errors: kColumnNotFound where a named column is gone, kInvalidSql (two columns of one name, wrong types …),
// kUnsupported (aggregates, functions that are not deterministic), kTypeMismatch. Positions are bytes of `text` turned
// into characters.
Result<std::shared_ptr<const BoundLiveQuery>> BindLiveQuery(LiveSessionPtr session,
                                                            std::shared_ptr<const LiveQuery> query,
                                                            catalog::TablePtr table, std::string_view text);

// The same query over another version of the table, with the expressions that are bound already. nullptr where they may
// mean something else there (a named column is gone or has another type), or where the select list has no meaning.
std::shared_ptr<const BoundLiveQuery> RebindSameLiveQuery(const BoundLiveQuery& old, catalog::TablePtr table);

// The types that a query asks of its parameters; INVALID = nothing asked. Errors as above.
Result<duckdb::case_insensitive_map_t<duckdb::LogicalType>> AskedTypes(LiveSession& session, const LiveQuery& query,
                                                                       const catalog::Table& table,
                                                                       std::string_view text);

}  // namespace kalamdb::engine
