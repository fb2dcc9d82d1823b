// Judging pushed filters, and the bounds they imply.
#include "engine/bridge/scan_filters.h"

#include "duckdb/planner/filter/conjunction_filter.hpp"
#include "duckdb/planner/filter/constant_filter.hpp"
#include "duckdb/planner/filter/in_filter.hpp"
#include "duckdb/planner/filter/optional_filter.hpp"
#include "duckdb/storage/table/column_segment.hpp"
#include "engine/bridge/chunk_codec.h"
#include "row/key_codec.h"

namespace kalamdb::engine {

using duckdb::ExpressionType;
using duckdb::TableFilter;
using duckdb::TableFilterType;

namespace {

// Bounds of one column as values; comparisons are those of the engine.
struct ValueBounds {
  std::optional<duckdb::Value> low, high;
  bool low_open = false, high_open = false;

  void AtLeast(const duckdb::Value& value, bool open) {
    if (low && (*low > value || (*low == value && low_open))) return;
    low = value;
    low_open = open;
  }
  void AtMost(const duckdb::Value& value, bool open) {
    if (high && (*high < value || (*high == value && high_open))) return;
    high = value;
    high_open = open;
  }
  bool IsPoint() const { return low && high && !low_open && !high_open && *low == *high; }
};

void Narrow(const TableFilter& filter, ValueBounds* bounds) {
  switch (filter.filter_type) {
    case TableFilterType::CONSTANT_COMPARISON: {
      const auto& comparison = filter.Cast<duckdb::ConstantFilter>();
      if (comparison.constant.IsNull()) return;
      const auto type = comparison.comparison_type;
      if (type == ExpressionType::COMPARE_EQUAL) {
        bounds->AtLeast(comparison.constant, false);
        bounds->AtMost(comparison.constant, false);
      } else if (type == ExpressionType::COMPARE_GREATERTHAN || type == ExpressionType::COMPARE_GREATERTHANOREQUALTO) {
        bounds->AtLeast(comparison.constant, type == ExpressionType::COMPARE_GREATERTHAN);
      } else if (type == ExpressionType::COMPARE_LESSTHAN || type == ExpressionType::COMPARE_LESSTHANOREQUALTO) {
        bounds->AtMost(comparison.constant, type == ExpressionType::COMPARE_LESSTHAN);
      }
      return;
    }
    case TableFilterType::CONJUNCTION_AND:
      for (const auto& child : filter.Cast<duckdb::ConjunctionAndFilter>().child_filters) Narrow(*child, bounds);
      return;
    case TableFilterType::OPTIONAL_FILTER: {
      const auto& child = filter.Cast<duckdb::OptionalFilter>().child_filter;
      if (child) Narrow(*child, bounds);
      return;
    }
    case TableFilterType::IN_FILTER: {
      const auto& values = filter.Cast<duckdb::InFilter>().values;
      if (values.empty()) return;
      duckdb::Value low = values[0], high = values[0];
      for (const auto& value : values) {
        if (value.IsNull()) return;
        if (value < low) low = value;
        if (value > high) high = value;
      }
      bounds->AtLeast(low, false);
      bounds->AtMost(high, false);
      return;
    }
    default: return;
  }
}

}  // namespace

ScanFilters::ScanFilters(duckdb::ClientContext& context, duckdb::optional_ptr<duckdb::TableFilterSet> filters) {
  if (!filters) return;
  for (const auto& [column, filter] : filters->filters) {
    entries_.push_back({column, filter.get(), duckdb::TableFilterState::Initialize(context, *filter)});
  }
}

void ScanFilters::Apply(size_t index, duckdb::Vector& vector, size_t rows, duckdb::SelectionVector& sel,
                        size_t& count) {
  Entry& entry = entries_[index];
  duckdb::UnifiedVectorFormat format;
  vector.ToUnifiedFormat(rows, format);
  duckdb::idx_t approved = count;
  duckdb::ColumnSegment::FilterSelection(sel, vector, format, *entry.filter, *entry.state, rows, approved);
  count = approved;
}

KeyBounds BoundsOf(const catalog::Table& table, UserId user, const std::vector<ScanColumn>& columns,
                   duckdb::optional_ptr<duckdb::TableFilterSet> filters) {
  KeyBounds result;
  const std::string partition = row::PartitionPrefix(table.id, user);
  result.lower = partition;
  result.upper = row::PrefixEnd(partition);
  if (!filters) return result;
  std::string prefix = partition;
  const row::Schema& schema = *table.schema();
  for (const uint16_t ordinal : schema.key_ordinals()) {
    ValueBounds bounds;
    for (const auto& [index, filter] : filters->filters) {
      if (columns[index].kind == ScanColumn::Kind::kStored && columns[index].ordinal == ordinal)
        Narrow(*filter, &bounds);
    }
    const row::Type& type = schema.column(ordinal).type;
    const auto key_of = [&](const duckdb::Value& value) {
      std::string key = prefix;
      row::AppendKeyValue(type, FromEngineValue(type, value), &key);
      return key;
    };
    if (bounds.low) result.lower = bounds.low_open ? row::PrefixEnd(key_of(*bounds.low)) : key_of(*bounds.low);
    if (bounds.high) result.upper = bounds.high_open ? key_of(*bounds.high) : row::PrefixEnd(key_of(*bounds.high));
    result.narrowed = result.narrowed || bounds.low || bounds.high;
    if (!bounds.IsPoint()) break;
    prefix = key_of(*bounds.low);
  }
  result.empty = result.upper.empty() ? false : result.lower >= result.upper;
  return result;
}

IntegerBounds IntegerBoundsOf(const TableFilter& filter) {
  ValueBounds bounds;
  Narrow(filter, &bounds);
  IntegerBounds result;
  if (bounds.low && bounds.low->type().InternalType() == duckdb::PhysicalType::INT64)
    result.low = bounds.low->GetValueUnsafe<int64_t>();
  if (bounds.high && bounds.high->type().InternalType() == duckdb::PhysicalType::INT64)
    result.high = bounds.high->GetValueUnsafe<int64_t>();
  return result;
}

}  // namespace kalamdb::engine
