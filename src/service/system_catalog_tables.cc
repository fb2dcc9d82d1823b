// The fillers of `system.*` that read the view's catalog: namespaces, tables, columns, schemas, segments.
#include <string>
#include <utility>

#include "engine/access.h"
#include "row/json.h"
#include "row/key_codec.h"
#include "service/system_rows.h"

namespace kalamdb::service {
namespace {

using auth::Identity;
using Emit = engine::VirtualTable::Emit;

// Options are printed as SQL writes them; here a text stands without its quotes.
std::string Unquoted(const std::string& literal) {
  if (literal.size() < 2 || literal.front() != '\'' || literal.back() != '\'') return literal;
  std::string text;
  for (size_t i = 1; i + 1 < literal.size(); ++i) {
    text += literal[i];
    if (literal[i] == '\'') ++i;  // doubled
  }
  return text;
}

std::string OptionsJson(const std::vector<std::pair<std::string, std::string>>& options) {
  std::string json = "{";
  for (const auto& [name, value] : options) {
    if (json.size() > 1) json += ',';
    row::AppendJsonString(name, &json);
    json += ':';
    row::AppendJsonString(Unquoted(value), &json);
  }
  return json + '}';
}

std::vector<catalog::TablePtr> ReadableTables(const Identity& caller, const catalog::Snapshot& catalog,
                                              std::string_view ns) {
  std::vector<catalog::TablePtr> tables = catalog.Tables(ns);
  std::erase_if(tables, [&](const catalog::TablePtr& table) { return !engine::CanRead(caller, *table); });
  return tables;
}

engine::VirtualTable Namespaces() {
  return {.schema_name = "system",
          .name = "namespaces",
          .columns = {{"namespace_id", kText}, {"options", kText}, {"table_count", kBigInt}, {"created_at", kTime}},
          .admins_only = false,
          .fill = [](const Identity& caller, const storage::ReadViewPtr& view, const Emit& emit) -> Status {
            for (const catalog::NamespacePtr& ns : view->catalog->Namespaces()) {
              const size_t tables = ReadableTables(caller, *view->catalog, ns->name).size();
              // Services may make tables anywhere; a user sees a namespace by what it holds for them.
              if (tables == 0 && caller.role < auth::Role::kService && ns->name != "default") continue;
              emit(Row(ns->name, OptionsJson(ns->options), tables, TimeOrNull(ns->created_at)));
            }
            return {};
          }};
}

engine::VirtualTable Tables() {
  return {
      .schema_name = "system",
      .name = "tables",
      .columns = {{"namespace_id", kText},
                  {"table_name", kText},
                  {"table_type", kText},
                  {"table_id", kText},
                  {"storage_id", kText},
                  {"access_level", kText},
                  {"owner", kText},
                  {"version", kBigInt},
                  {"options", kText},
                  {"comment", kText},
                  {"created_at", kTime},
                  {"updated_at", kTime}},
      .admins_only = false,
      .fill = [](const Identity& caller, const storage::ReadViewPtr& view, const Emit& emit) -> Status {
        for (const catalog::TablePtr& table : ReadableTables(caller, *view->catalog, "")) {
          emit(
              Row(table->namespace_name, table->name, catalog::KindName(table->kind), std::to_string(table->id.value),
                  table->options.storage_id,
                  table->IsPerUser() ? row::Value::Null() : Cell(catalog::AccessLevelName(table->options.access_level)),
                  table->owner_name, table->version().value,
                  OptionsJson(catalog::PrintTableOptions(table->kind, table->options)), TextOrNull(table->comment),
                  TimeOrNull(table->created_at), TimeOrNull(table->updated_at)));
        }
        for (const catalog::ViewPtr& found : view->catalog->Views("")) {
          if (!engine::CanReadView(caller, *view->catalog, *found)) continue;
          const row::Value none = row::Value::Null();
          emit(Row(found->namespace_name, found->name, "VIEW", std::to_string(found->id), none, none, found->owner_name,
                   none, none, none, TimeOrNull(found->created_at), TimeOrNull(found->created_at)));
        }
        return {};
      }};
}

// A view has no versions, and its columns no ids.
void EmitColumns(const catalog::View& view, const std::vector<engine::ViewColumnType>& types, const Emit& emit) {
  for (size_t i = 0; i < view.column_names.size(); ++i) {
    const row::Value none = row::Value::Null();
    emit(Row(view.namespace_name, view.name, none, none, view.column_names[i],
             TextOrNull(i < types.size() ? types[i].sql : ""), none, none, i + 1, true, none));
  }
}

engine::VirtualTable Columns() {
  return {.schema_name = "system",
          .name = "columns",
          .columns = {{"namespace_id", kText},
                      {"table_name", kText},
                      {"version", kBigInt},
                      {"column_id", kText},
                      {"column_name", kText},
                      {"data_type", kText},
                      {"default_value", kText},
                      {"comment", kText},
                      {"ordinal", kBigInt},
                      {"nullable", kBoolean},
                      {"primary_key_pos", kBigInt}},
          .admins_only = false,
          .fill = {},
          .fill_columns = [](const Identity& caller, const storage::ReadViewPtr& view,
                             const engine::VirtualTable::ViewTypes& types, const Emit& emit) -> Status {
            for (const catalog::TablePtr& table : ReadableTables(caller, *view->catalog, "")) {
              int64_t ordinal = 0;
              for (const row::Column& column : table->schema()->columns()) {
                emit(Row(table->namespace_name, table->name, table->version().value, std::to_string(column.id.value),
                         column.name, column.type.ToSql(), TextOrNull(column.write_default), TextOrNull(column.comment),
                         ++ordinal, column.nullable, column.IsKey() ? Cell(column.key_position) : row::Value::Null()));
              }
            }
            for (const auto& found : view->catalog->Views("")) {
              if (engine::CanReadView(caller, *view->catalog, *found)) EmitColumns(*found, types(*found), emit);
            }
            return {};
          }};
}

std::string ColumnsJson(const row::Schema& schema) {
  std::string json = "[";
  for (const row::Column& column : schema.columns()) {
    if (json.size() > 1) json += ',';
    json += R"({"column_id":")" + std::to_string(column.id.value) + R"(","name":)";
    row::AppendJsonString(column.name, &json);
    json += R"(,"data_type":)";
    row::AppendJsonString(column.type.ToSql(), &json);
    json += column.nullable ? R"(,"nullable":true)" : R"(,"nullable":false)";
    if (column.IsKey()) json += R"(,"primary_key_pos":)" + std::to_string(column.key_position);
    json += '}';
  }
  return json + ']';
}

engine::VirtualTable Schemas() {
  return {.schema_name = "system",
          .name = "schemas",
          .columns = {{"namespace_id", kText},
                      {"table_name", kText},
                      {"table_id", kText},
                      {"version", kBigInt},
                      {"created_at", kTime},
                      {"changed_by", kText},
                      {"changes", kText},
                      {"columns", kText},
                      {"is_latest", kBoolean}},
          .admins_only = false,
          .fill = [](const Identity& caller, const storage::ReadViewPtr& view, const Emit& emit) -> Status {
            for (const catalog::TablePtr& table : ReadableTables(caller, *view->catalog, "")) {
              for (size_t i = 0; i < table->versions.size(); ++i) {
                const catalog::VersionInfo& version = table->versions[i];
                emit(Row(table->namespace_name, table->name, std::to_string(table->id.value), version.version.value,
                         TimeOrNull(version.created_at), version.changed_by, version.changes,
                         ColumnsJson(*table->schemas[i]), i + 1 == table->versions.size()));
              }
            }
            return {};
          }};
}

std::string NullCountsJson(const catalog::Table& table, const storage::SegmentRecord& segment) {
  std::string json = "{";
  for (const auto& [column, count] : segment.null_counts) {
    const std::optional<size_t> ordinal = table.schema()->FindById(column);
    if (!ordinal) continue;  // dropped since
    if (json.size() > 1) json += ',';
    row::AppendJsonString(table.schema()->column(*ordinal).name, &json);
    json += ':' + std::to_string(count);
  }
  return json + '}';
}

void EmitSegment(const catalog::Table& table, const storage::ColdSegment& cold, const Emit& emit) {
  const storage::SegmentRecord& segment = *cold.record;
  const auto key = [&](const std::string& row_key) {
    if (row_key.size() < row::kPartitionPrefixBytes) return row::Value::Null();
    return Cell(row::DescribeKey(*table.schema(), row::PrimaryKeyOf(row_key)));
  };
  const bool one_user = table.IsPerUser() && segment.users.size() == 1;
  std::string checksum;
  for (int shift = 60; shift >= 0; shift -= 4) checksum += "0123456789abcdef"[segment.checksum >> shift & 15];
  emit(Row(std::to_string(segment.id.value), table.namespace_name, table.name,
           one_user ? Cell(std::to_string(segment.users[0].user.value)) : row::Value::Null(), segment.path,
           segment.rows, cold.deleted == nullptr ? 0 : cold.deleted->count(), segment.bytes,
           segment.schema_version.value, segment.min_seq.value, segment.max_seq.value, TimeOrNull(segment.min_updated),
           TimeOrNull(segment.max_updated), key(segment.min_key), key(segment.max_key), NullCountsJson(table, segment),
           checksum, TimeOrNull(segment.created_at)));
}

engine::VirtualTable Segments() {
  return {.schema_name = "system",
          .name = "segments",
          .columns = {{"segment_id", kText},
                      {"namespace_id", kText},
                      {"table_name", kText},
                      {"user_id", kText},
                      {"path", kText},
                      {"rows", kBigInt},
                      {"deleted_rows", kBigInt},
                      {"bytes", kBigInt},
                      {"schema_version", kBigInt},
                      {"min_seq", kBigInt},
                      {"max_seq", kBigInt},
                      {"min_updated", kTime},
                      {"max_updated", kTime},
                      {"min_key", kText},
                      {"max_key", kText},
                      {"null_counts", kText},
                      {"checksum", kText},
                      {"created_at", kTime}},
          .admins_only = true,
          .fill = [](const Identity&, const storage::ReadViewPtr& view, const Emit& emit) -> Status {
            for (const catalog::TablePtr& table : view->catalog->Tables("")) {
              for (const storage::ColdSegment& cold : view->ColdOf(table->id).segments) EmitSegment(*table, cold, emit);
            }
            return {};
          }};
}

}  // namespace

void RegisterCatalogTables(engine::Engine* engine) {
  for (auto make : {Namespaces, Tables, Columns, Schemas, Segments}) engine->RegisterVirtualTable(make());
}

}  // namespace kalamdb::service
