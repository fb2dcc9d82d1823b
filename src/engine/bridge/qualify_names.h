// Walks over a whole statement: every table name and every expression, those in subqueries too.
#pragma once

#include <functional>

#include "duckdb.hpp"
#include "duckdb/parser/sql_statement.hpp"

namespace kalamdb::engine {

// Puts our catalog before every table name that has a namespace, so that a namespace called `system` or `temp` is never
// one of the engine's own databases. Unqualified names stay: they may be CTEs, and the search path finds the others.
// Columns that are named by the text of a subquery keep the name it gives them as it was written.
void QualifyNames(duckdb::SQLStatement& statement);

// Each expression, outer ones first; `visit` may put another in its place, whose children are visited then.
using ExpressionVisitor = std::function<void(duckdb::unique_ptr<duckdb::ParsedExpression>&)>;
void ForEachExpression(duckdb::SQLStatement& statement, const ExpressionVisitor& visit);

// Each name of a table, as it is written.
using TableVisitor = std::function<void(const std::string& namespace_name, const std::string& name)>;
void ForEachTable(duckdb::SQLStatement& statement, const TableVisitor& visit);

// Each name that a statement gives (an alias, a CTE) or refers to by it or by that of a column; `visit` may write it
// anew. Column lists of INSERT, UPDATE and MERGE are not among them.
enum class NameUse : uint8_t { kGives, kRefers };
using NameVisitor = std::function<void(std::string& name, NameUse use)>;
void ForEachName(duckdb::SQLStatement& statement, const NameVisitor& visit);

}  // namespace kalamdb::engine
