// ALTER TABLE, action by action: the table as it stands between two actions of one statement. Private to catalog/.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "catalog/alter.h"

namespace kalamdb::catalog {

// One thread at a time; the first error ends its use. The table it started from must outlive it.
class AlterEditor {
 public:
  AlterEditor(const Table& table, const AlterContext& context);

  Status Apply(const AlterAction& action);
  AlterResult Finish();

 private:
  // alter_columns.cc: columns come, go and change their names.
  Status AddColumn(const AlterAction& action);
  Status DropColumn(const AlterAction& action);
  Status RenameColumn(const AlterAction& action);
  Status CommentColumn(const AlterAction& action);
  Status DropDependents(const row::Column& column, bool cascade);
  // alter_types.cc: types, nullability and defaults of columns that are there.
  Status ModifyColumn(const AlterAction& action);
  Status SetType(const AlterAction& action);
  Status Retype(row::Column* column, const row::Type& type);
  Status SetNullable(row::Column* column, bool nullable);
  Status SetDefault(const AlterAction& action, std::string text);
  // alter.cc: the table itself.
  Status RenameTable(const AlterAction& action);
  Status SetOptions(const AlterAction& action);
  Status DropConstraint(const AlterAction& action);
  Status CommentTable(const AlterAction& action);

  // Rules 3 and 5: not the system's, and there.
  Result<row::Column*> GetColumn(std::string_view name);
  row::Column* FindColumn(std::string_view name);
  Error ColumnNotFound(std::string_view name) const;
  void Record(std::string change) { changes_ += (changes_.empty() ? "" : ", ") + change; }
  bool ChangesLayoutOrConstraint(const row::Schema& old) const;
  bool ChangesAnything() const;

  const Table& old_;
  const AlterContext& context_;
  const SchemaVersion version_;  // the one being made
  std::string name_;
  TableOptions options_;
  std::string comment_;
  std::vector<row::Column> columns_;
  std::vector<CheckConstraint> checks_;
  ColumnId next_column_id_;
  std::string changes_;
  std::unordered_set<ColumnId> cascaded_;
  std::vector<std::string> dropped_checks_;
};

// Rule 3: a name that begins with `_`.
Status CheckNotSystemName(std::string_view name);

}  // namespace kalamdb::catalog
