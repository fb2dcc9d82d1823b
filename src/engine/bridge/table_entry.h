// A table as DuckDB sees it in one run: columns, defaults, constraints, virtual columns, and the scan over hot and cold
// rows.
//
// The engine's column i is schema column ordinal_of(i): a hidden `_id` is not among them, but a virtual column like the
// system columns. Belongs to a SchemaEntry. Nothing here depends on the user.
#pragma once

#include <memory>
#include <vector>

#include "catalog/table.h"
#include "duckdb.hpp"
#include "duckdb/catalog/catalog_entry/table_catalog_entry.hpp"

namespace kalamdb::engine {

// Virtual columns, from 2^63 up (below are the engine's own).
inline constexpr duckdb::column_t kFirstVirtual = (1ull << 63) + 16;
inline constexpr duckdb::column_t kColumnSeq = kFirstVirtual + 0;
inline constexpr duckdb::column_t kColumnUpdated = kFirstVirtual + 1;
inline constexpr duckdb::column_t kColumnDeleted = kFirstVirtual + 2;
inline constexpr duckdb::column_t kColumnVersion = kFirstVirtual + 3;
inline constexpr duckdb::column_t kColumnUserId = kFirstVirtual + 4;
inline constexpr duckdb::column_t kColumnHiddenId = kFirstVirtual + 5;
inline constexpr duckdb::column_t kColumnPlace = kFirstVirtual + 6;  // row id: kHotPlace, or segment index << 32 | row
inline constexpr duckdb::column_t kColumnOld = kFirstVirtual + 7;    // row id: the encoded row, stamped
inline constexpr int64_t kHotPlace = -1;

class TableEntry final : public duckdb::TableCatalogEntry {
 public:
  TableEntry(duckdb::Catalog& catalog, duckdb::SchemaCatalogEntry& schema, duckdb::CreateTableInfo& info,
             catalog::TablePtr table);

  const catalog::TablePtr& table() const { return table_; }
  size_t ordinal_of(size_t engine_column) const { return engine_column + hidden_; }
  size_t hidden() const { return hidden_; }  // 1 where the schema begins with the hidden `_id`, else 0

  duckdb::unique_ptr<duckdb::BaseStatistics> GetStatistics(duckdb::ClientContext&, duckdb::column_t) override {
    return nullptr;
  }
  duckdb::TableFunction GetScanFunction(duckdb::ClientContext& context,
                                        duckdb::unique_ptr<duckdb::FunctionData>& bind_data) override;
  using TableCatalogEntry::GetScanFunction;
  duckdb::TableStorageInfo GetStorageInfo(duckdb::ClientContext&) override;
  void BindUpdateConstraints(duckdb::Binder&, duckdb::LogicalGet&, duckdb::LogicalProjection&,
                             duckdb::LogicalUpdate& update, duckdb::ClientContext&) override;
  duckdb::virtual_column_map_t GetVirtualColumns() const override;
  duckdb::vector<duckdb::column_t> GetRowIdColumns() const override;

 private:
  const catalog::TablePtr table_;
  const size_t hidden_;
};

// Errors (thrown as engine exceptions): a stored default or CHECK that no longer parses.
std::unique_ptr<duckdb::CatalogEntry> MakeTableEntry(duckdb::Catalog& catalog, duckdb::SchemaCatalogEntry& schema,
                                                     catalog::TablePtr table);

}  // namespace kalamdb::engine
