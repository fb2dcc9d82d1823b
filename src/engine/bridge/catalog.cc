// Catalog lookups by the connection's run, and transactions that hold nothing: commits are ours.
#include "engine/bridge/catalog.h"

#include "engine/bridge/dml.h"
#include "engine/bridge/run_state.h"
#include "engine/bridge/schema_entry.h"

namespace kalamdb::engine {
namespace {

class KalamTransactionManager final : public duckdb::TransactionManager {
 public:
  explicit KalamTransactionManager(duckdb::AttachedDatabase& attached) : TransactionManager(attached) {}

  duckdb::Transaction& StartTransaction(duckdb::ClientContext& context) override {
    auto transaction = std::make_unique<duckdb::Transaction>(*this, context);
    auto& result = *transaction;
    const std::lock_guard lock(mutex_);
    transactions_[&result] = std::move(transaction);
    return result;
  }
  duckdb::ErrorData CommitTransaction(duckdb::ClientContext&, duckdb::Transaction& transaction) override {
    Forget(transaction);
    return {};
  }
  void RollbackTransaction(duckdb::Transaction& transaction) override { Forget(transaction); }
  void Checkpoint(duckdb::ClientContext&, bool) override {}

 private:
  void Forget(duckdb::Transaction& transaction) {
    const std::lock_guard lock(mutex_);
    transactions_.erase(&transaction);
  }
  std::mutex mutex_;
  std::unordered_map<duckdb::Transaction*, std::unique_ptr<duckdb::Transaction>> transactions_;
};

duckdb::unique_ptr<duckdb::Catalog> Attach(duckdb::optional_ptr<duckdb::StorageExtensionInfo>, duckdb::ClientContext&,
                                           duckdb::AttachedDatabase& attached, const duckdb::string&,
                                           duckdb::AttachInfo&, duckdb::AttachOptions&) {
  return duckdb::make_uniq<KalamCatalog>(attached);
}

duckdb::unique_ptr<duckdb::TransactionManager> CreateTransactionManager(
    duckdb::optional_ptr<duckdb::StorageExtensionInfo>, duckdb::AttachedDatabase& attached, duckdb::Catalog&) {
  return duckdb::make_uniq<KalamTransactionManager>(attached);
}

[[noreturn]] void RefuseDdl() {
  throw duckdb::NotImplementedException("schema changes do not go through the engine's catalog");
}

}  // namespace

duckdb::optional_ptr<duckdb::SchemaCatalogEntry> KalamCatalog::LookupSchema(duckdb::CatalogTransaction transaction,
                                                                            const duckdb::EntryLookupInfo& lookup,
                                                                            duckdb::OnEntryNotFound if_not_found) {
  if (transaction.HasContext()) {
    auto session = transaction.GetContext().registered_state->Get<SessionState>(kSessionKey);
    if (session && session->run != nullptr) {
      if (auto entry = SchemaEntry::Find(*this, *session->run, lookup.GetEntryName())) return entry;
    }
  }
  if (if_not_found == duckdb::OnEntryNotFound::RETURN_NULL) return nullptr;
  throw duckdb::CatalogException(lookup.GetErrorContext(), "Schema with name %s does not exist!",
                                 lookup.GetEntryName());
}

void KalamCatalog::ScanSchemas(duckdb::ClientContext& context,
                               std::function<void(duckdb::SchemaCatalogEntry&)> callback) {
  auto session = context.registered_state->Get<SessionState>(kSessionKey);
  if (!session || session->run == nullptr) return;
  for (const auto& ns : session->run->view->catalog->Namespaces()) {
    if (auto entry = SchemaEntry::Find(*this, *session->run, ns->name)) callback(*entry);
  }
}

duckdb::optional_ptr<duckdb::CatalogEntry> KalamCatalog::CreateSchema(duckdb::CatalogTransaction,
                                                                      duckdb::CreateSchemaInfo&) {
  RefuseDdl();
}
void KalamCatalog::DropSchema(duckdb::ClientContext&, duckdb::DropInfo&) { RefuseDdl(); }
duckdb::PhysicalOperator& KalamCatalog::PlanCreateTableAs(duckdb::ClientContext&, duckdb::PhysicalPlanGenerator&,
                                                          duckdb::LogicalCreateTable&, duckdb::PhysicalOperator&) {
  RefuseDdl();
}

duckdb::unique_ptr<duckdb::StorageExtension> MakeStorageExtension() {
  auto extension = duckdb::make_uniq<duckdb::StorageExtension>();
  extension->attach = Attach;
  extension->create_transaction_manager = CreateTransactionManager;
  return extension;
}

}  // namespace kalamdb::engine
