// From JSON to the engine's values.
#include "engine/front/parameters.h"

#include "engine/bridge/chunk_codec.h"
#include "engine/front/error_mapping.h"
#include "row/json_document.h"

namespace kalamdb::engine {
namespace {

using duckdb::LogicalType;
using duckdb::LogicalTypeId;
using Kind = row::JsonParam::Kind;

Error Misfit(const row::JsonParam& param, const std::string& type) {
  std::string shown = param.text.substr(0, 60);
  if (param.kind == Kind::kString) shown = "'" + shown + "'";
  return Error{ErrorCode::kInvalidParameter, "value " + shown + " does not fit type " + type}.WithHint(
      HowWritten(type));
}

bool IsAsked(const LogicalType& type) {
  switch (type.id()) {
    case LogicalTypeId::INVALID:
    case LogicalTypeId::UNKNOWN:
    case LogicalTypeId::ANY:
    case LogicalTypeId::SQLNULL: return false;
    default: return true;
  }
}

Result<duckdb::Value> NaturalList(const row::JsonParam& param) {
  ASSIGN_OR_RETURN(const auto document, row::JsonDocument::Parse(param.text));
  duckdb::vector<duckdb::Value> values;
  LogicalType type = LogicalType::SQLNULL;
  for (const row::JsonView item : document.root().items()) {
    ASSIGN_OR_RETURN(duckdb::Value value, NaturalValue(item.ToParam()));
    type = duckdb::LogicalType::ForceMaxLogicalType(type, value.type());
    values.push_back(std::move(value));
  }
  if (type.id() == LogicalTypeId::SQLNULL) type = LogicalType::VARCHAR;
  for (auto& value : values) {
    duckdb::Value cast;
    std::string error;
    if (!value.DefaultTryCastAs(type, cast, &error)) return Misfit(param, "LIST");
    value = std::move(cast);
  }
  return duckdb::Value::LIST(type, std::move(values));
}

}  // namespace

Result<duckdb::Value> NaturalValue(const row::JsonParam& param) {
  switch (param.kind) {
    case Kind::kNull: return duckdb::Value();
    case Kind::kBool: return duckdb::Value::BOOLEAN(param.text == "true");
    case Kind::kInteger: {
      duckdb::Value value, text(param.text);
      std::string error;
      for (const LogicalType& type : {LogicalType(LogicalType::BIGINT), LogicalType::DECIMAL(38, 0)}) {
        if (text.DefaultTryCastAs(type, value, &error)) return value;
      }
      return Misfit(param, "DECIMAL(38,0)");
    }
    case Kind::kNumber: {
      duckdb::Value value;
      std::string error;
      if (!duckdb::Value(param.text).DefaultTryCastAs(LogicalType::DOUBLE, value, &error))
        return Misfit(param, "DOUBLE");
      return value;
    }
    case Kind::kString: return duckdb::Value(param.text);
    case Kind::kArray: return NaturalList(param);
    case Kind::kObject: return duckdb::Value(param.text);
  }
  return duckdb::Value();
}

bool CastInContext(duckdb::ClientContext& context, const duckdb::Value& value, const LogicalType& type,
                   duckdb::Value* result) {
  std::string message;
  try {
    // A zone that is none: NULL, and a message that is not called an error.
    return value.TryCastAs(context, type, *result, &message) && !result->IsNull();
  } catch (const std::exception&) {
    return false;
  }
}

Result<duckdb::Value> TypedValue(const row::JsonParam& param, const LogicalType& type, const ContextCast& cast) {
  if (param.kind == Kind::kNull) return duckdb::Value(type);
  const auto own = FromEngineType(type);
  if (own) {
    auto value = row::ParamToValue(param, *own);
    if (value.ok()) return ToEngineValue(*own, *value);
    // What a reply carries did not fit; the engine may still know the text.
    if (param.kind != Kind::kString || own->kind() == row::TypeKind::kJson) return Misfit(param, own->ToSql());
  }
  ASSIGN_OR_RETURN(const duckdb::Value natural, NaturalValue(param));
  duckdb::Value result;
  std::string error;
  if (natural.DefaultTryCastAs(type, result, &error)) return result;
  if (cast && param.kind == Kind::kString && type.id() == LogicalTypeId::TIMESTAMP_TZ && cast(natural, type, &result))
    return result;
  return Misfit(param, own ? own->ToSql() : type.ToString());
}

Status CheckParameters(const std::vector<uint32_t>& named, const ExecuteContext& context) {
  const size_t given = context.params == nullptr ? 0 : context.params->size();
  if (named.empty() || named.back() <= given) return {};
  return Error{ErrorCode::kInvalidParameter, "the statement names $" + std::to_string(named.back()) +
                                                 ", but there are " + std::to_string(given) + " parameters"};
}

Result<duckdb::vector<duckdb::Value>> BindParameters(const std::vector<uint32_t>& named,
                                                     const duckdb::vector<LogicalType>& types,
                                                     const ExecuteContext& context, const ParameterTargets& targets,
                                                     const ContextCast& cast) {
  RETURN_IF_ERROR(CheckParameters(named, context));
  duckdb::vector<duckdb::Value> values;
  if (named.empty()) return values;
  values.resize(named.back());
  for (const uint32_t number : named) {
    const row::JsonParam& param = (*context.params)[number - 1];
    const bool asked = number <= types.size() && IsAsked(types[number - 1]);
    auto value = asked ? TypedValue(param, types[number - 1], cast) : NaturalValue(param);
    if (!value.ok()) {
      Error error = std::move(value).error();
      error.code = ErrorCode::kInvalidParameter;
      error.message = "parameter $" + std::to_string(number) + ": " + error.message;
      if (const auto target = targets.find(std::to_string(number)); target != targets.end())
        error.message += " of " + target->second;
      return error;
    }
    values[number - 1] = *std::move(value);
  }
  return values;
}

}  // namespace kalamdb::engine
