// Filters that the planner pushed into a scan: judged on vectors, and read as bounds on the key and on sequence and
// time.
//
// ScanFilters is one thread's. Filters are keyed by index into the scan's columns. All of them are applied (only
// optional ones may be left out); the bounds derived from them only save work.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "catalog/table.h"
#include "duckdb.hpp"
#include "duckdb/planner/table_filter.hpp"
#include "duckdb/planner/table_filter_state.hpp"

namespace kalamdb::engine {

struct ScanColumn {
  enum class Kind : uint8_t { kStored, kSeq, kUpdated, kDeleted, kVersion, kUserId, kPlace, kOld, kEmpty };
  Kind kind = Kind::kStored;
  size_t ordinal = 0;  // kStored: in the newest schema
  duckdb::LogicalType type;
};

class ScanFilters {
 public:
  ScanFilters(duckdb::ClientContext& context, duckdb::optional_ptr<duckdb::TableFilterSet> filters);

  struct Entry {
    size_t column = 0;  // index into the scan's columns
    const duckdb::TableFilter* filter = nullptr;
    duckdb::unique_ptr<duckdb::TableFilterState> state;
  };
  const std::vector<Entry>& entries() const { return entries_; }
  bool empty() const { return entries_.empty(); }

  // Keeps in `sel` (`count` of them; an unset selection = the first `count`) those for which entry `index` holds on
  // `vector`.
  void Apply(size_t index, duckdb::Vector& vector, size_t rows, duckdb::SelectionVector& sel, size_t& count);

 private:
  std::vector<Entry> entries_;
};

// Row keys [lower, upper) that can satisfy the filters; `empty`: none can.
struct KeyBounds {
  std::string lower, upper;
  bool empty = false;
  bool narrowed = false;  // tighter than the partition
};
KeyBounds BoundsOf(const catalog::Table& table, UserId user, const std::vector<ScanColumn>& columns,
                   duckdb::optional_ptr<duckdb::TableFilterSet> filters);

// Inclusive bounds of a 64-bit column from comparisons with constants; the whole range where nothing is known.
struct IntegerBounds {
  int64_t low = INT64_MIN, high = INT64_MAX;
};
IntegerBounds IntegerBoundsOf(const duckdb::TableFilter& filter);

}  // namespace kalamdb::engine
