// DESCRIBE and SHOW.
#include "engine/access.h"
#include "engine/bridge/chunk_codec.h"
#include "engine/front/ddl.h"
#include "engine/front/result_table.h"
#include "engine/front/rights.h"
#include "engine/front/statement.h"
#include "engine/front/view_ddl.h"
#include "engine/view_text.h"

namespace kalamdb::engine {
namespace {

using row::Type;
using row::TypeKind;
using row::Value;

const Type kText = Type::Of(TypeKind::kText);
const Type kInt = Type::Of(TypeKind::kInt);
const Type kBigInt = Type::Of(TypeKind::kBigInt);
const Type kBoolean = Type::Of(TypeKind::kBoolean);
const Type kTimestamp = Type::Of(TypeKind::kTimestamp);

std::string Literal(std::string_view text) { return row::Value::String(std::string(text)).ToSqlLiteral(kText); }

// An option as WITH (…) prints it, without quotes; NULL where the kind of table has none.
Value Option(const catalog::Table& table, std::string_view name) {
  for (const auto& [option, value] : catalog::PrintTableOptions(table.kind, table.options)) {
    if (option != name) continue;
    const bool quoted = value.size() >= 2 && value.front() == '\'' && value.back() == '\'';
    return Value::String(quoted ? value.substr(1, value.size() - 2) : value);
  }
  return Value::Null();
}

Result<StatementResult> DescribeHistory(const catalog::Table& table, RowSink* sink) {
  ResultTable rows({{"version", kInt},
                    {"created_at", kTimestamp},
                    {"changed_by", kText},
                    {"changes", kText},
                    {"column_count", kInt},
                    {"is_current", kBoolean}});
  for (size_t i = 0; i < table.versions.size(); ++i) {
    const catalog::VersionInfo& version = table.versions[i];
    rows.Add({Value::Int(version.version.value), Value::Int(version.created_at), Value::String(version.changed_by),
              Value::String(version.changes), ResultTable::Number(table.schemas[i]->size()),
              Value::Bool(version.version == table.version())});
  }
  return rows.Send(sink, QueryType::kDescribeTable);
}

ResultTable DescribedColumns() {
  return ResultTable({{"column_name", kText},
                      {"ordinal_position", kInt},
                      {"column_id", kInt},
                      {"data_type", kText},
                      {"is_nullable", kBoolean},
                      {"is_primary_key", kBoolean},
                      {"column_default", kText},
                      {"column_comment", kText},
                      {"added_in_version", kInt},
                      {"table_type", kText},
                      {"storage_id", kText},
                      {"flush_policy", kText},
                      {"deleted_retention", kText},
                      {"current_version", kInt}});
}

// What is bound when it is asked for: views and the tables of the system, with what these do not have as NULL.
Result<StatementResult> DescribeBound(const QueryRunner::Signature& signature, const char* table_type, RowSink* sink) {
  ResultTable rows = DescribedColumns();
  for (size_t i = 0; i < signature.column_names.size(); ++i) {
    const auto type = FromEngineType(signature.column_types[i]);
    const Value none = Value::Null();
    rows.Add({Value::String(signature.column_names[i]), ResultTable::Number(i + 1), none,
              Value::String(type ? type->ToSql() : signature.column_types[i].ToString()), Value::Bool(true),
              Value::Bool(false), none, none, none, Value::String(table_type), none, none, none, none});
  }
  return rows.Send(sink, QueryType::kDescribeTable);
}

// Rows are for nobody.
class NoSink final : public RowSink {
 public:
  Status OnSchema(const ResultSchema&) override { return {}; }
  Status OnRows(std::string_view, size_t) override { return {}; }
};

Result<StatementResult> DescribeSystem(const CommandServices& services, const std::string& ns, const std::string& name,
                                       const ExecuteContext& context, RowSink* sink) {
  const std::string select =
      "SELECT * FROM " + catalog::QuoteIdentifier(ns) + "." + catalog::QuoteIdentifier(name) + " LIMIT 0";
  NoSink nobody;
  RETURN_IF_ERROR(services.run_sql(select, context, &nobody));  // asks who may
  ASSIGN_OR_RETURN(const auto statement, ParseEngineStatement(select));
  ASSIGN_OR_RETURN(const auto signature, services.runner->Bind(*statement->tree(), context, services.database->View()));
  return DescribeBound(signature, "SYSTEM", sink);
}

Result<StatementResult> DescribeColumns(const catalog::Table& table, const row::Schema& schema, RowSink* sink) {
  ResultTable rows = DescribedColumns();
  for (size_t i = 0; i < schema.size(); ++i) {
    const row::Column& column = schema.column(i);
    rows.Add({Value::String(column.name), ResultTable::Number(i + 1), Value::Int(column.id.value),
              Value::String(column.type.ToSql()), Value::Bool(column.nullable && !column.IsKey()),
              Value::Bool(column.IsKey()), ResultTable::TextOrNull(column.write_default),
              ResultTable::TextOrNull(column.comment), Value::Int(column.added_in.value),
              Value::String(std::string(catalog::KindName(table.kind))), Value::String(table.options.storage_id),
              Option(table, "FLUSH_POLICY"), Option(table, "DELETED_RETENTION"), Value::Int(table.version().value)});
  }
  return rows.Send(sink, QueryType::kDescribeTable);
}

Result<StatementResult> ShowStats(const CommandServices& services, const storage::ReadViewPtr& view,
                                  const catalog::Table& table, const ExecuteContext& context, RowSink* sink) {
  std::optional<UserId> user;
  if (!MayFlush(context.identity, services.options->allow_user_ddl, table)) {
    if (!table.IsPerUser())
      return Error{ErrorCode::kPermissionDenied,
                   "statistics of table " + table.QualifiedName() + " are for those who may flush it"};
    user = context.identity.user;
  }
  ASSIGN_OR_RETURN(const storage::TableStats stats, services.database->StatsOf(view, table, user));
  ResultTable rows({{"namespace_id", kText},
                    {"table_name", kText},
                    {"version", kBigInt},
                    {"hot_rows", kBigInt},
                    {"cold_rows", kBigInt},
                    {"deleted_rows", kBigInt},
                    {"files", kBigInt},
                    {"bytes", kBigInt}});
  rows.Add({Value::String(table.namespace_name), Value::String(table.name), Value::Int(table.version().value),
            ResultTable::Number(stats.hot_rows), ResultTable::Number(stats.cold_rows),
            ResultTable::Number(stats.deleted_rows), ResultTable::Number(stats.files),
            ResultTable::Number(stats.bytes)});
  return rows.Send(sink, QueryType::kOther);
}

Result<StatementResult> ShowSegments(const CommandServices& services, const catalog::Table& table,
                                     const ExecuteContext& context, RowSink* sink) {
  if (!MayFlush(context.identity, services.options->allow_user_ddl, table)) {
    return Error{ErrorCode::kPermissionDenied,
                 "segments of table " + table.QualifiedName() + " are for those who may flush it"};
  }
  ExecuteContext all = context;  // who may flush the table sees its segments; the system table is for admins
  all.identity.role = auth::Role::kSystem;
  return services.run_sql("SELECT * FROM system.segments WHERE namespace_id = " + Literal(table.namespace_name) +
                              " AND table_name = " + Literal(table.name) + " ORDER BY segment_id",
                          all, sink);
}

Result<StatementResult> ShowCreate(const std::string& name, std::string statement, RowSink* sink) {
  ResultTable rows({{"table_name", kText}, {"create_statement", kText}});
  rows.Add({Value::String(name), Value::String(std::move(statement))});
  return rows.Send(sink, QueryType::kOther);
}

}  // namespace

Result<StatementResult> RunDescribe(const CommandServices& services, const Describe& command,
                                    const ExecuteContext& context, RowSink* sink) {
  const storage::ReadViewPtr view = services.database->View();
  const std::string folded = row::FoldName(NamespaceOf(command.name, context));
  if (!command.history && !command.version &&
      (folded == row::FoldName("system") || folded == row::FoldName("information_schema"))) {
    Result<StatementResult> described = DescribeSystem(services, folded, command.name.name, context, sink);
    if (!described.ok()) described.error().position = command.name.position;
    return described;
  }
  if (const auto described = view->catalog->FindView(NamespaceOf(command.name, context), command.name.name);
      described != nullptr && CanReadView(context.identity, *view->catalog, *described) && !command.history &&
      !command.version) {
    ASSIGN_OR_RETURN(const auto signature, SignatureOf(services, *described, context));
    return DescribeBound(signature, "VIEW", sink);
  }
  ASSIGN_OR_RETURN(const catalog::TablePtr table, FindReadableTable(*view->catalog, command.name, context));
  Result<StatementResult> result = Error{};
  if (command.history) {
    result = DescribeHistory(*table, sink);
  } else {
    const uint32_t version = command.version.value_or(table->version().value);
    if (version > table->schemas.size()) {
      return Error{ErrorCode::kNotFound, "table " + table->QualifiedName() + " has no version " +
                                             std::to_string(version) + ": the newest is " +
                                             std::to_string(table->schemas.size())};
    }
    result = DescribeColumns(*table, *table->schemas[version - 1], sink);
  }
  if (result.ok()) {
    result->namespace_name = table->namespace_name;
    result->table_name = table->name;
  }
  return result;
}

Result<StatementResult> RunShow(const CommandServices& services, const Show& command, const ExecuteContext& context,
                                RowSink* sink) {
  const storage::ReadViewPtr view = services.database->View();
  switch (command.what) {
    case Show::What::kNamespaces:
      return services.run_sql("SELECT * FROM system.namespaces ORDER BY namespace_id", context, sink);
    case Show::What::kStorages:
      return services.run_sql("SELECT * FROM system.storages ORDER BY storage_id", context, sink);
    case Show::What::kTables: {
      std::string where;
      if (!command.name.namespace_name.empty()) {
        const auto ns = view->catalog->FindNamespace(command.name.namespace_name);
        if (ns == nullptr) return NamespaceNotFound(command.name.namespace_name);
        where = " WHERE namespace_id = " + Literal(ns->name);
      }
      return services.run_sql("SELECT * FROM system.tables" + where + " ORDER BY namespace_id, table_name", context,
                              sink);
    }
    default: break;
  }
  if (const auto shown = view->catalog->FindView(NamespaceOf(command.name, context), command.name.name);
      shown != nullptr && command.what == Show::What::kCreateTable &&
      CanReadView(context.identity, *view->catalog, *shown)) {
    ASSIGN_OR_RETURN(const std::string select, ExpandViewText(shown->select_sql, *view->catalog, ViewReader::kClient));
    return ShowCreate(shown->name,
                      "CREATE VIEW " + catalog::QuoteIdentifier(shown->namespace_name) + "." +
                          catalog::QuoteIdentifier(shown->name) + " AS " + select,
                      sink);
  }
  ASSIGN_OR_RETURN(const catalog::TablePtr table, FindReadableTable(*view->catalog, command.name, context));
  if (command.what == Show::What::kStats) return ShowStats(services, view, *table, context, sink);
  if (command.what == Show::What::kSegments) return ShowSegments(services, *table, context, sink);
  return ShowCreate(table->name, catalog::PrintCreateTable(*table), sink);
}

}  // namespace kalamdb::engine
