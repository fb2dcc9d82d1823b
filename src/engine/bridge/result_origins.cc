// Follows column bindings down to a scan.
#include "engine/bridge/result_origins.h"

#include "duckdb/planner/expression/bound_columnref_expression.hpp"
#include "duckdb/planner/operator/logical_comparison_join.hpp"
#include "duckdb/planner/operator/logical_delete.hpp"
#include "duckdb/planner/operator/logical_get.hpp"
#include "duckdb/planner/operator/logical_insert.hpp"
#include "duckdb/planner/operator/logical_merge_into.hpp"
#include "duckdb/planner/operator/logical_update.hpp"
#include "engine/bridge/scan.h"
#include "engine/bridge/table_entry.h"

namespace kalamdb::engine {
namespace {

ResultOrigin OfColumn(const TableEntry& entry, size_t column) {
  const auto& stored = entry.table()->schema()->column(entry.ordinal_of(column));
  return {stored.IsKey(), !stored.nullable || stored.IsKey()};
}

// A row of RETURNING is one of the table; behind it a MERGE says what it did.
ResultOrigin OfTarget(const duckdb::TableCatalogEntry& target, bool returns, size_t column) {
  const auto* entry = dynamic_cast<const TableEntry*>(&target);
  if (entry == nullptr || !returns || column >= entry->GetColumns().LogicalColumnCount()) return {};
  return OfColumn(*entry, column);
}

ResultOrigin OfScan(const duckdb::LogicalGet& get, const duckdb::ColumnBinding& binding) {
  if (get.function.name != kScanName || binding.column_index >= get.GetColumnIds().size()) return {};
  const auto column = get.GetColumnIds()[binding.column_index].GetPrimaryIndex();
  const TableEntry& entry = get.bind_data->Cast<ScanBindData>().entry;
  if (column == kColumnHiddenId) return {true, true};
  if (column >= (1ull << 63)) return {};
  return OfColumn(entry, column);
}

ResultOrigin Trace(duckdb::LogicalOperator& op, const duckdb::ColumnBinding& binding);

bool Makes(duckdb::LogicalOperator& op, const duckdb::ColumnBinding& binding) {
  for (const auto& made : op.GetColumnBindings()) {
    if (made == binding) return true;
  }
  return false;
}

// The side that an outer join fills up with NULL is not followed.
ResultOrigin OfJoin(duckdb::LogicalOperator& op, const duckdb::ColumnBinding& binding, duckdb::JoinType type) {
  using duckdb::JoinType;
  if (type == JoinType::OUTER) return {};
  if (type != JoinType::RIGHT && Makes(*op.children[0], binding)) return Trace(*op.children[0], binding);
  const bool right = type == JoinType::INNER || type == JoinType::RIGHT;
  return right && Makes(*op.children[1], binding) ? Trace(*op.children[1], binding) : ResultOrigin{};
}

// Aggregates and set operations make other values of a column: not followed.
ResultOrigin Trace(duckdb::LogicalOperator& op, const duckdb::ColumnBinding& binding) {
  using Type = duckdb::LogicalOperatorType;
  switch (op.type) {
    case Type::LOGICAL_GET: return OfScan(op.Cast<duckdb::LogicalGet>(), binding);
    case Type::LOGICAL_INSERT: {
      const auto& insert = op.Cast<duckdb::LogicalInsert>();
      return OfTarget(insert.table, insert.return_chunk, binding.column_index);
    }
    case Type::LOGICAL_UPDATE: {
      const auto& update = op.Cast<duckdb::LogicalUpdate>();
      return OfTarget(update.table, update.return_chunk, binding.column_index);
    }
    case Type::LOGICAL_DELETE: {
      const auto& del = op.Cast<duckdb::LogicalDelete>();
      return OfTarget(del.table, del.return_chunk, binding.column_index);
    }
    case Type::LOGICAL_MERGE_INTO: {
      const auto& merge = op.Cast<duckdb::LogicalMergeInto>();
      return OfTarget(merge.table, merge.return_chunk, binding.column_index);
    }
    case Type::LOGICAL_PROJECTION: {
      const auto& expression = *op.expressions[binding.column_index];
      if (expression.GetExpressionClass() != duckdb::ExpressionClass::BOUND_COLUMN_REF) return {};
      return Trace(*op.children[0], expression.Cast<duckdb::BoundColumnRefExpression>().binding);
    }
    case Type::LOGICAL_COMPARISON_JOIN:
    case Type::LOGICAL_DELIM_JOIN: return OfJoin(op, binding, op.Cast<duckdb::LogicalComparisonJoin>().join_type);
    case Type::LOGICAL_CROSS_PRODUCT: return OfJoin(op, binding, duckdb::JoinType::INNER);
    case Type::LOGICAL_WINDOW:
      if (!Makes(*op.children[0], binding)) return {};
      return Trace(*op.children[0], binding);
    case Type::LOGICAL_DISTINCT:
    case Type::LOGICAL_FILTER:
    case Type::LOGICAL_ORDER_BY:
    case Type::LOGICAL_LIMIT:
    case Type::LOGICAL_TOP_N: return Trace(*op.children[0], binding);
    default: return {};
  }
}

}  // namespace

std::vector<ResultOrigin> OriginsOf(duckdb::LogicalOperator& plan) {
  std::vector<ResultOrigin> origins;
  for (const auto& binding : plan.GetColumnBindings()) origins.push_back(Trace(plan, binding));
  return origins;
}

}  // namespace kalamdb::engine
