// Our tables as a catalog of DuckDB: the storage extension, its catalog and its transactions.
//
// Stateless: every lookup goes to the RunState of the connection that asks, so a statement reads one catalog snapshot
// from start to end and sees only what its caller may read. DDL never comes this way (engine.cc commits catalog changes
// itself).
#pragma once

#include <memory>
#include <string>

#include "duckdb.hpp"
#include "duckdb/catalog/catalog.hpp"
#include "duckdb/storage/storage_extension.hpp"
#include "duckdb/transaction/transaction_manager.hpp"

namespace kalamdb::engine {

class KalamCatalog final : public duckdb::Catalog {
 public:
  explicit KalamCatalog(duckdb::AttachedDatabase& attached) : Catalog(attached) {}

  using Catalog::CreateSchema;
  using Catalog::LookupSchema;
  void Initialize(bool) override {}
  duckdb::string GetCatalogType() override { return "kalam"; }
  duckdb::optional_ptr<duckdb::CatalogEntry> CreateSchema(duckdb::CatalogTransaction,
                                                          duckdb::CreateSchemaInfo&) override;
  duckdb::optional_ptr<duckdb::SchemaCatalogEntry> LookupSchema(duckdb::CatalogTransaction transaction,
                                                                const duckdb::EntryLookupInfo& lookup,
                                                                duckdb::OnEntryNotFound if_not_found) override;
  void ScanSchemas(duckdb::ClientContext& context, std::function<void(duckdb::SchemaCatalogEntry&)> callback) override;
  duckdb::string GetDefaultSchema() const override { return "default"; }
  bool CheckAmbiguousCatalogOrSchema(duckdb::ClientContext&, const duckdb::string&) override { return false; }
  duckdb::optional_idx GetCatalogVersion(duckdb::ClientContext&) override { return duckdb::optional_idx(1); }

  duckdb::PhysicalOperator& PlanCreateTableAs(duckdb::ClientContext&, duckdb::PhysicalPlanGenerator&,
                                              duckdb::LogicalCreateTable&, duckdb::PhysicalOperator&) override;
  duckdb::PhysicalOperator& PlanInsert(duckdb::ClientContext&, duckdb::PhysicalPlanGenerator&, duckdb::LogicalInsert&,
                                       duckdb::optional_ptr<duckdb::PhysicalOperator>) override;
  using Catalog::PlanDelete;
  duckdb::PhysicalOperator& PlanDelete(duckdb::ClientContext&, duckdb::PhysicalPlanGenerator&, duckdb::LogicalDelete&,
                                       duckdb::PhysicalOperator&) override;
  using Catalog::PlanUpdate;
  duckdb::PhysicalOperator& PlanUpdate(duckdb::ClientContext&, duckdb::PhysicalPlanGenerator&, duckdb::LogicalUpdate&,
                                       duckdb::PhysicalOperator&) override;
  duckdb::PhysicalOperator& PlanMergeInto(duckdb::ClientContext&, duckdb::PhysicalPlanGenerator&,
                                          duckdb::LogicalMergeInto&, duckdb::PhysicalOperator&) override;

  duckdb::DatabaseSize GetDatabaseSize(duckdb::ClientContext&) override { return {}; }
  bool InMemory() override { return true; }
  duckdb::string GetDBPath() override { return ""; }

 private:
  void DropSchema(duckdb::ClientContext&, duckdb::DropInfo&) override;
};

// Registered as storage extension "kalam" before opening; ATTACH '' AS _kalam (TYPE kalam) makes the catalog.
duckdb::unique_ptr<duckdb::StorageExtension> MakeStorageExtension();

}  // namespace kalamdb::engine
