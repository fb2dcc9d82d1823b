// The scan of a table: live hot rows in key order, then its cold segments, as one set, in parallel, with projection and
// filters.
//
// Work is handed out in pieces (a morsel of hot rows, a row group of a segment) under one lock; decoding and judging
// run outside it. The order of pieces is the batch index, so plans that keep order run in parallel too. In a file
// shared by users the caller's row range comes first, before decode, cast or filter. Soft-deleted rows are left out
// unless the query names `_deleted`.
#pragma once

#include <memory>

#include "duckdb.hpp"
#include "duckdb/function/table_function.hpp"

namespace kalamdb::engine {

class TableEntry;

struct ScanBindData final : duckdb::TableFunctionData {
  explicit ScanBindData(TableEntry& table_entry) : entry(table_entry) {}
  TableEntry& entry;

  duckdb::unique_ptr<duckdb::FunctionData> Copy() const override { return duckdb::make_uniq<ScanBindData>(entry); }
  bool Equals(const duckdb::FunctionData& other) const override { return &other.Cast<ScanBindData>().entry == &entry; }
};

inline constexpr const char* kScanName = "kalam_scan";
duckdb::TableFunction MakeScanFunction();

}  // namespace kalamdb::engine
