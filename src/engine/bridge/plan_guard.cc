// Walks bound plans.
#include "engine/bridge/plan_guard.h"

#include <array>
#include <string_view>

#include "duckdb/main/client_config.hpp"
#include "duckdb/planner/expression/bound_aggregate_expression.hpp"
#include "duckdb/planner/expression/bound_function_expression.hpp"
#include "duckdb/planner/expression/bound_window_expression.hpp"
#include "duckdb/planner/logical_operator_visitor.hpp"
#include "duckdb/planner/operator/logical_get.hpp"
#include "engine/bridge/aggregate_memory.h"
#include "engine/bridge/column_casts.h"
#include "engine/bridge/heap_scope.h"
#include "engine/bridge/run_state.h"
#include "engine/bridge/upsert_source.h"

namespace kalamdb::engine {
namespace {

constexpr std::array<std::string_view, 10> kScans = {"kalam_scan", "kalam_virtual_scan", "range",     "generate_series",
                                                     "unnest",     "json_each",          "json_tree", "repeat",
                                                     "summary",    "repeat_row"};
constexpr std::array<std::string_view, 7> kFileScans = {"read_parquet", "parquet_scan",   "read_csv", "read_csv_auto",
                                                        "read_json",    "read_json_auto", "glob"};
constexpr std::array<std::string_view, 16> kForbiddenFunctions = {"getenv",
                                                                  "getvariable",
                                                                  "current_setting",
                                                                  "nextval",
                                                                  "currval",
                                                                  "txid_current",
                                                                  "current_query",
                                                                  "write_log",
                                                                  "read_text",
                                                                  "read_blob",
                                                                  "parse_duckdb_log_message",
                                                                  "json_execute_serialized_sql",
                                                                  "current_database",
                                                                  "current_schemas",
                                                                  "in_search_path",
                                                                  "current_connection_id"};

template <size_t n>
bool Contains(const std::array<std::string_view, n>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

class Guard final : public duckdb::LogicalOperatorVisitor {
 public:
  explicit Guard(const RunState& run) : run_(run) {}

  void VisitOperator(duckdb::LogicalOperator& op) override {
    using Type = duckdb::LogicalOperatorType;
    switch (op.type) {
      case Type::LOGICAL_GET: CheckScan(op.Cast<duckdb::LogicalGet>()); break;
      case Type::LOGICAL_COPY_TO_FILE:
        if (!run_.allow_files) Refuse("COPY");
        break;
      case Type::LOGICAL_ORDER_BY:
      case Type::LOGICAL_WINDOW: sorts_ = true; break;
      case Type::LOGICAL_CROSS_PRODUCT:
      case Type::LOGICAL_COMPARISON_JOIN:
      case Type::LOGICAL_DELIM_JOIN:
      case Type::LOGICAL_ANY_JOIN: joins_ = true; break;
      case Type::LOGICAL_SET:
      case Type::LOGICAL_RESET:
      case Type::LOGICAL_PRAGMA:
      case Type::LOGICAL_ATTACH:
      case Type::LOGICAL_DETACH:
      case Type::LOGICAL_LOAD:
      case Type::LOGICAL_VACUUM:
      case Type::LOGICAL_EXPORT:
      case Type::LOGICAL_ALTER:
      case Type::LOGICAL_DROP:
      case Type::LOGICAL_CREATE_TABLE:
      case Type::LOGICAL_CREATE_INDEX:
      case Type::LOGICAL_CREATE_SEQUENCE:
      case Type::LOGICAL_CREATE_VIEW:
      case Type::LOGICAL_CREATE_SCHEMA:
      case Type::LOGICAL_CREATE_MACRO:
      case Type::LOGICAL_CREATE_TYPE:
      case Type::LOGICAL_CREATE_SECRET:
      case Type::LOGICAL_UPDATE_EXTENSIONS: Refuse("this statement");
      default: break;
    }
    VisitOperatorExpressions(op);
    VisitOperatorChildren(op);
  }

  // Whether sorts alone heed this setting of the engine in this plan: they then merge 2,048 rows at a time instead of
  // 122,880, as fast, and wide rows of a sort far above the memory limit have room.
  bool MergesInSmallPieces() const { return sorts_ && !joins_; }

 protected:
  duckdb::unique_ptr<duckdb::Expression> VisitReplace(duckdb::BoundFunctionExpression& expr,
                                                      duckdb::unique_ptr<duckdb::Expression>*) override {
    if (Contains(kForbiddenFunctions, expr.function.name)) {
      throw duckdb::CatalogException("Scalar Function with name %s does not exist!", expr.function.name);
    }
    return nullptr;
  }
  duckdb::unique_ptr<duckdb::Expression> VisitReplace(duckdb::BoundAggregateExpression& expr,
                                                      duckdb::unique_ptr<duckdb::Expression>*) override {
    ChargeAggregate(&expr.function);
    return nullptr;
  }
  duckdb::unique_ptr<duckdb::Expression> VisitReplace(duckdb::BoundWindowExpression& expr,
                                                      duckdb::unique_ptr<duckdb::Expression>*) override {
    if (expr.aggregate) ChargeAggregate(expr.aggregate.get());
    return nullptr;
  }

 private:
  void CheckScan(const duckdb::LogicalGet& get) const {
    const std::string_view name = get.function.name;
    if (Contains(kScans, name) || (run_.allow_files && Contains(kFileScans, name))) return;
    throw duckdb::CatalogException("Table Function with name %s does not exist!", get.function.name);
  }
  [[noreturn]] static void Refuse(const char* what) {
    throw duckdb::PermissionException("%s is not allowed here", what);
  }

  const RunState& run_;
  bool sorts_ = false, joins_ = false;
};

void Check(duckdb::OptimizerExtensionInput& input, duckdb::unique_ptr<duckdb::LogicalOperator>& plan) {
  auto session = input.context.registered_state->Get<SessionState>(kSessionKey);
  if (!session || session->run == nullptr) return;  // the engine's own connections: opening, Parquet files of flushes
  HeapScope::Watch(session->run->ended);
  Guard guard(*session->run);
  guard.VisitOperator(*plan);
  duckdb::ClientConfig::GetConfig(input.context).verify_parallelism = guard.MergesInSmallPieces();
  if (session->run->is_insert) KeepEveryRowOfAnUpsert(*plan);
  NameColumnsOfCasts(*plan, &session->run->parameter_targets);
  session->run->origins = OriginsOf(*plan);
  if (session->run->binding_only) session->run->marks = FindColumnMarks(*plan);
}

// What follows is quick, and touches what statements share: it is not ended in between. EXPLAIN draws the plan, which
// takes seconds where that is wide, and shares nothing.
void Settle(duckdb::OptimizerExtensionInput&, duckdb::unique_ptr<duckdb::LogicalOperator>& plan) {
  if (plan->type != duckdb::LogicalOperatorType::LOGICAL_EXPLAIN) HeapScope::Watch(nullptr);
}

}  // namespace

duckdb::OptimizerExtension MakePlanGuard() {
  duckdb::OptimizerExtension extension;
  extension.pre_optimize_function = Check;
  extension.optimize_function = Settle;
  return extension;
}

}  // namespace kalamdb::engine
