// ALTER TABLE as a pure function: a table, actions in order, and the table they make, or the rule they break.
//
// Rules, order and codes: docs/schema-evolution.md. Several actions make one version and apply from left to right; one
// failure undoes all. What needs the engine (folding a DEFAULT, binding a CHECK after a retype) is done before by the
// caller and handed in; what needs data (SET NOT NULL over old rows, live subscriptions) is listed in AlterResult for
// the caller.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "catalog/table.h"
#include "row/schema.h"

namespace kalamdb::catalog {

struct AlterAction {
  enum class Kind : uint8_t {
    kAddColumn,
    kDropColumn,
    kModifyColumn,
    kSetType,
    kSetDefault,
    kDropDefault,
    kSetNotNull,
    kDropNotNull,
    kRenameColumn,
    kRenameTable,
    kSetOptions,
    kDropConstraint,
    kCommentTable,
    kCommentColumn,
  };
  Kind kind = Kind::kAddColumn;
  std::string column;             // its name, as written; kDropConstraint: of the constraint
  std::string new_name;           // kRenameColumn, kRenameTable
  std::optional<row::Type> type;  // kAddColumn, kModifyColumn, kSetType
  std::optional<bool> nullable;   // kAddColumn, kModifyColumn: NULL / NOT NULL as written
  std::string default_sql;        // kAddColumn, kSetDefault: canonical text; empty = none
  // kAddColumn: `default_sql` folded to a constant of `type` (initial default). A default with a generator or a
  // function of the session cannot be folded: leave it NULL, ApplyAlter refuses it in its turn.
  row::Value default_value;
  std::optional<Error> default_error;                        // kAddColumn: why it does not fold; said in its turn
  std::optional<std::string> comment;                        // kAddColumn, kComment…: nullopt = not given / NULL
  bool if_exists = false;                                    // kDropColumn, kDropConstraint
  bool if_not_exists = false;                                // kAddColumn
  bool cascade = false;                                      // kDropColumn
  std::vector<std::pair<std::string, std::string>> options;  // kSetOptions
};

struct AlterContext {
  std::string user_name;
  Micros now = 0;
  // What beside CHECKs names a column of the table ("view app.v"), asked for each that is dropped without CASCADE.
  std::function<std::vector<std::string>(ColumnId)> named_by{};
};

struct AlterResult {
  TablePtr table;                      // nullptr: nothing changed, no version is made
  std::vector<ColumnId> set_not_null;  // columns of the old table whose old rows must be proved free of NULL
  std::vector<ColumnId> dropped;       // nothing names them but views and subscriptions of those in `cascaded`
  std::vector<ColumnId> cascaded;
  std::vector<std::string> dropped_checks;  // names, by CASCADE
  std::vector<ColumnId> retyped;            // CHECKs, views and predicates over them must be bound again by the caller
};

// Errors: per rule, naming the column, the rule and what would work.
Result<AlterResult> ApplyAlter(const Table& table, const std::vector<AlterAction>& actions,
                               const AlterContext& context);

// A new table at version 1. `columns` have no ids yet (given here: 1, 2 … as they stand); a table without key gets a
// hidden
// `_id` in front, with the last id.
// Errors: names, duplicates, key columns that cannot be a key, options that do not go together.
struct CreateTableSpec {
  TableId id;
  std::string namespace_name, name;
  TableKind kind = TableKind::kShared;
  TableOptions options;
  std::vector<row::Column> columns;  // key_position given for PRIMARY KEY columns; nullable already false there
  // (name or "", canonical expression text). Columns stand in it by name, or, better, as `"#n"`: the n-th of `columns`,
  // from 1.
  std::vector<std::pair<std::string, std::string>> checks;
  std::vector<std::vector<std::string>> check_columns;  // the columns each check names; not read where it has `"#n"`
  std::string comment;
  UserId owner;
  std::string owner_name;
  Micros now = 0;
};
Result<TablePtr> MakeTable(CreateTableSpec spec);

// `CREATE TABLE app.t (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), n INT NOT NULL COMMENT 'text', PRIMARY KEY (a, b),
// CONSTRAINT t_check CHECK (n > 0)) COMMENT 'text' WITH (TYPE = 'SHARED', …)`, which parses back to the same table
// (SHOW CREATE TABLE).
std::string PrintCreateTable(const Table& table);

}  // namespace kalamdb::catalog
