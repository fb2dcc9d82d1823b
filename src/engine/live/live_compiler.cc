// The steps of compiling a live select.
#include "engine/live/live_compiler.h"

#include <charconv>

#include "duckdb/parser/expression/constant_expression.hpp"
#include "duckdb/parser/expression/parameter_expression.hpp"
#include "duckdb/parser/parsed_expression_iterator.hpp"
#include "duckdb/parser/statement/select_statement.hpp"
#include "duckdb/parser/tableref/basetableref.hpp"
#include "engine/access.h"
#include "engine/front/parameters.h"
#include "engine/front/statement.h"
#include "engine/live/compiled_live_select.h"
#include "engine/live/live_binding.h"

namespace kalamdb::engine {
namespace {

using ExpressionPtr = duckdb::unique_ptr<duckdb::ParsedExpression>;

Result<std::shared_ptr<const Statement>> ParseOne(std::string_view sql) {
  ASSIGN_OR_RETURN(const ScriptPtr script, ParseScript(sql));
  if (script->size() != 1)
    return Error{ErrorCode::kUnsupported, "a live query is one statement, not " + std::to_string(script->size())};
  auto statement = std::dynamic_pointer_cast<const Statement>(script->front());
  if (statement == nullptr || statement->tree() == nullptr) {
    return Error{ErrorCode::kUnsupported, "only SELECT can be a live query"};
  }
  RETURN_IF_ERROR(CheckLiveShape(*statement->tree()));
  if (statement->refusal()) return *statement->refusal();
  return statement;
}

Result<catalog::TablePtr> FindTable(const duckdb::BaseTableRef& from, const Statement& statement,
                                    const ExecuteContext& context, const catalog::Snapshot& snapshot) {
  std::string ns = from.schema_name.empty() ? context.namespace_name : from.schema_name;
  if (ns.empty()) ns = "default";
  const int64_t position = statement.reads().empty() ? 0 : statement.reads().front().position;
  const std::string folded = row::FoldName(ns);
  if (folded == "system" || folded == "information_schema" || folded == "pg_catalog") {
    return statement.Relocate(Error{ErrorCode::kUnsupported, "tables of " + ns + " cannot be a live query yet",
                                    "Read them again with SELECT."}
                                  .At(position));
  }
  catalog::TablePtr table = snapshot.FindTable(ns, from.table_name);
  if (table != nullptr && CanRead(context.identity, *table)) return table;
  if (table == nullptr && snapshot.FindView(ns, from.table_name) != nullptr) {
    return statement.Relocate(
        Error{ErrorCode::kUnsupported, "a view cannot be a live query", "Subscribe to the table it reads."}.At(
            position));
  }
  return statement.Relocate(Error{
      ErrorCode::kTableNotFound,
      "table " + catalog::QuoteIdentifier(ns) + "." + catalog::QuoteIdentifier(from.table_name) + " does not exist"}
                                .At(position));
}

bool IsAsked(const duckdb::LogicalType& type) {
  switch (type.id()) {
    case duckdb::LogicalTypeId::INVALID:
    case duckdb::LogicalTypeId::UNKNOWN:
    case duckdb::LogicalTypeId::ANY:
    case duckdb::LogicalTypeId::SQLNULL: return false;
    default: return true;
  }
}

// Puts the request's values where the parameters stand.
class ParameterFiller {
 public:
  ParameterFiller(const duckdb::case_insensitive_map_t<duckdb::LogicalType>& types, const ExecuteContext& context,
                  LiveSession& session)
      : types_(types), context_(context), session_(session) {}

  Status Fill(ExpressionPtr* expression) {
    if ((*expression)->GetExpressionClass() == duckdb::ExpressionClass::PARAMETER) {
      ASSIGN_OR_RETURN(duckdb::Value value, Value((*expression)->Cast<duckdb::ParameterExpression>().identifier));
      *expression = duckdb::make_uniq<duckdb::ConstantExpression>(std::move(value));
      return {};
    }
    Status status;
    duckdb::ParsedExpressionIterator::EnumerateChildren(**expression, [&](ExpressionPtr& child) {
      if (status.ok()) status = Fill(&child);
    });
    return status;
  }

 private:
  Result<duckdb::Value> Value(const std::string& name) const {
    size_t number = 0;
    std::from_chars(name.data(), name.data() + name.size(), number);
    if (number == 0) return Error{ErrorCode::kUnsupported, "parameters are called $1, $2 …, not $" + name};
    if (context_.params == nullptr || number > context_.params->size())
      return Error{ErrorCode::kInvalidParameter, "parameter $" + name + " is missing"};
    const row::JsonParam& param = (*context_.params)[number - 1];
    const auto found = types_.find(name);
    const auto cast = [this](const duckdb::Value& from, const duckdb::LogicalType& type, duckdb::Value* to) {
      bool fits = false;
      session_.Bind([&](duckdb::ClientContext& engine) { fits = CastInContext(engine, from, type, to); });
      return fits;
    };
    auto value =
        found != types_.end() && IsAsked(found->second) ? TypedValue(param, found->second, cast) : NaturalValue(param);
    if (value.ok()) return value;
    return Error{ErrorCode::kInvalidParameter, "parameter $" + name + ": " + value.error().message, value.error().hint};
  }

  const duckdb::case_insensitive_map_t<duckdb::LogicalType>& types_;
  const ExecuteContext& context_;
  LiveSession& session_;
};

Status FillParameters(LiveSession& session, const catalog::Table& table, const Statement& statement,
                      const ExecuteContext& context, LiveQuery* query) {
  if (statement.parameters().empty()) return {};
  ASSIGN_OR_RETURN(const auto types, AskedTypes(session, *query, table, statement.engine_text()));
  ParameterFiller filler(types, context, session);
  for (LiveItem& item : query->items) {
    if (!item.star) RETURN_IF_ERROR(filler.Fill(&item.expression));
  }
  if (query->where) RETURN_IF_ERROR(filler.Fill(&query->where));
  return {};
}

}  // namespace

Result<LiveSelectPtr> CompileLiveSelect(std::string_view sql, const ExecuteContext& context,
                                        const LivePartsPtr& parts) {
  ASSIGN_OR_RETURN(const auto statement, ParseOne(sql));
  const auto& select = statement->tree()->Cast<duckdb::SelectStatement>().node->Cast<duckdb::SelectNode>();
  const auto& from = select.from_table->Cast<duckdb::BaseTableRef>();
  const storage::ReadViewPtr view = parts->services().database->View();
  ASSIGN_OR_RETURN(catalog::TablePtr table, FindTable(from, *statement, context, *view->catalog));

  const std::string& text = statement->engine_text();
  auto resolved = ResolveLiveQuery(select, *table, from.alias, text);
  if (!resolved.ok()) return statement->Relocate(std::move(resolved).error());
  auto query = std::make_shared<LiveQuery>(*std::move(resolved));
  if (table->IsPerUser()) query->owner_name = context.identity.name;
  const LiveSessionPtr session = parts->Session();
  if (Status filled = FillParameters(*session, *table, *statement, context, query.get()); !filled.ok())
    return statement->Relocate(std::move(filled).error());
  const std::string key =
      std::to_string(table->id.value) + ":" + std::to_string(table->version().value) + ":" + LiveQueryText(*query);
  if (LiveSelectPtr same = parts->Find(key)) return same;
  auto bound = BindLiveQuery(session, std::move(query), std::move(table), text);
  if (!bound.ok()) return statement->Relocate(std::move(bound).error());
  LiveSelectPtr compiled = MakeCompiledLiveSelect(*std::move(bound), parts);
  parts->Add(key, compiled);
  return compiled;
}

}  // namespace kalamdb::engine
