// Names of columns in a statement over one table. Private to fast/: sees DuckDB.
#pragma once

#include <optional>
#include <string>

#include "catalog/table.h"
#include "duckdb.hpp"
#include "duckdb/parser/parsed_expression.hpp"
#include "engine/fast/plan.h"

namespace kalamdb::engine {

// The one table of a statement and what the statement calls it.
class TableScope {
 public:
  // `alias`: empty where the statement gives none.
  TableScope(catalog::TablePtr table, std::string alias) : table_(std::move(table)), alias_(std::move(alias)) {}

  const catalog::Table& table() const { return *table_; }
  const row::Schema& schema() const { return *table_->schema(); }
  // The ordinal of a plain column of the table.
  std::optional<size_t> Column(const duckdb::ParsedExpression& expression) const;
  // Appends what a select list or RETURNING names; false where it is more than plain columns and `*`.
  bool Columns(const duckdb::vector<duckdb::unique_ptr<duckdb::ParsedExpression>>& list, bool system_columns,
               FastPlan* plan) const;

 private:
  bool Column(const duckdb::ParsedExpression& expression, bool system_columns, FastPlan* plan) const;
  bool Names(const std::vector<std::string>& qualifiers) const;
  void AddStored(size_t ordinal, const std::string& name, FastPlan* plan) const;

  const catalog::TablePtr table_;
  const std::string alias_;
};

}  // namespace kalamdb::engine
