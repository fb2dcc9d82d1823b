// CREATE TABLE, and CREATE TABLE … AS: the table, then its rows; a failure leaves nothing.
#include <algorithm>

#include "duckdb/parser/expression/constant_expression.hpp"
#include "duckdb/parser/expression/parameter_expression.hpp"
#include "engine/bridge/chunk_codec.h"
#include "engine/bridge/qualify_names.h"
#include "engine/front/ddl.h"
#include "engine/front/expression_text.h"
#include "engine/front/parameters.h"
#include "engine/front/rights.h"
#include "engine/front/statement.h"
#include "engine/front/tokens.h"
#include "row/schema.h"

namespace kalamdb::engine {
namespace {

bool IsOption(const std::string& name, const char* option) { return row::FoldName(name) == row::FoldName(option); }

Result<catalog::TableKind> KindOf(const CreateTable& command) {
  std::optional<catalog::TableKind> kind = command.kind;
  for (const auto& [name, value] : command.options) {
    if (!IsOption(name, "TYPE")) continue;
    std::optional<catalog::TableKind> named;
    for (const auto candidate : {catalog::TableKind::kUser, catalog::TableKind::kShared, catalog::TableKind::kStream}) {
      if (row::FoldName(value) == row::FoldName(catalog::KindName(candidate))) named = candidate;
    }
    if (!named)
      return Error{ErrorCode::kInvalidParameter,
                   "option TYPE = '" + value + "': it takes 'USER', 'SHARED' or 'STREAM'"};
    if (kind && *kind != *named)
      return Error{ErrorCode::kInvalidSql, "the table is said to be " + std::string(catalog::KindName(*kind)) +
                                               " and " + std::string(catalog::KindName(*named))};
    kind = named;
  }
  return kind.value_or(catalog::TableKind::kShared);
}

// Ids as MakeTable gives them, so that a CHECK can name columns by id before there is a table.
std::vector<row::Column> WithIds(std::vector<row::Column> columns) {
  for (size_t i = 0; i < columns.size(); ++i) columns[i].id = ColumnId(static_cast<int32_t>(i) + 1);
  return columns;
}

// The columns a query gives, as columns of a table.
Result<std::vector<row::Column>> ColumnsOfQuery(const QueryRunner::Signature& signature) {
  std::vector<row::Column> columns;
  for (size_t i = 0; i < signature.column_names.size(); ++i) {
    const auto type = FromEngineType(signature.column_types[i]);
    row::Column column;
    column.name = signature.column_names[i];
    if (signature.column_types[i].id() == duckdb::LogicalTypeId::SQLNULL) {
      column.type = row::Type::Of(row::TypeKind::kText);
    } else if (!type) {
      return Error{ErrorCode::kUnsupported,
                   "column " + column.name + " would be of type " + signature.column_types[i].ToString() +
                       ", which no column has",
                   "Cast it in the SELECT."};
    } else {
      column.type = *type;
    }
    columns.push_back(std::move(column));
  }
  return columns;
}

StatementResult Exists(const ObjectName& name, const std::string& ns) {
  StatementResult result;
  result.query_type = QueryType::kCreateTable;
  result.message =
      "Table " + catalog::QuoteIdentifier(ns) + "." + catalog::QuoteIdentifier(name.name) + " exists already";
  return result;
}

// For the rows of CREATE TABLE … AS: an INSERT gives none back.
class NoRows final : public RowSink {
 public:
  Status OnSchema(const ResultSchema&) override { return {}; }
  Status OnRows(std::string_view, size_t) override { return {}; }
};

// The query's columns. A parameter whose type nothing in the query asks has that of its value.
Result<QueryRunner::Signature> SignatureOf(const CommandServices& services, const Statement& query,
                                           const ExecuteContext& context, const storage::ReadViewPtr& view) {
  ASSIGN_OR_RETURN(auto signature, services.runner->Bind(*query.tree(), context, view));
  const auto& types = signature.column_types;
  const bool open = std::any_of(types.begin(), types.end(), [](const duckdb::LogicalType& type) {
    return type.id() == duckdb::LogicalTypeId::UNKNOWN;
  });
  if (!open || query.parameters().empty()) return signature;
  ASSIGN_OR_RETURN(const auto values, BindParameters(query.parameters(), signature.parameter_types, context));
  const auto filled = query.tree()->Copy();
  ForEachExpression(*filled, [&values](duckdb::unique_ptr<duckdb::ParsedExpression>& expression) {
    if (expression->GetExpressionClass() != duckdb::ExpressionClass::PARAMETER) return;
    const std::string name = expression->Cast<duckdb::ParameterExpression>().identifier;
    const std::string alias = expression->GetAlias();
    expression = duckdb::make_uniq<duckdb::ConstantExpression>(values[std::stoul(name) - 1]);
    expression->SetAlias(alias);
  });
  filled->named_param_map.clear();
  return services.runner->Bind(*filled, context, view);
}

// INSERT INTO the new table; where that fails the table goes again, and so does the record that says it was made.
Result<StatementResult> FillTable(const CommandServices& services, const catalog::TablePtr& table,
                                  const std::string& select, const ExecuteContext& context) {
  NoRows sink;
  std::string names;
  for (const row::Column& column : table->schema()->columns()) {
    if (!column.hidden) names += (names.empty() ? "" : ", ") + catalog::QuoteIdentifier(column.name);
  }
  const std::string head = "INSERT INTO " + table->QualifiedName() + " (" + names + ") ";
  auto filled = services.run_sql(head + select, context, &sink);
  if (filled.ok()) return filled;
  catalog::Change drop;
  drop.kind = catalog::Change::Kind::kDropTable;
  drop.table = table;
  drop.expected_version = table->version();
  bool retry = false;
  ExecuteContext undo = context;
  for (auto& [key, value] : undo.commit_records) value.reset();
  (void)CommitCatalog(services, {std::move(drop)}, undo, &retry);
  return Shifted(std::move(filled).error(), 1 - PositionOf(head, head.size()));
}

}  // namespace

Result<catalog::TablePtr> MakeNewTable(const CommandServices& services, const CreateTable& command,
                                       const ExecuteContext& context) {
  catalog::CreateTableSpec spec;
  ASSIGN_OR_RETURN(spec.kind, KindOf(command));
  for (const auto& [name, value] : command.options) {
    if (!IsOption(name, "TYPE")) RETURN_IF_ERROR(catalog::SetTableOption(spec.kind, name, value, &spec.options));
  }
  for (const ColumnSpec& column : command.columns) {
    if (Status fits = services.expressions->CheckDefault(column.column.write_default, column.column); !fits.ok()) {
      return std::move(fits).error().At(column.position);
    }
    spec.columns.push_back(column.column);
  }
  const std::vector<row::Column> numbered = WithIds(spec.columns);
  for (const auto& [name, text] : command.checks) {
    auto by_id = services.expressions->BindCheck(text, numbered);
    // Its position is one in the canonical text.
    if (!by_id.ok()) return std::move(by_id).error().At(0);
    spec.checks.emplace_back(name, *std::move(by_id));
  }
  spec.name = command.name.name;
  spec.namespace_name = services.database->View()->catalog->FindNamespace(NamespaceOf(command.name, context))->name;
  spec.comment = command.comment;
  spec.owner = context.identity.user;
  spec.owner_name = context.identity.name;
  spec.now = context.now;
  spec.id = services.database->NewTableId();
  return catalog::MakeTable(std::move(spec));
}

Result<StatementResult> RunCreateTable(const CommandServices& services, const CreateTable& written, int64_t select_at,
                                       const ExecuteContext& context) {
  RETURN_IF_ERROR(CheckMayChangeTables(context.identity, services.options->allow_user_ddl, "CREATE TABLE"));
  CreateTable command = written;
  const std::string ns = NamespaceOf(command.name, context);
  return DecideAndCommit([&](bool* retry) -> Result<StatementResult> {
    const storage::ReadViewPtr view = services.database->View();
    RETURN_IF_ERROR(catalog::CheckObjectName(command.name.name));
    if (view->catalog->FindNamespace(ns) == nullptr) return NothingCanBeMadeIn(ns).At(command.name.position);
    if (view->catalog->FindTable(ns, command.name.name) != nullptr ||
        view->catalog->FindView(ns, command.name.name) != nullptr) {
      if (command.if_not_exists) return Exists(command.name, ns);
      return Error{ErrorCode::kAlreadyExists, "table " + catalog::QuoteIdentifier(ns) + "." +
                                                  catalog::QuoteIdentifier(command.name.name) + " exists already"}
          .WithHint("")
          .At(command.name.position);
    }
    if (!command.as_select.empty()) {
      ASSIGN_OR_RETURN(const auto query, ParseEngineStatement(command.as_select));
      const auto signature = SignatureOf(services, *query, context, view);
      if (!signature.ok()) return Shifted(query->Relocate(signature.error()), select_at);
      ASSIGN_OR_RETURN(std::vector<row::Column> columns, ColumnsOfQuery(*signature));
      command.columns.clear();
      for (row::Column& column : columns) command.columns.push_back({std::move(column), 0});
    }
    ASSIGN_OR_RETURN(const catalog::TablePtr table, MakeNewTable(services, command, context));
    catalog::Change change;
    change.kind = catalog::Change::Kind::kPutTable;
    change.table = table;
    auto seq = CommitCatalog(services, {std::move(change)}, context, retry);
    if (!seq.ok()) {
      if (seq.error().code == ErrorCode::kAlreadyExists && command.if_not_exists) return Exists(command.name, ns);
      return std::move(seq).error();
    }
    StatementResult result;
    result.query_type = QueryType::kCreateTable;
    result.seq = *seq;
    result.namespace_name = table->namespace_name;
    result.table_name = table->name;
    result.message = "Table " + table->QualifiedName() + " created";
    if (command.as_select.empty()) return result;
    const auto filled = FillTable(services, table, command.as_select, context);
    if (!filled.ok()) return Shifted(filled.error(), select_at);
    result.seq = filled->seq.is_set() ? filled->seq : result.seq;
    result.row_count = filled->row_count;
    result.message += ", " + filled->message;
    return result;
  });
}

}  // namespace kalamdb::engine
