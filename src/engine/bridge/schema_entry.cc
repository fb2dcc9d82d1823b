// Resolves names of tables in a run.
#include "engine/bridge/schema_entry.h"

#include <set>

#include "duckdb/parser/parsed_data/create_schema_info.hpp"
#include "engine/access.h"
#include "engine/bridge/run_state.h"
#include "engine/bridge/table_entry.h"
#include "engine/bridge/view_entry.h"
#include "engine/bridge/virtual_entry.h"

namespace kalamdb::engine {
namespace {

bool IsVirtualSchema(const std::string& folded) { return folded == "system" || folded == "information_schema"; }

// Tables of docs/sql.md, Catalog: those this server does not have yet are not simply unknown.
bool IsSpecified(const std::string& schema, const std::string& name) {
  static const std::set<std::string> kNames = {"namespaces", "tables", "columns",      "schemas",   "users",
                                               "storages",   "jobs",   "live_queries", "segments",  "settings",
                                               "limits",     "stats",  "cache_stats",  "audit_log", "transactions"};
  return schema == "system" && kNames.count(name) != 0;
}

[[noreturn]] void RefuseDdl() {
  throw duckdb::NotImplementedException("schema changes do not go through the engine's catalog");
}

}  // namespace

SchemaEntry::SchemaEntry(duckdb::Catalog& own_catalog, duckdb::CreateSchemaInfo& info, RunState& run)
    : SchemaCatalogEntry(own_catalog, info), run_(run) {}

duckdb::SchemaCatalogEntry* SchemaEntry::Find(duckdb::Catalog& catalog, RunState& run, const std::string& name) {
  const std::string folded = row::FoldName(name);
  const std::lock_guard lock(run.entries_mutex);
  if (const auto found = run.schemas.find(folded); found != run.schemas.end()) return found->second.get();
  const auto ns = run.view->catalog->FindNamespace(name);
  if (ns == nullptr && !IsVirtualSchema(folded)) return nullptr;
  duckdb::CreateSchemaInfo info;
  info.schema = ns != nullptr ? ns->name : folded;
  auto entry = std::make_unique<SchemaEntry>(catalog, info, run);
  return (run.schemas[folded] = std::move(entry)).get();
}

duckdb::CatalogEntry* SchemaEntry::FindVirtual(const std::string& folded) {
  for (const auto& table : run_.services.virtual_tables) {
    if (table.schema_name != name || table.name != folded) continue;
    if (table.admins_only && !run_.identity().IsAdmin()) {
      run_.Fail(
          Error{ErrorCode::kPermissionDenied, name + "." + folded + " may be read by the roles dba and system only"});
      throw duckdb::PermissionException("%s.%s may be read by the roles dba and system only", name, folded);
    }
    return (entries_[folded] = MakeVirtualEntry(catalog, *this, table)).get();
  }
  if (IsSpecified(name, folded))
    Throw(run_, Error{ErrorCode::kUnsupported, "system." + folded + " is not offered yet"});
  return nullptr;
}

duckdb::CatalogEntry* SchemaEntry::FindTable(const std::string& table_name) {
  const std::string folded = row::FoldName(table_name);
  if (const auto found = entries_.find(folded); found != entries_.end()) return found->second.get();
  if (auto* entry = FindVirtual(folded)) return entry;
  const auto table = run_.view->catalog->FindTable(name, table_name);
  if (table == nullptr) {
    const auto view = run_.view->catalog->FindView(name, table_name);
    if (view == nullptr) return nullptr;
    return (entries_[folded] = MakeViewEntry(catalog, *this, *view, *run_.view->catalog)).get();
  }
  if (!CanRead(run_.identity(), *table)) return nullptr;
  return (entries_[folded] = MakeTableEntry(catalog, *this, table)).get();
}

duckdb::optional_ptr<duckdb::CatalogEntry> SchemaEntry::LookupEntry(duckdb::CatalogTransaction,
                                                                    const duckdb::EntryLookupInfo& lookup) {
  const auto type = lookup.GetCatalogType();
  if (type != duckdb::CatalogType::TABLE_ENTRY && type != duckdb::CatalogType::VIEW_ENTRY) return nullptr;
  return FindTable(lookup.GetEntryName());
}

void SchemaEntry::Scan(duckdb::ClientContext&, duckdb::CatalogType type,
                       const std::function<void(duckdb::CatalogEntry&)>& callback) {
  Scan(type, callback);
}

void SchemaEntry::Scan(duckdb::CatalogType type, const std::function<void(duckdb::CatalogEntry&)>& callback) {
  if (type == duckdb::CatalogType::VIEW_ENTRY) {
    for (const auto& view : run_.view->catalog->Views(name)) {
      if (auto* entry = FindTable(view->name)) callback(*entry);
    }
  }
  if (type != duckdb::CatalogType::TABLE_ENTRY) return;
  for (const auto& table : run_.view->catalog->Tables(name)) {
    if (auto* entry = FindTable(table->name)) callback(*entry);
  }
}

using EntryPtr = duckdb::optional_ptr<duckdb::CatalogEntry>;
EntryPtr SchemaEntry::CreateIndex(duckdb::CatalogTransaction, duckdb::CreateIndexInfo&, duckdb::TableCatalogEntry&) {
  RefuseDdl();
}
EntryPtr SchemaEntry::CreateFunction(duckdb::CatalogTransaction, duckdb::CreateFunctionInfo&) { RefuseDdl(); }
EntryPtr SchemaEntry::CreateTable(duckdb::CatalogTransaction, duckdb::BoundCreateTableInfo&) { RefuseDdl(); }
EntryPtr SchemaEntry::CreateView(duckdb::CatalogTransaction, duckdb::CreateViewInfo&) { RefuseDdl(); }
EntryPtr SchemaEntry::CreateSequence(duckdb::CatalogTransaction, duckdb::CreateSequenceInfo&) { RefuseDdl(); }
EntryPtr SchemaEntry::CreateTableFunction(duckdb::CatalogTransaction, duckdb::CreateTableFunctionInfo&) { RefuseDdl(); }
EntryPtr SchemaEntry::CreateCopyFunction(duckdb::CatalogTransaction, duckdb::CreateCopyFunctionInfo&) { RefuseDdl(); }
EntryPtr SchemaEntry::CreatePragmaFunction(duckdb::CatalogTransaction, duckdb::CreatePragmaFunctionInfo&) {
  RefuseDdl();
}
EntryPtr SchemaEntry::CreateCollation(duckdb::CatalogTransaction, duckdb::CreateCollationInfo&) { RefuseDdl(); }
EntryPtr SchemaEntry::CreateType(duckdb::CatalogTransaction, duckdb::CreateTypeInfo&) { RefuseDdl(); }
void SchemaEntry::DropEntry(duckdb::ClientContext&, duckdb::DropInfo&) { RefuseDdl(); }
void SchemaEntry::Alter(duckdb::CatalogTransaction, duckdb::AlterInfo&) { RefuseDdl(); }

}  // namespace kalamdb::engine
