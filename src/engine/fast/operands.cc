// Which expressions are operands.
#include "engine/fast/operands.h"

#include <algorithm>
#include <charconv>

#include "duckdb/parser/expression/cast_expression.hpp"
#include "duckdb/parser/expression/columnref_expression.hpp"
#include "duckdb/parser/expression/constant_expression.hpp"
#include "duckdb/parser/expression/function_expression.hpp"
#include "duckdb/parser/expression/parameter_expression.hpp"
#include "duckdb/parser/parser.hpp"
#include "engine/bridge/chunk_codec.h"
#include "row/json.h"

namespace kalamdb::engine {
namespace {

using duckdb::ExpressionClass;
using duckdb::LogicalTypeId;
using row::TypeKind;
using Kind = FastOperand::Kind;

FastOperand Constant(row::Value value) {
  FastOperand operand;
  operand.constant = std::move(value);
  return operand;
}

std::optional<FastOperand> Parameter(const duckdb::ParsedExpression& expression) {
  const std::string& name = expression.Cast<duckdb::ParameterExpression>().identifier;
  FastOperand operand;
  operand.kind = Kind::kParameter;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), operand.index);
  if (error != std::errc() || end != name.data() + name.size() || operand.index == 0) return std::nullopt;
  --operand.index;
  return operand;
}

// A literal, or a literal behind one cast to a plain type (TIMESTAMP '…', true).
std::optional<duckdb::Value> LiteralOf(const duckdb::ParsedExpression& expression) {
  if (expression.GetExpressionClass() == ExpressionClass::CONSTANT)
    return expression.Cast<duckdb::ConstantExpression>().value;
  if (expression.GetExpressionClass() != ExpressionClass::CAST) return std::nullopt;
  const auto& cast = expression.Cast<duckdb::CastExpression>();
  if (cast.try_cast || cast.child->GetExpressionClass() != ExpressionClass::CONSTANT) return std::nullopt;
  const duckdb::LogicalTypeId target = cast.cast_type.id();
  switch (target) {
    case LogicalTypeId::BOOLEAN:
    case LogicalTypeId::SMALLINT:
    case LogicalTypeId::INTEGER:
    case LogicalTypeId::BIGINT:
    case LogicalTypeId::DATE:
    case LogicalTypeId::TIME:
    case LogicalTypeId::TIMESTAMP:
    case LogicalTypeId::UUID: break;
    default: return std::nullopt;
  }
  duckdb::Value result;
  std::string error;
  const auto& value = cast.child->Cast<duckdb::ConstantExpression>().value;
  if (!value.DefaultTryCastAs(cast.cast_type, result, &error)) return std::nullopt;
  return result;
}

// The operand of a literal that stands there bare: its place in the text.
std::optional<FastOperand> At(const duckdb::ParsedExpression& expression, std::optional<FastOperand> operand) {
  const duckdb::optional_idx location = expression.GetQueryLocation();
  if (operand && expression.GetExpressionClass() == ExpressionClass::CONSTANT && location.IsValid())
    operand->position = static_cast<uint32_t>(location.GetIndex());
  return operand;
}

bool IsInteger(TypeKind kind) {
  return kind == TypeKind::kSmallInt || kind == TypeKind::kInt || kind == TypeKind::kBigInt;
}

// The engine's own cast, so that both paths store the same. nullopt: it fails; the other path says so.
std::optional<FastOperand> CastTo(const duckdb::Value& literal, const row::Type& type) {
  if (literal.IsNull()) return Constant(row::Value::Null());
  if (type.kind() == TypeKind::kText && literal.type().id() == LogicalTypeId::VARCHAR)
    return Constant(row::Value::String(duckdb::StringValue::Get(literal)));
  if (type.kind() == TypeKind::kJson) {
    // Checked as JSON by the engine's extension, which a cast without a context does not reach.
    if (literal.type().id() != LogicalTypeId::VARCHAR) return std::nullopt;
    auto value = row::ParamToValue({row::JsonParam::Kind::kString, duckdb::StringValue::Get(literal)}, type);
    if (!value.ok()) return std::nullopt;
    return Constant(*std::move(value));
  }
  if (type.kind() == TypeKind::kEmbedding) return std::nullopt;
  duckdb::Value result;
  std::string error;
  if (!literal.DefaultTryCastAs(ToEngineType(type), result, &error)) return std::nullopt;
  return Constant(FromEngineValue(type, result));
}

std::string FunctionName(const duckdb::ParsedExpression& expression) {
  std::string name;
  if (expression.GetExpressionClass() == ExpressionClass::FUNCTION) {
    const auto& function = expression.Cast<duckdb::FunctionExpression>();
    if (!function.children.empty() || !function.schema.empty() || function.filter || function.distinct) return "";
    name = function.function_name;
  } else if (expression.GetExpressionClass() == ExpressionClass::COLUMN_REF) {
    const auto& column = expression.Cast<duckdb::ColumnRefExpression>();
    if (column.IsQualified()) return "";
    name = column.GetColumnName();
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (name != "current_user" && name != "current_role" && name != "current_timestamp") return "";
  }
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name;
}

std::optional<FastOperand> Function(const std::string& name, const row::Type& type) {
  FastOperand operand;
  const TypeKind kind = type.kind();
  const bool text = kind == TypeKind::kText;
  if (name == "snowflake_id" && kind == TypeKind::kBigInt) {
    operand.kind = Kind::kSnowflakeId;
  } else if (name == "uuid_v7" && (kind == TypeKind::kUuid || text)) {
    operand.kind = Kind::kUuidV7;
  } else if (name == "ulid" && text) {
    operand.kind = Kind::kUlid;
  } else if ((name == "now" || name == "current_timestamp") &&
             (kind == TypeKind::kTimestamp || kind == TypeKind::kTimestampTz)) {
    operand.kind = Kind::kNow;
  } else if (name == "current_user" && text) {
    operand.kind = Kind::kCurrentUser;
  } else if (name == "current_role" && text) {
    operand.kind = Kind::kCurrentRole;
  } else {
    return std::nullopt;
  }
  return operand;
}

std::optional<FastOperand> Stored(const duckdb::ParsedExpression& expression, const row::Type& type) {
  if (expression.GetExpressionClass() == ExpressionClass::PARAMETER) return Parameter(expression);
  if (const auto literal = LiteralOf(expression)) return CastTo(*literal, type);
  if (const std::string name = FunctionName(expression); !name.empty()) return Function(name, type);
  return std::nullopt;
}

}  // namespace

std::optional<FastOperand> ComparedOperand(const duckdb::ParsedExpression& expression, const row::Type& type) {
  if (expression.GetExpressionClass() == ExpressionClass::PARAMETER) return Parameter(expression);
  const auto literal = LiteralOf(expression);
  if (!literal) return std::nullopt;
  if (literal->IsNull()) return Constant(row::Value::Null());
  const LogicalTypeId id = literal->type().id();
  const bool integer = literal->type().IsIntegral();
  const bool string = id == LogicalTypeId::VARCHAR;
  const bool same = ToEngineType(type) == literal->type();
  // A string literal takes the column's type; an integer one stays whole beside whole numbers only.
  if (!same && !(integer && IsInteger(type.kind())) && !(string && type.kind() != TypeKind::kJson)) return std::nullopt;
  return At(expression, CastTo(*literal, type));
}

std::optional<FastOperand> StoredOperand(const duckdb::ParsedExpression& expression, const row::Column& column) {
  if (expression.GetExpressionClass() == ExpressionClass::DEFAULT) return DefaultOperand(column);
  return Stored(expression, column.type);
}

std::optional<FastOperand> DefaultOperand(const row::Column& column) {
  if (column.write_default.empty()) return Constant(row::Value::Null());
  try {
    auto list = duckdb::Parser::ParseExpressionList(column.write_default);
    if (list.size() != 1 || list[0]->GetExpressionClass() == ExpressionClass::PARAMETER) return std::nullopt;
    return Stored(*list[0], column.type);
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

std::optional<FastOperand> CountOperand(const duckdb::ParsedExpression& expression) {
  if (expression.GetExpressionClass() == ExpressionClass::PARAMETER) return Parameter(expression);
  const auto literal = LiteralOf(expression);
  if (!literal || literal->IsNull() || !literal->type().IsIntegral()) return std::nullopt;
  auto operand = CastTo(*literal, row::Type::Of(TypeKind::kBigInt));
  if (!operand || operand->constant.as_int() < 0) return std::nullopt;
  return At(expression, std::move(operand));
}

std::optional<row::Value> LiteralValue(const duckdb::Value& value, const FastLiteral& literal) {
  const duckdb::ConstantExpression expression(value);
  const auto operand = literal.count ? CountOperand(expression) : ComparedOperand(expression, literal.type);
  return operand ? std::optional(operand->constant) : std::nullopt;
}

}  // namespace kalamdb::engine
