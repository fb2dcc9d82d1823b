// Wraps the functions of the system catalog.
#include "engine/bridge/bounded_functions.h"

#include <algorithm>
#include <array>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "duckdb/catalog/catalog_entry/scalar_function_catalog_entry.hpp"
#include "duckdb/catalog/catalog_entry/schema_catalog_entry.hpp"
#include "duckdb/common/vector_operations/vector_operations.hpp"
#include "duckdb/execution/expression_executor.hpp"
#include "duckdb/execution/expression_executor_state.hpp"
#include "duckdb/function/scalar_function.hpp"
#include "engine/bridge/call_sizes.h"
#include "engine/bridge/engine_memory.h"
#include "engine/bridge/heap_scope.h"
#include "engine/bridge/pattern_match.h"
#include "engine/bridge/regex_bounds.h"
#include "engine/bridge/run_state.h"
#include "engine/front/error_mapping.h"

namespace kalamdb::engine {
namespace {

using duckdb::DataChunk;
using duckdb::ExpressionState;
using duckdb::ScalarFunction;
using duckdb::Vector;
using duckdb::VectorType;

// What the guard knows of a function; hangs in the function, so that its bind finds it.
struct Guarded final : duckdb::ScalarFunctionInfo {
  std::string name;
  uint64_t value_bytes = 0;
  CallSize size = nullptr;
  PatternKind pattern = PatternKind::kNone;
  bool counts_matches = false;  // regexp_replace
  bool makes_what_it_holds = false;
  bool takes_program = false, walks_json = false, finds_all = false;
  duckdb::scalar_function_t function;
  duckdb::bind_scalar_function_t bind = nullptr;
  duckdb::bind_scalar_function_extended_t bind_extended = nullptr;
};
using GuardedPtr = duckdb::shared_ptr<Guarded>;

void EndIfInterrupted(ExpressionState& state) {
  if (state.HasContext() && state.GetContext().interrupted) throw duckdb::InterruptException();
}

// The run of a statement that the call is a part of; nullptr: a CHECK, a live query, or something of the engine's own.
const RunState* RunOfCall(ExpressionState& state) {
  if (!state.HasContext()) return nullptr;
  const auto session = state.GetContext().registered_state->Get<SessionState>(kSessionKey);
  return session ? session->run : nullptr;
}

// Whether the planner makes the call to see if it is a constant; what is thrown then mostly ends that attempt only.
bool IsFolding(ExpressionState& state) {
  const RunState* run = RunOfCall(state);
  return run != nullptr && run->planning_thread.load() == std::this_thread::get_id();
}

[[noreturn]] void RefuseProgram(const std::string& name, uint64_t bytes) {
  ThrowError(Error{ErrorCode::kTooLarge, "the pattern of " + name + " has " + std::to_string(bytes) + " bytes, " +
                                             std::to_string(kMostProgramBytes) + " are the most"});
}

// Rows [begin, end) of the arguments.
void Slice(DataChunk& input, size_t begin, size_t end, DataChunk* slice) {
  slice->InitializeEmpty(input.GetTypes());
  for (size_t i = 0; i < input.ColumnCount(); ++i) slice->data[i].Slice(input.data[i], begin, end);
  slice->SetCardinality(end - begin);
}

// How long the result of regexp_replace is, by running it with a replacement of none and of one character.
uint64_t SizeByMatches(const duckdb::scalar_function_t& function, DataChunk& input, size_t row,
                       ExpressionState& state) {
  const auto run = [&](const char* replacement) {
    DataChunk one;
    Slice(input, row, row + 1, &one);
    one.data[2].Reference(duckdb::Value(replacement));
    Vector result(duckdb::LogicalType::VARCHAR);
    function(one, state, result);
    duckdb::UnifiedVectorFormat format;
    result.ToUnifiedFormat(1, format);
    return duckdb::UnifiedVectorFormat::GetData<duckdb::string_t>(format)[format.sel->get_index(0)].GetSize();
  };
  const CallArguments call(input);
  const std::string_view replacement = call.Text(2, row);
  const uint64_t rest = run(""), matches = run("x") - rest;
  const auto references = static_cast<uint64_t>(std::count(replacement.begin(), replacement.end(), '\\'));
  return rest + call.Bytes(0, row) * references + matches * replacement.size();
}

// Bytes of all rows of texts and lists, at most.
uint64_t Held(DataChunk& input) {
  uint64_t held = 0;
  for (auto& column : input.data) {
    const auto physical = column.GetType().InternalType();
    if (physical == duckdb::PhysicalType::VARCHAR && column.GetVectorType() == VectorType::FLAT_VECTOR) {
      const auto* texts = duckdb::FlatVector::GetData<duckdb::string_t>(column);
      const auto& validity = duckdb::FlatVector::Validity(column);
      for (size_t i = 0; i < input.size(); ++i) held += validity.RowIsValid(i) ? texts[i].GetSize() : 0;
    } else if (physical == duckdb::PhysicalType::VARCHAR && column.GetVectorType() == VectorType::CONSTANT_VECTOR) {
      if (!duckdb::ConstantVector::IsNull(column))
        held += input.size() * duckdb::ConstantVector::GetData<duckdb::string_t>(column)->GetSize();
    } else if (physical == duckdb::PhysicalType::VARCHAR || physical == duckdb::PhysicalType::LIST) {
      DataChunk one;
      one.InitializeEmpty({column.GetType()});
      one.data[0].Reference(column);
      one.SetCardinality(input.size());
      const CallArguments call(one);
      for (size_t i = 0; i < input.size(); ++i) held += call.Bytes(0, i);
    }
  }
  return held;
}

class Call {
 public:
  Call(const Guarded& guarded, DataChunk& input, ExpressionState& state, Vector& result)
      : guarded_(guarded), input_(input), state_(state), result_(result) {}

  void Run() {
    EndIfInterrupted(state_);
    if (input_.ColumnCount() == 0 || input_.size() == 0) return Apply(input_, result_);
    uint64_t work = Held(input_);
    const bool sized = guarded_.size != nullptr &&
                       !(guarded_.makes_what_it_holds && work <= kFoldedBytes && work <= guarded_.value_bytes);
    if (sized || (guarded_.takes_program && work > kMostProgramBytes) ||
        (guarded_.walks_json && work > kMostJsonDepth) || (guarded_.finds_all && work > kMostReadAgainBytes))
      work += Check();
    if (work > kFoldedBytes) RefuseConstant(work);
    if (work <= kSliceBytes || input_.size() == 1 || input_.AllConstant()) return Apply(input_, result_);
    RunSlices();
  }

 private:
  void Apply(DataChunk& input, Vector& result) const {
    if (guarded_.pattern != PatternKind::kNone && MatchWithinBounds(guarded_.pattern, input, state_, result)) return;
    try {
      const HeapScope scope(EngineMemoryLeft());
      guarded_.function(input, state_, result);
    } catch (const std::bad_alloc&) {
      throw duckdb::OutOfMemoryException("%s passes the memory limit", guarded_.name);
    }
  }

  // Before any work is done for a constant that would not be kept.
  void RefuseConstant(uint64_t bytes) const {
    if (!IsFolding(state_)) return;
    ThrowError(Error{ErrorCode::kTooLarge, "one call of " + guarded_.name + " would need " + std::to_string(bytes) +
                                               " bytes, too much for a constant here"});
  }

  // The sum of what the rows make.
  uint64_t Check() const {
    const CallArguments call(input_);
    const size_t rows = input_.AllConstant() ? 1 : input_.size();
    uint64_t sum = 0, most = guarded_.value_bytes;
    for (size_t row = 0; row < rows; ++row) {
      if (guarded_.takes_program) CheckPrograms(call, row);
      if (guarded_.walks_json) CheckJson(call, row);
      if (guarded_.finds_all) CheckSearch(call, row);
      uint64_t size = guarded_.size == nullptr ? 0 : guarded_.size(call, row);
      // Outside of a run nobody can tell whether the value becomes a constant.
      if (size > kFoldedBytes && RunOfCall(state_) == nullptr) most = std::min(most, kFoldedBytes);
      if (size > most) RefuseConstant(size);
      if (size > most && guarded_.counts_matches && !AnyNull(call, row))
        size = SizeByMatches(guarded_.function, input_, row, state_);
      if (size > most) {
        ThrowError(Error{ErrorCode::kTooLarge, "one call of " + guarded_.name + " would need " + std::to_string(size) +
                                                   (most == guarded_.value_bytes ? " bytes, limits.value_bytes are "
                                                                                 : " bytes, the most here are ") +
                                                   std::to_string(most)});
      }
      sum += size;
    }
    return sum;
  }

  void CheckPrograms(const CallArguments& call, size_t row) const {
    for (size_t i = 0; i < call.columns(); ++i) {
      if (call.IsText(i) && call.Bytes(i, row) > kMostProgramBytes && IsProgram(guarded_.name, i))
        RefuseProgram(guarded_.name, call.Bytes(i, row));
    }
  }

  void CheckJson(const CallArguments& call, size_t row) const {
    for (size_t i = 0; i < call.columns(); ++i) {
      if (!call.IsText(i) || call.Bytes(i, row) <= kMostJsonDepth) continue;
      if (JsonDepth(call.Text(i, row)) <= kMostJsonDepth) continue;
      ThrowError(Error{ErrorCode::kTooLarge,
                       guarded_.name + ": the JSON nests deeper than " + std::to_string(kMostJsonDepth) + " levels"});
    }
  }

  void CheckSearch(const CallArguments& call, size_t row) const {
    const uint64_t bytes = call.Bytes(0, row);
    if (bytes <= kMostReadAgainBytes || AnyNull(call, row)) return;
    if (guarded_.counts_matches && (call.columns() < 4 || call.Text(3, row).find('g') == std::string_view::npos))
      return;
    const uint64_t most = MayReadFarAhead(call.Text(1, row)) ? kMostReadAgainBytes : kMostSearchedBytes;
    if (bytes <= most) return;
    ThrowError(Error{ErrorCode::kTooLarge, guarded_.name + " would look for all matches in " + std::to_string(bytes) +
                                               " bytes, " + std::to_string(most) + " are the most with this pattern"}
                   .WithHint("Split the text at line ends first."));
  }

  static bool AnyNull(const CallArguments& call, size_t row) {
    for (size_t i = 0; i < call.columns(); ++i)
      if (call.IsNull(i, row)) return true;
    return false;
  }

  void RunSlices() const {
    std::vector<uint64_t> works(input_.size());
    const CallArguments call(input_);
    for (size_t row = 0; row < works.size(); ++row) {
      for (size_t i = 0; i < call.columns(); ++i)
        if (call.IsText(i) || call.IsList(i)) works[row] += call.Bytes(i, row);
      if (guarded_.size != nullptr) works[row] += std::min(guarded_.size(call, row), kSliceBytes);
    }
    result_.SetVectorType(VectorType::FLAT_VECTOR);
    for (size_t begin = 0; begin < works.size();) {
      size_t end = begin + 1;
      for (uint64_t work = works[begin]; end < works.size() && work + works[end] <= kSliceBytes; ++end)
        work += works[end];
      DataChunk slice;
      Slice(input_, begin, end, &slice);
      Vector part(result_.GetType());
      Apply(slice, part);
      duckdb::VectorOperations::Copy(part, result_, end - begin, 0, begin);
      EndIfInterrupted(state_);
      begin = end;
    }
  }

  const Guarded& guarded_;
  DataChunk& input_;
  ExpressionState& state_;
  Vector& result_;
};

duckdb::scalar_function_t Wrap(GuardedPtr guarded) {
  return [guarded = std::move(guarded)](DataChunk& input, ExpressionState& state, Vector& result) {
    Call(*guarded, input, state, result).Run();
  };
}

using Arguments = duckdb::vector<duckdb::unique_ptr<duckdb::Expression>>;

// A constant text among the arguments: the function's bind may compile it.
std::optional<std::string> ConstantText(duckdb::ClientContext& context, const Arguments& arguments, size_t index) {
  if (index >= arguments.size() || !arguments[index]->IsFoldable() || arguments[index]->HasParameter() ||
      arguments[index]->return_type.id() != duckdb::LogicalTypeId::VARCHAR)
    return std::nullopt;
  const auto value = duckdb::ExpressionExecutor::EvaluateScalar(context, *arguments[index]);
  return value.IsNull() ? std::nullopt : std::optional(duckdb::StringValue::Get(value));
}

bool AggregatesLists(std::string_view name) {
  constexpr std::array<std::string_view, 5> kNames = {"list_aggregate", "list_aggr", "array_aggregate", "array_aggr",
                                                      "aggregate"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

// What the constant arguments say, before the bind takes them away.
void LookAtConstants(duckdb::ClientContext& context, const Arguments& arguments, Guarded* guarded) {
  if (guarded->takes_program) {
    for (size_t i = 0; i < arguments.size(); ++i) {
      if (!IsProgram(guarded->name, i)) continue;
      const auto text = ConstantText(context, arguments, i);
      if (text && text->size() > kMostProgramBytes) RefuseProgram(guarded->name, text->size());
    }
  }
  if (AggregatesLists(guarded->name)) {
    const auto aggregate = ConstantText(context, arguments, 1);
    if (aggregate && IsDistinctAggregate(duckdb::StringUtil::Lower(*aggregate))) guarded->size = DistinctSize();
  }
}

// Runs the function's own bind on the function as it was, and wraps what that leaves: it may have chosen another body.
template <typename Bind>
duckdb::unique_ptr<duckdb::FunctionData> BindBehindGuard(duckdb::ClientContext& context, ScalarFunction& function,
                                                         const Arguments& arguments, Bind bind) {
  auto guarded = duckdb::make_shared_ptr<Guarded>(function.function_info->Cast<Guarded>());
  LookAtConstants(context, arguments, guarded.get());
  function.function = guarded->function;
  auto data = bind(*guarded);
  guarded->function = function.function;
  if (function.function) function.function = Wrap(std::move(guarded));
  return data;
}

duckdb::unique_ptr<duckdb::FunctionData> BindGuarded(duckdb::ClientContext& context, ScalarFunction& function,
                                                     Arguments& arguments) {
  return BindBehindGuard(context, function, arguments,
                         [&](const Guarded& guarded) { return guarded.bind(context, function, arguments); });
}

duckdb::unique_ptr<duckdb::FunctionData> BindGuardedExtended(duckdb::ScalarFunctionBindInput& input,
                                                             ScalarFunction& function, Arguments& arguments) {
  return BindBehindGuard(input.binder.context, function, arguments,
                         [&](const Guarded& guarded) { return guarded.bind_extended(input, function, arguments); });
}

void Guard(const std::string& name, uint64_t value_bytes, ScalarFunction* function) {
  if (function->function_info != nullptr) return;  // our own generators: nothing to bound
  auto guarded = duckdb::make_shared_ptr<Guarded>();
  guarded->name = name;
  guarded->value_bytes = value_bytes;
  guarded->size = FindCallSize(name);
  guarded->pattern = PatternKindOf(name, function->arguments.size());
  guarded->counts_matches = name == "regexp_replace";
  guarded->makes_what_it_holds = MakesWhatItHolds(guarded->size);
  guarded->takes_program = IsProgram(name, 1);
  guarded->walks_json = WalksJson(name);
  guarded->finds_all = FindsAllMatches(name);
  guarded->function = function->function;
  guarded->bind = function->bind;
  guarded->bind_extended = function->bind_extended;
  if (function->bind != nullptr) function->bind = BindGuarded;
  if (function->bind_extended != nullptr) function->bind_extended = BindGuardedExtended;
  if (function->function) function->function = Wrap(guarded);
  function->function_info = std::move(guarded);
}

}  // namespace

void BoundScalarFunctions(duckdb::DatabaseInstance& database, uint64_t value_bytes) {
  duckdb::Connection connection(database);
  connection.BeginTransaction();
  auto& schema = duckdb::Catalog::GetSystemCatalog(database).GetSchema(*connection.context, DEFAULT_SCHEMA);
  schema.Scan(*connection.context, duckdb::CatalogType::SCALAR_FUNCTION_ENTRY, [&](duckdb::CatalogEntry& entry) {
    if (entry.type != duckdb::CatalogType::SCALAR_FUNCTION_ENTRY) return;
    for (auto& function : entry.Cast<duckdb::ScalarFunctionCatalogEntry>().functions.functions)
      Guard(entry.name, value_bytes, &function);
  });
  connection.Commit();
}

}  // namespace kalamdb::engine
