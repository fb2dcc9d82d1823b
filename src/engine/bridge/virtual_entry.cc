// Scans a virtual table: all its rows at the first call, then chunk by chunk.
#include "engine/bridge/virtual_entry.h"

#include "duckdb/catalog/catalog_entry/schema_catalog_entry.hpp"
#include "duckdb/catalog/catalog_entry/table_catalog_entry.hpp"
#include "duckdb/common/exception.hpp"
#include "duckdb/parser/expression/star_expression.hpp"
#include "duckdb/parser/parsed_data/create_table_info.hpp"
#include "duckdb/parser/query_node/select_node.hpp"
#include "duckdb/parser/statement/select_statement.hpp"
#include "duckdb/parser/tableref/basetableref.hpp"
#include "duckdb/planner/binder.hpp"
#include "duckdb/storage/table_storage_info.hpp"
#include "engine/bridge/chunk_codec.h"
#include "engine/bridge/run_state.h"

namespace kalamdb::engine {
namespace {

class VirtualEntry;

struct VirtualBindData final : duckdb::TableFunctionData {
  explicit VirtualBindData(VirtualEntry& virtual_entry) : entry(virtual_entry) {}
  VirtualEntry& entry;
};

class VirtualEntry final : public duckdb::TableCatalogEntry {
 public:
  VirtualEntry(duckdb::Catalog& own_catalog, duckdb::SchemaCatalogEntry& own_schema, duckdb::CreateTableInfo& info,
               const VirtualTable& table)
      : TableCatalogEntry(own_catalog, own_schema, info), table_(table) {}

  const VirtualTable& table() const { return table_; }
  duckdb::unique_ptr<duckdb::BaseStatistics> GetStatistics(duckdb::ClientContext&, duckdb::column_t) override {
    return nullptr;
  }
  duckdb::TableStorageInfo GetStorageInfo(duckdb::ClientContext&) override { return {}; }
  // What count(*) reads; there is no rowid.
  duckdb::virtual_column_map_t GetVirtualColumns() const override {
    duckdb::virtual_column_map_t columns;
    columns.insert({duckdb::COLUMN_IDENTIFIER_EMPTY, duckdb::TableColumn("", duckdb::LogicalType::BOOLEAN)});
    return columns;
  }
  using TableCatalogEntry::GetScanFunction;
  duckdb::TableFunction GetScanFunction(duckdb::ClientContext&,
                                        duckdb::unique_ptr<duckdb::FunctionData>& bind_data) override;

 private:
  const VirtualTable& table_;
};

struct VirtualScan final : duckdb::GlobalTableFunctionState {
  std::vector<duckdb::column_t> column_ids;
  std::vector<std::vector<row::Value>> rows;
  size_t next = 0;
};

// Views hold no types: they are bound when somebody asks. Two scans of a statement may begin at the same time.
std::vector<ViewColumnType> TypesOfView(duckdb::ClientContext& context, const catalog::View& view) {
  const std::lock_guard lock(RunOf(context).late_binding_mutex);
  auto ref = duckdb::make_uniq<duckdb::BaseTableRef>();
  ref->catalog_name = kCatalogName;
  ref->schema_name = view.namespace_name;
  ref->table_name = view.name;
  auto node = duckdb::make_uniq<duckdb::SelectNode>();
  node->select_list.push_back(duckdb::make_uniq<duckdb::StarExpression>());
  node->from_table = std::move(ref);
  duckdb::SelectStatement select;
  select.node = std::move(node);
  std::vector<ViewColumnType> types;
  try {
    const auto bound = duckdb::Binder::CreateBinder(context)->Bind(static_cast<duckdb::SQLStatement&>(select));
    for (const auto& bound_type : bound.types) {
      auto type = FromEngineType(bound_type);
      types.push_back({type ? type->ToSql() : bound_type.ToString(), std::move(type)});
    }
  } catch (const duckdb::InternalException&) {
    throw;
  } catch (const std::exception&) {
    types.clear();  // what it reads has gone, or is not for the one who asks
  }
  return types;
}

duckdb::unique_ptr<duckdb::GlobalTableFunctionState> InitVirtual(duckdb::ClientContext& context,
                                                                 duckdb::TableFunctionInitInput& input) {
  const VirtualTable& table = input.bind_data->Cast<VirtualBindData>().entry.table();
  RunState& run = RunOf(context);
  auto state = duckdb::make_uniq<VirtualScan>();
  state->column_ids.assign(input.column_ids.begin(), input.column_ids.end());
  const VirtualTable::Emit emit = [&](std::vector<row::Value> values) { state->rows.push_back(std::move(values)); };
  Status filled;
  if (table.fill_columns) {
    const auto types = [&](const catalog::View& view) { return TypesOfView(context, view); };
    filled = table.fill_columns(run.identity(), run.view, types, emit);
  } else {
    filled = table.fill(run.identity(), run.view, emit);
  }
  if (!filled.ok()) Throw(run, std::move(filled).error());
  return std::move(state);
}

void ScanVirtual(duckdb::ClientContext&, duckdb::TableFunctionInput& input, duckdb::DataChunk& output) {
  const VirtualTable& table = input.bind_data->Cast<VirtualBindData>().entry.table();
  auto& state = input.global_state->Cast<VirtualScan>();
  size_t count = 0;
  for (; count < STANDARD_VECTOR_SIZE && state.next < state.rows.size(); ++count, ++state.next) {
    for (size_t i = 0; i < state.column_ids.size(); ++i) {
      const auto column = state.column_ids[i];
      if (column >= table.columns.size()) {  // nothing at all: count(*)
        output.data[i].SetValue(count, duckdb::Value(output.data[i].GetType()));
      } else {
        output.data[i].SetValue(count, ToEngineValue(table.columns[column].second, state.rows[state.next][column]));
      }
    }
  }
  output.SetCardinality(count);
}

duckdb::BindInfo VirtualBindInfo(const duckdb::optional_ptr<duckdb::FunctionData> bind_data) {
  duckdb::BindInfo info(duckdb::ScanType::EXTERNAL);
  info.table = &bind_data->Cast<VirtualBindData>().entry;
  return info;
}

duckdb::TableFunction VirtualEntry::GetScanFunction(duckdb::ClientContext&,
                                                    duckdb::unique_ptr<duckdb::FunctionData>& bind_data) {
  bind_data = duckdb::make_uniq<VirtualBindData>(*this);
  duckdb::TableFunction function("kalam_virtual_scan", {}, ScanVirtual, nullptr, InitVirtual);
  function.projection_pushdown = true;
  function.get_bind_info = VirtualBindInfo;
  return function;
}

}  // namespace

std::unique_ptr<duckdb::CatalogEntry> MakeVirtualEntry(duckdb::Catalog& catalog, duckdb::SchemaCatalogEntry& schema,
                                                       const VirtualTable& table) {
  duckdb::CreateTableInfo info(schema, table.name);
  for (const auto& [name, type] : table.columns)
    info.columns.AddColumn(duckdb::ColumnDefinition(name, ToEngineType(type)));
  return std::make_unique<VirtualEntry>(catalog, schema, info, table);
}

}  // namespace kalamdb::engine
