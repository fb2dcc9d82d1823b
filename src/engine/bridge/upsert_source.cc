// Finds the DISTINCT that the binder puts on top of an upsert's input.
#include "engine/bridge/upsert_source.h"

#include "duckdb/planner/operator/logical_distinct.hpp"

namespace kalamdb::engine {
namespace {

using Type = duckdb::LogicalOperatorType;

// The topmost DISTINCT ON below plain projections: it passes its input's columns through, so it can go.
bool TakeOut(duckdb::unique_ptr<duckdb::LogicalOperator>& op) {
  if (op->type == Type::LOGICAL_PROJECTION) return TakeOut(op->children[0]);
  if (op->type != Type::LOGICAL_DISTINCT || op->Cast<duckdb::LogicalDistinct>().distinct_type != duckdb::DistinctType::DISTINCT_ON) return false;
  op = std::move(op->children[0]);
  return true;
}

bool FromJoin(duckdb::LogicalOperator& op) {
  if (op.type == Type::LOGICAL_PROJECTION || op.type == Type::LOGICAL_FILTER) return FromJoin(*op.children[0]);
  for (auto& child : op.children) {
    if (TakeOut(child)) return true;
  }
  return false;
}

}  // namespace

void KeepEqualKeys(duckdb::LogicalOperator& plan) {
  if (plan.type == Type::LOGICAL_MERGE_INTO) {
    FromJoin(*plan.children[0]);
    return;
  }
  for (auto& child : plan.children) KeepEqualKeys(*child);
}

}  // namespace kalamdb::engine
