// INSERT, UPDATE and DELETE as operators of a physical plan. MERGE and ON CONFLICT are the engine's MERGE operator over
// these three.
//
// The sinks put rows into the run's PendingWrites; nothing is committed here. They check NOT NULL, CHECK, VARCHAR
// length and DECIMAL range with our codes, naming the row. As sources they give the count, or the rows of RETURNING.
#pragma once

#include <string>
#include <vector>

#include "duckdb.hpp"
#include "duckdb/execution/physical_operator.hpp"
#include "duckdb/planner/bound_constraint.hpp"
#include "engine/bridge/table_entry.h"

namespace kalamdb::engine {

class DmlOperator : public duckdb::PhysicalOperator {
 public:
  DmlOperator(duckdb::PhysicalPlan& plan, duckdb::vector<duckdb::LogicalType> result_types, TableEntry& table_entry,
              bool returns, duckdb::vector<duckdb::unique_ptr<duckdb::BoundConstraint>> bound_constraints,
              duckdb::idx_t estimate);

  TableEntry& entry;
  const bool returning;
  duckdb::vector<duckdb::unique_ptr<duckdb::BoundConstraint>> constraints;

  bool IsSink() const override { return true; }
  bool ParallelSink() const override { return false; }
  bool SinkOrderDependent() const override { return true; }
  bool IsSource() const override { return true; }
  duckdb::unique_ptr<duckdb::GlobalSinkState> GetGlobalSinkState(duckdb::ClientContext& context) const override;
  duckdb::unique_ptr<duckdb::GlobalSourceState> GetGlobalSourceState(duckdb::ClientContext& context) const override;
  duckdb::SourceResultType GetData(duckdb::ExecutionContext& context, duckdb::DataChunk& chunk,
                                   duckdb::OperatorSourceInput& input) const override;
};

class InsertOperator final : public DmlOperator {
 public:
  InsertOperator(duckdb::PhysicalPlan& plan, duckdb::vector<duckdb::LogicalType> result_types, TableEntry& table_entry,
                 bool returns, duckdb::vector<duckdb::unique_ptr<duckdb::BoundConstraint>> bound_constraints,
                 duckdb::idx_t estimate, bool fresh, bool bulk)
      : DmlOperator(plan, std::move(result_types), table_entry, returns, std::move(bound_constraints), estimate),
        fresh_keys(fresh),
        may_bulk(bulk) {}
  const bool fresh_keys, may_bulk;
  duckdb::string GetName() const override { return "INSERT"; }
  duckdb::SinkResultType Sink(duckdb::ExecutionContext& context, duckdb::DataChunk& chunk,
                              duckdb::OperatorSinkInput& input) const override;
};

// Two chunk columns from row_id_start on are place and old row.
class UpdateOperator final : public DmlOperator {
 public:
  UpdateOperator(duckdb::PhysicalPlan& plan, duckdb::vector<duckdb::LogicalType> result_types, TableEntry& table_entry,
                 bool returns, duckdb::vector<duckdb::unique_ptr<duckdb::BoundConstraint>> bound_constraints,
                 duckdb::idx_t estimate)
      : DmlOperator(plan, std::move(result_types), table_entry, returns, std::move(bound_constraints), estimate) {}
  std::vector<size_t> columns;                                    // of the engine, in the order of `values`
  duckdb::vector<duckdb::unique_ptr<duckdb::Expression>> values;  // over the input chunk
  duckdb::optional_idx row_id_start;                              // MERGE; else the last two columns
  duckdb::string GetName() const override { return "UPDATE"; }
  duckdb::SinkResultType Sink(duckdb::ExecutionContext& context, duckdb::DataChunk& chunk,
                              duckdb::OperatorSinkInput& input) const override;
};

class DeleteOperator final : public DmlOperator {
 public:
  DeleteOperator(duckdb::PhysicalPlan& plan, duckdb::vector<duckdb::LogicalType> result_types, TableEntry& table_entry,
                 bool returns, duckdb::vector<duckdb::unique_ptr<duckdb::BoundConstraint>> bound_constraints,
                 duckdb::idx_t estimate, size_t place, size_t old)
      : DmlOperator(plan, std::move(result_types), table_entry, returns, std::move(bound_constraints), estimate),
        place_index(place),
        old_index(old) {}
  const size_t place_index, old_index;
  duckdb::string GetName() const override { return "DELETE"; }
  duckdb::SinkResultType Sink(duckdb::ExecutionContext& context, duckdb::DataChunk& chunk,
                              duckdb::OperatorSinkInput& input) const override;
};

}  // namespace kalamdb::engine
