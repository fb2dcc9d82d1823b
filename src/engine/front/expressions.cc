// Binds and folds on a connection of its own, whose search path knows none of our tables.
#include "engine/front/expressions.h"

#include <optional>

#include "duckdb/execution/expression_executor.hpp"
#include "duckdb/parser/expression/columnref_expression.hpp"
#include "duckdb/parser/parsed_expression_iterator.hpp"
#include "duckdb/parser/parser.hpp"
#include "duckdb/planner/binder.hpp"
#include "duckdb/planner/expression/bound_cast_expression.hpp"
#include "duckdb/planner/expression_binder/where_binder.hpp"
#include "engine/bridge/chunk_codec.h"
#include "engine/front/allow_list.h"
#include "engine/front/error_mapping.h"
#include "engine/front/expression_text.h"

namespace kalamdb::engine {

namespace {

duckdb::unique_ptr<duckdb::Expression> Bind(duckdb::ClientContext& context,
                                            duckdb::unique_ptr<duckdb::ParsedExpression> expression,
                                            const std::vector<row::Column>& columns, const duckdb::LogicalType& type) {
  auto binder = duckdb::Binder::CreateBinder(context);
  duckdb::vector<duckdb::string> names;
  duckdb::vector<duckdb::LogicalType> types;
  for (const row::Column& column : columns) {
    names.push_back(column.name);
    types.push_back(ToEngineType(column.type));
  }
  if (!columns.empty()) binder->bind_context.AddGenericBinding(0, "t", names, types);
  duckdb::WhereBinder where(*binder, context);
  where.target_type = duckdb::LogicalType(duckdb::LogicalTypeId::INVALID);
  auto bound = where.Bind(expression);
  return duckdb::BoundCastExpression::AddCastToType(context, std::move(bound), type);
}

// What a function that makes another value for each row or user gives: it must fit any of them.
Status CheckMade(const std::string& canonical, const row::Column& column) {
  struct Made {
    std::string_view text, needs;
    uint32_t characters;  // 0: any number
  };
  const row::Type& type = column.type;
  for (const Made& made :
       {Made{"SNOWFLAKE_ID()", "BIGINT", 19}, Made{"UUID_V7()", "UUID or TEXT", 36}, Made{"ULID()", "TEXT", 26},
        Made{"CURRENT_USER()", "TEXT", 0}, Made{"CURRENT_ROLE()", "TEXT", 0}}) {
    if (canonical != made.text) continue;
    const bool text = type.kind() == row::TypeKind::kText;
    bool fits = text && (type.length() == 0 || made.characters <= type.length());
    if (made.text == "SNOWFLAKE_ID()") {
      fits = fits || type.kind() == row::TypeKind::kBigInt ||
             (type.kind() == row::TypeKind::kDecimal && type.width() - type.scale() >= 19);
    } else if (made.text == "UUID_V7()") {
      fits = fits || type.kind() == row::TypeKind::kUuid;
    }
    if (fits) return {};
    return Error{ErrorCode::kTypeMismatch, "column " + column.name + ": DEFAULT " + canonical + " needs " +
                                               std::string(made.needs) + ", the column is " + type.ToSql()};
  }
  return {};
}

}  // namespace

struct Expressions::Session {
  std::shared_ptr<Instance> instance;  // keeps the database alive
  duckdb::Connection connection;
  explicit Session(std::shared_ptr<Instance> from) : instance(std::move(from)), connection(instance->database()) {}
};

Expressions::Session& Expressions::Open() {
  auto instance = bridge_->instance();
  if (session_ == nullptr || session_->instance != instance) session_ = std::make_shared<Session>(std::move(instance));
  return *session_;
}

// An error's place is one in the canonical text: none of the client's.
template <typename Body>
auto Expressions::Run(Body body) -> decltype(body(std::declval<Session&>())) {
  MutexLock lock(mutex_);
  try {
    Session& session = Open();
    std::optional<decltype(body(session))> result;
    try {
      // Not by BEGIN and ROLLBACK, which are statements: parsed, planned and executed, they cost more than the rest.
      session.connection.context->RunFunctionInTransaction([&] { result.emplace(body(session)); });
      return *std::move(result);
    } catch (const std::exception& e) {
      Error error = MapException(e).At(0);
      session_.reset();  // whatever state the transaction is in
      return error;
    }
  } catch (const std::exception& e) {
    return MapException(e).At(0);
  }
}

Result<row::Value> Expressions::FoldDefault(const std::string& canonical, const row::Type& type) {
  if (canonical.empty()) return row::Value::Null();
  const DefaultKind kind = KindOfDefault(canonical);
  if (kind == DefaultKind::kPerRow || kind == DefaultKind::kSession) {
    return Error{ErrorCode::kUnsupported,
                 "DEFAULT " + canonical + " is another value for each row or user: rows that are there cannot get it"}
        .WithHint("Add the column without a default, or with a constant one.");
  }
  return Run([&](Session& session) -> Result<row::Value> {
    auto list = duckdb::Parser::ParseExpressionList(canonical);
    if (auto refused = CheckExpressionAllowed(*list[0])) return *std::move(refused);
    auto bound = Bind(*session.connection.context, std::move(list[0]), {}, ToEngineType(type));
    const duckdb::Value value = duckdb::ExpressionExecutor::EvaluateScalar(*session.connection.context, *bound, true);
    if (type.kind() == row::TypeKind::kEmbedding && !value.IsNull()) {
      for (const auto& number : duckdb::ArrayValue::GetChildren(value)) {
        if (number.IsNull())
          return Error{ErrorCode::kTypeMismatch,
                       "DEFAULT " + canonical + " holds a NULL, " + type.ToSql() + " holds numbers"};
      }
    }
    row::Value folded = value.IsNull() ? row::Value::Null() : FromEngineValue(type, value);
    if (type.kind() == row::TypeKind::kText && type.length() != 0 && !folded.is_null()) {
      size_t characters = 0;
      for (const char c : folded.as_string()) characters += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
      if (characters > type.length()) {
        return Error{ErrorCode::kTypeMismatch, "DEFAULT " + canonical + " has " + std::to_string(characters) +
                                                   " characters, " + type.ToSql() + " holds " +
                                                   std::to_string(type.length())};
      }
    }
    return folded;
  });
}

Status Expressions::CheckDefault(const std::string& canonical, const row::Column& column) {
  const DefaultKind kind = KindOfDefault(canonical);
  const row::Type& type = column.type;
  if (kind == DefaultKind::kConstant || kind == DefaultKind::kNow) {
    auto folded = FoldDefault(canonical, type);
    if (!folded.ok()) {
      Error error = std::move(folded).error();
      error.message = "column " + column.name + ": " + error.message;
      return error;
    }
    return {};
  }
  RETURN_IF_ERROR(CheckMade(canonical, column));
  return Run([&](Session& session) -> Status {
    auto list = duckdb::Parser::ParseExpressionList(canonical);
    if (auto refused = CheckExpressionAllowed(*list[0])) return *std::move(refused);
    Bind(*session.connection.context, std::move(list[0]), {}, ToEngineType(type));
    return {};
  });
}

Result<std::string> Expressions::BindCheck(const std::string& canonical, const std::vector<row::Column>& columns) {
  if (KindOfDefault(canonical) != DefaultKind::kConstant) {
    return Error{ErrorCode::kUnsupported, "CHECK " + canonical + " depends on time, chance or session"};
  }
  auto bound = Run([&](Session& session) -> Result<std::string> {
    auto list = duckdb::Parser::ParseExpressionList(canonical);
    if (auto refused = CheckExpressionAllowed(*list[0])) return *std::move(refused);
    Bind(*session.connection.context, list[0]->Copy(), columns, duckdb::LogicalType::BOOLEAN);
    // The same tree with each column by its id.
    const std::function<void(duckdb::ParsedExpression&)> rename = [&](duckdb::ParsedExpression& expression) {
      if (expression.GetExpressionClass() == duckdb::ExpressionClass::COLUMN_REF) {
        auto& column = expression.Cast<duckdb::ColumnRefExpression>();
        for (const row::Column& candidate : columns) {
          if (row::FoldName(candidate.name) == row::FoldName(column.GetColumnName()))
            column.column_names = {"#" + std::to_string(candidate.id.value)};
        }
      }
      duckdb::ParsedExpressionIterator::EnumerateChildren(expression,
                                                          [&](duckdb::ParsedExpression& child) { rename(child); });
    };
    rename(*list[0]);
    return list[0]->ToString();
  });
  // The engine takes it for a WHERE.
  constexpr std::string_view kWhere = "WHERE clause ";
  if (!bound.ok() && bound.error().message.starts_with(kWhere))
    bound.error().message.replace(0, kWhere.size(), "a CHECK ");
  return bound;
}

}  // namespace kalamdb::engine
