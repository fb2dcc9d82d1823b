// Parses with the engine's parser, looks at the tree, prints it again.
#include "engine/front/expression_text.h"

#include <algorithm>
#include <array>

#include "duckdb.hpp"
#include "duckdb/parser/expression/cast_expression.hpp"
#include "duckdb/parser/expression/columnref_expression.hpp"
#include "duckdb/parser/expression/constant_expression.hpp"
#include "duckdb/parser/expression/function_expression.hpp"
#include "duckdb/parser/parsed_expression_iterator.hpp"
#include "duckdb/parser/parser.hpp"
#include "engine/front/error_mapping.h"
#include "engine/front/own_types.h"

namespace kalamdb::engine {
namespace {

using duckdb::ExpressionClass;

constexpr std::array<std::string_view, 3> kPerRow = {"snowflake_id", "uuid_v7", "ulid"};
constexpr std::array<std::string_view, 8> kPerRowOfEngine = {"random", "gen_random_uuid", "uuid",    "uuidv4",
                                                             "uuidv7", "nextval",         "setseed", "pg_backend_pid"};
constexpr std::array<std::string_view, 7> kSession = {"current_user",    "current_role",   "session_user",    "user",
                                                      "current_setting", "current_schema", "current_database"};
constexpr std::array<std::string_view, 9> kNow = {"now",
                                                  "current_timestamp",
                                                  "get_current_timestamp",
                                                  "transaction_timestamp",
                                                  "localtimestamp",
                                                  "current_date",
                                                  "today",
                                                  "current_time",
                                                  "localtime"};

template <typename List>
bool Has(const List& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

Result<duckdb::unique_ptr<duckdb::ParsedExpression>> ParseOne(std::string_view text, std::string_view what) {
  try {
    auto list = duckdb::Parser::ParseExpressionList(std::string(text));
    if (list.size() != 1 || !list[0]->GetAlias().empty())
      return Error{ErrorCode::kInvalidSql, std::string(what) + " takes one expression"};
    NameOwnTypesIn(*list[0]);
    return std::move(list[0]);
  } catch (const std::exception& e) {
    return MapException(e);
  }
}

// A value function written without parentheses (CURRENT_USER) parses as a column.
bool IsValueFunction(const std::string& name) {
  const std::string lower = Lower(name);
  return Has(kNow, lower) || Has(kSession, lower);
}

Status Refuse(const duckdb::ParsedExpression& expression, std::string_view what, bool columns,
              std::vector<std::string>* names) {
  switch (expression.GetExpressionClass()) {
    case ExpressionClass::PARAMETER:
      return Error{ErrorCode::kInvalidSql, std::string(what) + " cannot hold a parameter"};
    case ExpressionClass::SUBQUERY:
      return Error{ErrorCode::kUnsupported, std::string(what) + " cannot hold a subquery"};
    case ExpressionClass::STAR: return Error{ErrorCode::kInvalidSql, std::string(what) + " cannot hold *"};
    case ExpressionClass::WINDOW:
      return Error{ErrorCode::kInvalidSql, std::string(what) + " cannot hold a window function"};
    case ExpressionClass::LAMBDA: return Error{ErrorCode::kUnsupported, std::string(what) + " cannot hold a lambda"};
    case ExpressionClass::COLUMN_REF: {
      const auto& column = expression.Cast<duckdb::ColumnRefExpression>();
      if (!column.IsQualified() && IsValueFunction(column.GetColumnName())) break;
      if (!columns)
        return Error{ErrorCode::kInvalidSql, std::string(what) + " cannot name a column: " + column.ToString()};
      if (column.IsQualified())
        return Error{ErrorCode::kInvalidSql,
                     std::string(what) + " names its columns without the table: " + column.ToString()};
      const std::string& name = column.GetColumnName();
      if (std::find(names->begin(), names->end(), name) == names->end()) names->push_back(name);
      break;
    }
    default: break;
  }
  Status status;
  duckdb::ParsedExpressionIterator::EnumerateChildren(expression, [&](const duckdb::ParsedExpression& child) {
    if (status.ok()) status = Refuse(child, what, columns, names);
  });
  return status;
}

// `true` parses as a cast of 't'.
std::string PrintConstant(const duckdb::ParsedExpression& expression) {
  if (expression.GetExpressionClass() == ExpressionClass::CAST) {
    const auto& cast = expression.Cast<duckdb::CastExpression>();
    if (cast.cast_type.id() == duckdb::LogicalTypeId::BOOLEAN &&
        cast.child->GetExpressionClass() == ExpressionClass::CONSTANT) {
      const std::string text = cast.child->Cast<duckdb::ConstantExpression>().value.ToString();
      if (text == "t") return "true";
      if (text == "f") return "false";
    }
  }
  return expression.ToString();
}

std::string Capitals(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return name + "()";
}

}  // namespace

Result<std::string> CanonicalDefault(std::string_view text) {
  ASSIGN_OR_RETURN(const auto expression, ParseOne(text, "DEFAULT"));
  RETURN_IF_ERROR(Refuse(*expression, "DEFAULT", false, nullptr));
  if (expression->GetExpressionClass() == ExpressionClass::CONSTANT &&
      expression->Cast<duckdb::ConstantExpression>().value.IsNull())
    return std::string();
  std::string name;
  if (expression->GetExpressionClass() == ExpressionClass::FUNCTION &&
      expression->Cast<duckdb::FunctionExpression>().children.empty()) {
    name = Lower(expression->Cast<duckdb::FunctionExpression>().function_name);
  } else if (expression->GetExpressionClass() == ExpressionClass::COLUMN_REF) {
    name = Lower(expression->Cast<duckdb::ColumnRefExpression>().GetColumnName());
  }
  if (name == "current_timestamp" || name == "get_current_timestamp" || name == "transaction_timestamp") name = "now";
  if (Has(kPerRow, name) || name == "now" || name == "current_user" || name == "current_role") return Capitals(name);
  return PrintConstant(*expression);
}

Result<CheckText> CanonicalCheck(std::string_view text) {
  ASSIGN_OR_RETURN(const auto expression, ParseOne(text, "CHECK"));
  CheckText check;
  RETURN_IF_ERROR(Refuse(*expression, "CHECK", true, &check.columns));
  check.text = expression->ToString();
  return check;
}

DefaultKind KindOfDefault(std::string_view canonical) {
  if (canonical.empty()) return DefaultKind::kConstant;
  auto parsed = ParseOne(canonical, "DEFAULT");
  if (!parsed.ok()) return DefaultKind::kPerRow;
  DefaultKind kind = DefaultKind::kConstant;
  const std::function<void(const duckdb::ParsedExpression&)> visit = [&](const duckdb::ParsedExpression& expression) {
    std::string name;
    if (expression.GetExpressionClass() == ExpressionClass::FUNCTION)
      name = Lower(expression.Cast<duckdb::FunctionExpression>().function_name);
    if (expression.GetExpressionClass() == ExpressionClass::COLUMN_REF)
      name = Lower(expression.Cast<duckdb::ColumnRefExpression>().GetColumnName());
    if (Has(kPerRow, name) || Has(kPerRowOfEngine, name)) kind = DefaultKind::kPerRow;
    if (Has(kSession, name) && kind != DefaultKind::kPerRow) kind = DefaultKind::kSession;
    if (Has(kNow, name) && kind == DefaultKind::kConstant) kind = DefaultKind::kNow;
    duckdb::ParsedExpressionIterator::EnumerateChildren(expression,
                                                        [&](const duckdb::ParsedExpression& child) { visit(child); });
  };
  visit(**parsed);
  return kind;
}

}  // namespace kalamdb::engine
