// The one node that goes: the topmost DISTINCT ON below a MERGE that came from ON CONFLICT DO UPDATE.
#include "engine/bridge/upsert_source.h"

#include "duckdb/planner/operator/logical_distinct.hpp"
#include "duckdb/planner/operator/logical_merge_into.hpp"

namespace kalamdb::engine {
namespace {

bool Updates(const duckdb::LogicalMergeInto& merge) {
  for (const auto& [condition, actions] : merge.actions) {
    for (const auto& action : actions) {
      if (action->action_type == duckdb::MergeActionType::MERGE_UPDATE) return true;
    }
  }
  return false;
}

// True once it is done. A DISTINCT ON that the statement itself holds stands below the engine's own.
bool TakeOutDistinct(duckdb::unique_ptr<duckdb::LogicalOperator>& node) {
  if (node->type == duckdb::LogicalOperatorType::LOGICAL_DISTINCT &&
      node->Cast<duckdb::LogicalDistinct>().distinct_type == duckdb::DistinctType::DISTINCT_ON) {
    node = std::move(node->children[0]);
    return true;
  }
  for (auto& child : node->children) {
    if (TakeOutDistinct(child)) return true;
  }
  return false;
}

}  // namespace

void KeepEveryRowOfAnUpsert(duckdb::LogicalOperator& plan) {
  for (auto& child : plan.children) KeepEveryRowOfAnUpsert(*child);
  if (plan.type != duckdb::LogicalOperatorType::LOGICAL_MERGE_INTO || !Updates(plan.Cast<duckdb::LogicalMergeInto>()))
    return;
  TakeOutDistinct(plan.children[0]);
}

}  // namespace kalamdb::engine
