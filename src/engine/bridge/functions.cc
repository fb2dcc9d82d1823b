// Scalar functions of ours in the engine's system catalog.
#include "engine/bridge/functions.h"

#include <cmath>

#include "duckdb/catalog/catalog_transaction.hpp"
#include "duckdb/function/scalar_function.hpp"
#include "duckdb/parser/parsed_data/create_scalar_function_info.hpp"
#include "duckdb/planner/expression/bound_function_expression.hpp"
#include "engine/bridge/run_state.h"

namespace kalamdb::engine {

using duckdb::DataChunk;
using duckdb::ExpressionState;
using duckdb::LogicalType;
using duckdb::ScalarFunction;
using duckdb::Vector;

namespace {

struct GeneratorInfo final : duckdb::ScalarFunctionInfo {
  explicit GeneratorInfo(IdGenerators* id_generators) : generators(id_generators) {}
  IdGenerators* const generators;
};

IdGenerators& GeneratorsOf(ExpressionState& state) {
  return *state.expr.Cast<duckdb::BoundFunctionExpression>().function.function_info->Cast<GeneratorInfo>().generators;
}

void SnowflakeFunction(DataChunk& input, ExpressionState& state, Vector& result) {
  auto& generator = GeneratorsOf(state).snowflake;
  auto* data = duckdb::FlatVector::GetData<int64_t>(result);
  for (size_t i = 0; i < input.size(); ++i) data[i] = generator.Next();
}

void UuidFunction(DataChunk& input, ExpressionState& state, Vector& result) {
  auto& generator = GeneratorsOf(state).ids;
  auto* data = duckdb::FlatVector::GetData<duckdb::hugeint_t>(result);
  for (size_t i = 0; i < input.size(); ++i) {
    const Id128 id = generator.NextUuidV7();
    uint64_t high = 0, low = 0;
    for (size_t b = 0; b < 8; ++b) {
      high = high << 8 | id[b];
      low = low << 8 | id[b + 8];
    }
    data[i] = duckdb::hugeint_t(static_cast<int64_t>(high ^ (1ull << 63)), low);
  }
}

void UlidFunction(DataChunk& input, ExpressionState& state, Vector& result) {
  auto& generator = GeneratorsOf(state).ids;
  auto* data = duckdb::FlatVector::GetData<duckdb::string_t>(result);
  for (size_t i = 0; i < input.size(); ++i)
    data[i] = duckdb::StringVector::AddString(result, FormatUlid(generator.NextUlid()));
}

void UserFunction(DataChunk&, ExpressionState& state, Vector& result) {
  result.Reference(duckdb::Value(RunOf(state.GetContext()).identity().name));
}

void RoleFunction(DataChunk&, ExpressionState& state, Vector& result) {
  result.Reference(duckdb::Value(std::string(auth::RoleName(RunOf(state.GetContext()).identity().role))));
}

// Both arguments become arrays of the one that has a length.
duckdb::unique_ptr<duckdb::FunctionData> BindDistance(
    duckdb::ClientContext&, ScalarFunction& function,
    duckdb::vector<duckdb::unique_ptr<duckdb::Expression>>& arguments) {
  duckdb::optional_idx size;
  for (const auto& argument : arguments) {
    if (argument->return_type.id() != duckdb::LogicalTypeId::ARRAY) continue;
    const auto length = duckdb::ArrayType::GetSize(argument->return_type);
    if (size.IsValid() && size.GetIndex() != length) {
      throw duckdb::BinderException("%s: the embeddings have different lengths, %d and %d", function.name,
                                    size.GetIndex(), length);
    }
    size = length;
  }
  if (!size.IsValid()) throw duckdb::BinderException("%s needs an EMBEDDING(n) as one of its arguments", function.name);
  for (auto& type : function.arguments) type = LogicalType::ARRAY(LogicalType::FLOAT, size);
  return nullptr;
}

template <typename Combine>
void Distance(DataChunk& input, Vector& result, Combine combine) {
  const size_t length = duckdb::ArrayType::GetSize(input.data[0].GetType());
  for (auto& column : input.data) column.Flatten(input.size());
  const auto* left = duckdb::FlatVector::GetData<float>(duckdb::ArrayVector::GetEntry(input.data[0]));
  const auto* right = duckdb::FlatVector::GetData<float>(duckdb::ArrayVector::GetEntry(input.data[1]));
  auto* data = duckdb::FlatVector::GetData<double>(result);
  for (size_t i = 0; i < input.size(); ++i) {
    if (duckdb::FlatVector::IsNull(input.data[0], i) || duckdb::FlatVector::IsNull(input.data[1], i)) {
      duckdb::FlatVector::SetNull(result, i, true);
      continue;
    }
    double dot = 0, left_square = 0, right_square = 0, distance = 0;
    for (size_t d = i * length; d < (i + 1) * length; ++d) {
      const double a = left[d], b = right[d];
      dot += a * b;
      left_square += a * a;
      right_square += b * b;
      distance += (a - b) * (a - b);
    }
    data[i] = combine(dot, left_square, right_square, distance);
  }
  if (input.size() == 1 && input.AllConstant()) result.SetVectorType(duckdb::VectorType::CONSTANT_VECTOR);
}

void CosineFunction(DataChunk& input, ExpressionState&, Vector& result) {
  Distance(input, result,
           [](double dot, double a, double b, double) { return 1.0 - dot / (std::sqrt(a) * std::sqrt(b)); });
}
void L2Function(DataChunk& input, ExpressionState&, Vector& result) {
  Distance(input, result, [](double, double, double, double distance) { return std::sqrt(distance); });
}
void DotFunction(DataChunk& input, ExpressionState&, Vector& result) {
  Distance(input, result, [](double dot, double, double, double) { return dot; });
}

void Register(duckdb::DatabaseInstance& database, ScalarFunction function) {
  duckdb::CreateScalarFunctionInfo info(std::move(function));
  info.schema = DEFAULT_SCHEMA;
  info.internal = true;
  info.on_conflict = duckdb::OnCreateConflict::REPLACE_ON_CONFLICT;
  duckdb::Catalog::GetSystemCatalog(database).CreateFunction(duckdb::CatalogTransaction::GetSystemTransaction(database),
                                                             info);
}

}  // namespace

void RegisterFunctions(duckdb::DatabaseInstance& database, IdGenerators* generators) {
  const auto volatile_function = [&](const char* name, LogicalType type, duckdb::scalar_function_t body) {
    ScalarFunction function(name, {}, std::move(type), std::move(body));
    function.stability = duckdb::FunctionStability::VOLATILE;
    function.function_info = duckdb::make_shared_ptr<GeneratorInfo>(generators);
    Register(database, std::move(function));
  };
  volatile_function("snowflake_id", LogicalType::BIGINT, SnowflakeFunction);
  volatile_function("uuid_v7", LogicalType::UUID, UuidFunction);
  volatile_function("ulid", LogicalType::VARCHAR, UlidFunction);
  for (const char* name : {"current_user", "user", "session_user"})
    volatile_function(name, LogicalType::VARCHAR, UserFunction);
  volatile_function("current_role", LogicalType::VARCHAR, RoleFunction);
  const auto distance = [&](const char* name, duckdb::scalar_function_t body) {
    Register(database, ScalarFunction(name, {LogicalType::ANY, LogicalType::ANY}, LogicalType::DOUBLE, std::move(body),
                                      BindDistance));
  };
  distance("cosine_distance", CosineFunction);
  distance("l2_distance", L2Function);
  distance("dot", DotFunction);
}

}  // namespace kalamdb::engine
