// Turns logical DML over our tables into our operators.
#include "duckdb/common/index_vector.hpp"
#include "duckdb/execution/operator/persistent/physical_merge_into.hpp"
#include "duckdb/execution/physical_plan_generator.hpp"
#include "duckdb/planner/expression/bound_reference_expression.hpp"
#include "duckdb/planner/operator/logical_delete.hpp"
#include "duckdb/planner/operator/logical_insert.hpp"
#include "duckdb/planner/operator/logical_merge_into.hpp"
#include "duckdb/planner/operator/logical_update.hpp"
#include "engine/access.h"
#include "engine/bridge/catalog.h"
#include "engine/bridge/dml.h"
#include "engine/bridge/run_state.h"

namespace kalamdb::engine {
namespace {

// The table behind a DML target, after the questions that every change asks.
TableEntry& TargetOf(duckdb::ClientContext& context, duckdb::TableCatalogEntry& target, bool only_inserts) {
  RunState& run = RunOf(context);
  auto* entry = dynamic_cast<TableEntry*>(&target);
  if (entry == nullptr)
    Throw(run, Error{ErrorCode::kUnsupported, target.schema.name + "." + target.name + " is read-only"});
  const catalog::Table& table = *entry->table();
  if (!CanWrite(run.identity(), table)) {
    Throw(run, Error{ErrorCode::kPermissionDenied, "the role " + std::string(auth::RoleName(run.identity().role)) +
                                                       " may read " + table.QualifiedName() + ", but not write it"});
  }
  if (table.kind == catalog::TableKind::kStream && !only_inserts) {
    Throw(run, Error{ErrorCode::kUnsupported,
                     "rows of the stream " + table.QualifiedName() + " are never changed: they leave by their TTL"});
  }
  return *entry;
}

bool IsGenerator(const std::string& text) {
  std::string folded;
  for (const char c : text) {
    if (c != ' ') folded.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
  }
  return folded == "snowflake_id()" || folded == "uuid_v7()" || folded == "ulid()";
}

// The key comes from a generator of the server at every row of this INSERT.
bool HasFreshKeys(const TableEntry& entry, const duckdb::physical_index_vector_t<duckdb::idx_t>& given) {
  if (entry.hidden() != 0) return true;
  const row::Schema& schema = *entry.table()->schema();
  if (schema.key_ordinals().size() != 1 || given.empty()) return false;
  const size_t key = schema.key_ordinals()[0];
  return given[duckdb::PhysicalIndex(key)] == duckdb::DConstants::INVALID_INDEX &&
         IsGenerator(schema.column(key).write_default);
}

duckdb::vector<duckdb::unique_ptr<duckdb::BoundConstraint>> CopyOf(
    const duckdb::vector<duckdb::unique_ptr<duckdb::BoundConstraint>>& from) {
  duckdb::vector<duckdb::unique_ptr<duckdb::BoundConstraint>> result;
  for (const auto& constraint : from) result.push_back(constraint->Copy());
  return result;
}

void FillAssignments(UpdateOperator& update, const duckdb::vector<duckdb::PhysicalIndex>& columns,
                     duckdb::vector<duckdb::unique_ptr<duckdb::Expression>>& expressions,
                     const duckdb::vector<duckdb::unique_ptr<duckdb::Expression>>& defaults) {
  for (size_t i = 0; i < columns.size(); ++i) {
    update.columns.push_back(columns[i].index);
    const bool is_default = expressions[i]->GetExpressionType() == duckdb::ExpressionType::VALUE_DEFAULT;
    update.values.push_back(is_default ? defaults[columns[i].index]->Copy() : std::move(expressions[i]));
  }
}

duckdb::unique_ptr<duckdb::MergeIntoOperator> PlanAction(duckdb::PhysicalPlanGenerator& planner, TableEntry& entry,
                                                         duckdb::LogicalMergeInto& op,
                                                         duckdb::BoundMergeIntoAction& action) {
  using duckdb::MergeActionType;
  auto result = duckdb::make_uniq<duckdb::MergeIntoOperator>();
  result->action_type = action.action_type;
  result->condition = std::move(action.condition);
  auto types = op.types;
  if (op.return_chunk) types.pop_back();  // merge_action
  if (action.action_type == MergeActionType::MERGE_UPDATE) {
    auto& update = planner.Make<UpdateOperator>(types, entry, op.return_chunk, CopyOf(op.bound_constraints), 1)
                       .Cast<UpdateOperator>();
    FillAssignments(update, action.columns, action.expressions, op.bound_defaults);
    update.row_id_start = op.row_id_start;
    result->op = update;
  } else if (action.action_type == MergeActionType::MERGE_DELETE) {
    result->op = planner.Make<DeleteOperator>(types, entry, op.return_chunk, CopyOf(op.bound_constraints), 1,
                                              op.row_id_start, op.row_id_start + 1);
  } else if (action.action_type == MergeActionType::MERGE_INSERT) {
    const bool fresh = HasFreshKeys(entry, action.column_index_map);
    result->op =
        planner.Make<InsertOperator>(types, entry, op.return_chunk, CopyOf(op.bound_constraints), 1, fresh, false);
    if (!action.column_index_map.empty()) {
      duckdb::vector<duckdb::unique_ptr<duckdb::Expression>> all;
      for (auto& column : entry.GetColumns().Physical()) {
        const auto mapped = action.column_index_map[column.Physical()];
        all.push_back(mapped == duckdb::DConstants::INVALID_INDEX ? op.bound_defaults[column.StorageOid()]->Copy()
                                                                  : std::move(action.expressions[mapped]));
      }
      action.expressions = std::move(all);
    }
    result->expressions = std::move(action.expressions);
  } else if (action.action_type == MergeActionType::MERGE_ERROR) {
    result->expressions = std::move(action.expressions);
  }
  return result;
}

}  // namespace

duckdb::PhysicalOperator& KalamCatalog::PlanInsert(duckdb::ClientContext& context,
                                                   duckdb::PhysicalPlanGenerator& planner, duckdb::LogicalInsert& op,
                                                   duckdb::optional_ptr<duckdb::PhysicalOperator> plan) {
  TableEntry& entry = TargetOf(context, op.table, true);
  const bool fresh = HasFreshKeys(entry, op.column_index_map);
  if (!op.column_index_map.empty()) plan = planner.ResolveDefaultsProjection(op, *plan);
  auto& insert = planner.Make<InsertOperator>(op.types, entry, op.return_chunk, std::move(op.bound_constraints),
                                              op.estimated_cardinality, fresh, true);
  insert.children.push_back(*plan);
  return insert;
}

duckdb::PhysicalOperator& KalamCatalog::PlanUpdate(duckdb::ClientContext& context,
                                                   duckdb::PhysicalPlanGenerator& planner, duckdb::LogicalUpdate& op,
                                                   duckdb::PhysicalOperator& plan) {
  TableEntry& entry = TargetOf(context, op.table, false);
  auto& update = planner
                     .Make<UpdateOperator>(op.types, entry, op.return_chunk, std::move(op.bound_constraints),
                                           op.estimated_cardinality)
                     .Cast<UpdateOperator>();
  FillAssignments(update, op.columns, op.expressions, op.bound_defaults);
  update.children.push_back(plan);
  return update;
}

duckdb::PhysicalOperator& KalamCatalog::PlanDelete(duckdb::ClientContext& context,
                                                   duckdb::PhysicalPlanGenerator& planner, duckdb::LogicalDelete& op,
                                                   duckdb::PhysicalOperator& plan) {
  TableEntry& entry = TargetOf(context, op.table, false);
  if (op.expressions.size() < 2) throw duckdb::NotImplementedException("a DELETE without its row ids");
  const auto place = op.expressions[0]->Cast<duckdb::BoundReferenceExpression>().index;
  const auto old = op.expressions[1]->Cast<duckdb::BoundReferenceExpression>().index;
  auto& del = planner.Make<DeleteOperator>(op.types, entry, op.return_chunk, std::move(op.bound_constraints),
                                           op.estimated_cardinality, place, old);
  del.children.push_back(plan);
  return del;
}

duckdb::PhysicalOperator& KalamCatalog::PlanMergeInto(duckdb::ClientContext& context,
                                                      duckdb::PhysicalPlanGenerator& planner,
                                                      duckdb::LogicalMergeInto& op, duckdb::PhysicalOperator& plan) {
  bool only_inserts = true;
  for (const auto& [condition, actions] : op.actions) {
    for (const auto& action : actions) {
      only_inserts = only_inserts && (action->action_type == duckdb::MergeActionType::MERGE_INSERT ||
                                      action->action_type == duckdb::MergeActionType::MERGE_DO_NOTHING);
    }
  }
  TableEntry& entry = TargetOf(context, op.table, only_inserts);
  duckdb::map<duckdb::MergeActionCondition, duckdb::vector<duckdb::unique_ptr<duckdb::MergeIntoOperator>>> planned;
  for (auto& [condition, actions] : op.actions) {
    for (auto& action : actions) planned[condition].push_back(PlanAction(planner, entry, op, *action));
  }
  auto& merge = planner.Make<duckdb::PhysicalMergeInto>(op.types, std::move(planned), op.row_id_start, op.source_marker,
                                                        false, op.return_chunk);
  merge.children.push_back(plan);
  return merge;
}

}  // namespace kalamdb::engine
