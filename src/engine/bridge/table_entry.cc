// Describes our tables to the binder.
#include "engine/bridge/table_entry.h"

#include "duckdb/parser/constraints/check_constraint.hpp"
#include "duckdb/parser/constraints/unique_constraint.hpp"
#include "duckdb/parser/parsed_data/create_table_info.hpp"
#include "duckdb/parser/parsed_expression_iterator.hpp"
#include "duckdb/parser/parser.hpp"
#include "duckdb/planner/operator/logical_update.hpp"
#include "duckdb/storage/table_storage_info.hpp"
#include "engine/bridge/chunk_codec.h"
#include "engine/bridge/scan.h"

namespace kalamdb::engine {
namespace {

// Places in a stored text are none in the statement that uses it.
void ForgetPlaces(duckdb::ParsedExpression& expression) {
  expression.SetQueryLocation(duckdb::optional_idx());
  duckdb::ParsedExpressionIterator::EnumerateChildren(expression,
                                                      [](duckdb::ParsedExpression& child) { ForgetPlaces(child); });
}

duckdb::unique_ptr<duckdb::ParsedExpression> ParseOne(const std::string& sql) {
  auto parsed = duckdb::Parser::ParseExpressionList(sql);
  if (parsed.size() != 1) throw duckdb::InvalidInputException("a stored expression is not one expression");
  ForgetPlaces(*parsed[0]);
  return std::move(parsed[0]);
}

bool HasHidden(const row::Schema& schema) { return schema.size() > 0 && schema.column(0).hidden; }

}  // namespace

std::unique_ptr<duckdb::CatalogEntry> MakeTableEntry(duckdb::Catalog& catalog, duckdb::SchemaCatalogEntry& schema,
                                                     catalog::TablePtr table) {
  duckdb::CreateTableInfo info(schema, table->name);
  const row::Schema& columns = *table->schema();
  duckdb::vector<duckdb::string> key;
  for (const auto& column : columns.columns()) {
    if (column.hidden) continue;
    duckdb::ColumnDefinition definition(column.name, ToEngineType(column.type));
    if (!column.write_default.empty()) definition.SetDefaultValue(ParseOne(column.write_default));
    info.columns.AddColumn(std::move(definition));
  }
  for (const auto& check : table->checks) {  // before the key: bound constraint i is check i
    info.constraints.push_back(duckdb::make_uniq<duckdb::CheckConstraint>(ParseOne(check.expression.ToText(columns))));
  }
  for (const uint16_t ordinal : columns.key_ordinals()) {
    if (!columns.column(ordinal).hidden) key.push_back(columns.column(ordinal).name);
  }
  if (!key.empty()) info.constraints.push_back(duckdb::make_uniq<duckdb::UniqueConstraint>(std::move(key), true));
  return std::make_unique<TableEntry>(catalog, schema, info, std::move(table));
}

TableEntry::TableEntry(duckdb::Catalog& own_catalog, duckdb::SchemaCatalogEntry& own_schema,
                       duckdb::CreateTableInfo& info, catalog::TablePtr table)
    : TableCatalogEntry(own_catalog, own_schema, info),
      table_(std::move(table)),
      hidden_(HasHidden(*table_->schema()) ? 1 : 0) {}

duckdb::TableFunction TableEntry::GetScanFunction(duckdb::ClientContext&,
                                                  duckdb::unique_ptr<duckdb::FunctionData>& bind_data) {
  bind_data = duckdb::make_uniq<ScanBindData>(*this);
  return MakeScanFunction();
}

duckdb::TableStorageInfo TableEntry::GetStorageInfo(duckdb::ClientContext&) {
  duckdb::TableStorageInfo result;
  if (hidden_ != 0) return result;
  duckdb::IndexInfo index;
  index.is_unique = true;
  index.is_primary = true;
  index.is_foreign = false;
  for (const uint16_t ordinal : table_->schema()->key_ordinals()) index.column_set.insert(ordinal);
  result.index_info.push_back(std::move(index));
  return result;
}

// The sink has the old row whole, so neither CHECK nor RETURNING nor a changed key needs more columns than are set.
void TableEntry::BindUpdateConstraints(duckdb::Binder&, duckdb::LogicalGet&, duckdb::LogicalProjection&,
                                       duckdb::LogicalUpdate& update, duckdb::ClientContext&) {
  update.update_is_del_and_insert = false;
}

duckdb::virtual_column_map_t TableEntry::GetVirtualColumns() const {
  using duckdb::LogicalType;
  using duckdb::TableColumn;
  duckdb::virtual_column_map_t columns;
  columns.insert({kColumnSeq, TableColumn("_seq", LogicalType::BIGINT)});
  columns.insert({kColumnUpdated, TableColumn("_updated", LogicalType::TIMESTAMP)});
  columns.insert({kColumnDeleted, TableColumn("_deleted", LogicalType::BOOLEAN)});
  columns.insert({kColumnVersion, TableColumn("_version", LogicalType::INTEGER)});
  columns.insert({kColumnUserId, TableColumn("_user_id", LogicalType::VARCHAR)});
  if (hidden_ != 0) columns.insert({kColumnHiddenId, TableColumn("_id", LogicalType::BIGINT)});
  columns.insert({kColumnPlace, TableColumn("\x01place", LogicalType::BIGINT)});
  columns.insert({kColumnOld, TableColumn("\x01old", LogicalType::BLOB)});
  columns.insert({duckdb::COLUMN_IDENTIFIER_EMPTY, TableColumn("", LogicalType::BOOLEAN)});
  return columns;
}

duckdb::vector<duckdb::column_t> TableEntry::GetRowIdColumns() const { return {kColumnPlace, kColumnOld}; }

}  // namespace kalamdb::engine
