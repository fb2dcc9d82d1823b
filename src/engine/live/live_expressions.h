// Binding and simplifying the expressions of a live query, outside of any statement. Pure but for the context. Private
// to engine/.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "duckdb/planner/binder.hpp"
#include "duckdb/planner/expression.hpp"
#include "engine/live/live_binding.h"

namespace kalamdb::engine {

using LiveExpressions = duckdb::vector<duckdb::unique_ptr<duckdb::Expression>>;

duckdb::LogicalType SystemColumnType(SystemColumn column);

// All that an expression may read: the columns of the schema, then the system's. An expression's column i is input i.
std::vector<LiveInput> AllLiveInputs(const row::Schema& schema);
void AddLiveColumns(duckdb::Binder& binder, const row::Schema& schema, const std::vector<LiveInput>& inputs);

// Exceptions of the engine pass through. An INVALID target leaves the type as it is.
duckdb::unique_ptr<duckdb::Expression> BindLiveExpression(duckdb::Binder& binder, duckdb::ClientContext& context,
                                                          const duckdb::ParsedExpression& parsed,
                                                          const duckdb::LogicalType& target);

// Asked before SimplifyLive: the engine folds functions of time and session into constants. Errors: kUnsupported naming
// the function.
Status CheckStable(const duckdb::Expression& expression);

// Folds constants, simplifies comparisons; the one conjunct becomes many.
void SimplifyLive(duckdb::Binder& binder, duckdb::ClientContext& context, LiveExpressions* projections,
                  LiveExpressions* conjuncts);

// `column = constant` of exactly its type, where equal values have equal bytes.
std::optional<EqualityTerm> EqualityOf(const duckdb::Expression& expression, const row::Schema& schema);
bool IsConstantTrue(const duckdb::Expression& expression);

// Text that is the same only for expressions that mean the same: its own, and the types of its constants.
std::string LiveKeyText(const duckdb::Expression& expression);

// Columns of the binding become columns of the program's chunk; those it does not read are not in it.
void CompactProgram(const std::vector<LiveInput>& all, LiveProgram* program);

// What the engine threw while binding.
Error MapLiveBindError(const std::exception& exception, std::string_view text);

}  // namespace kalamdb::engine
