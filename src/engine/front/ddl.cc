// Namespaces, DROP TABLE, and how changes of the catalog are committed.
#include "engine/front/ddl.h"

#include <algorithm>

#include "engine/front/rights.h"
#include "engine/front/view_ddl.h"
#include "row/schema.h"

namespace kalamdb::engine {
namespace {

using catalog::Change;

StatementResult Done(std::string message) {
  StatementResult result;
  result.message = std::move(message);
  return result;
}

std::string Shown(const std::string& name) { return catalog::QuoteIdentifier(name); }

}  // namespace

Result<Seq> CommitCatalog(const CommandServices& services, std::vector<Change> changes, const ExecuteContext& context,
                          bool* retry, std::vector<std::shared_ptr<storage::Watch>> not_null) {
  storage::CommitRequest request;
  request.catalog_changes = std::move(changes);
  request.not_null = std::move(not_null);
  request.system_records = context.commit_records;
  request.durability = storage::Durability::kSync;
  storage::CommitOutcome outcome = services.database->commits().Run(std::move(request));
  *retry = false;
  switch (outcome.kind) {
    case storage::CommitOutcome::Kind::kCommitted: return outcome.seq;
    case storage::CommitOutcome::Kind::kFailed:
      *retry = outcome.error.code == ErrorCode::kSchemaChanged;
      return std::move(outcome.error);
    case storage::CommitOutcome::Kind::kMoved:
    case storage::CommitOutcome::Kind::kSchema: break;
  }
  *retry = true;
  return Error{ErrorCode::kSchemaChanged, "the catalog was changed by another statement meanwhile", "Send it again."};
}

Result<StatementResult> DecideAndCommit(const std::function<Result<StatementResult>(bool* retry)>& attempt) {
  bool retry = false;
  auto result = attempt(&retry);
  if (!result.ok() && retry) result = attempt(&retry);
  return result;
}

Result<StatementResult> RunCreateNamespace(const CommandServices& services, const CreateNamespace& command,
                                           const ExecuteContext& context) {
  RETURN_IF_ERROR(CheckAdmin(context.identity, "CREATE NAMESPACE"));
  RETURN_IF_ERROR(catalog::CheckNamespaceName(command.name));
  return DecideAndCommit([&](bool* retry) -> Result<StatementResult> {
    if (services.database->View()->catalog->FindNamespace(command.name) != nullptr) {
      if (command.if_not_exists) return Done("Namespace " + Shown(command.name) + " exists already");
      return Error{ErrorCode::kAlreadyExists, "namespace " + Shown(command.name) + " exists already"};
    }
    auto made = std::make_shared<catalog::Namespace>();
    made->name = command.name;
    made->options = command.options;
    made->created_at = context.now;
    Change change;
    change.kind = Change::Kind::kPutNamespace;
    change.namespace_name = command.name;
    change.ns = std::move(made);
    change.if_absent = true;
    auto seq = CommitCatalog(services, {std::move(change)}, context, retry);
    if (!seq.ok() && seq.error().code == ErrorCode::kAlreadyExists && command.if_not_exists)
      return Done("Namespace " + Shown(command.name) + " exists already");
    if (!seq.ok()) return std::move(seq).error();
    StatementResult result = Done("Namespace " + Shown(command.name) + " created");
    result.seq = *seq;
    return result;
  });
}

Result<StatementResult> RunAlterNamespace(const CommandServices& services, const AlterNamespace& command,
                                          const ExecuteContext& context) {
  RETURN_IF_ERROR(CheckAdmin(context.identity, "ALTER NAMESPACE"));
  return DecideAndCommit([&](bool* retry) -> Result<StatementResult> {
    const auto old = services.database->View()->catalog->FindNamespace(command.name);
    if (old == nullptr) return NamespaceNotFound(command.name);
    auto made = std::make_shared<catalog::Namespace>(*old);
    for (const auto& [name, value] : command.options) {
      const auto same = std::find_if(made->options.begin(), made->options.end(), [&](const auto& option) {
        return row::FoldName(option.first) == row::FoldName(name);
      });
      if (same != made->options.end()) {
        same->second = value;
      } else {
        made->options.emplace_back(name, value);
      }
    }
    Change change;
    change.kind = Change::Kind::kPutNamespace;
    change.namespace_name = old->name;
    change.ns = std::move(made);
    ASSIGN_OR_RETURN(const Seq seq, CommitCatalog(services, {std::move(change)}, context, retry));
    StatementResult result = Done("Namespace " + Shown(old->name) + " altered");
    result.seq = seq;
    return result;
  });
}

Result<StatementResult> RunDropNamespace(const CommandServices& services, const DropNamespace& command,
                                         const ExecuteContext& context) {
  RETURN_IF_ERROR(CheckAdmin(context.identity, "DROP NAMESPACE"));
  if (row::FoldName(command.name) == row::FoldName("default"))
    return Error{ErrorCode::kUnsupported, "namespace \"default\" cannot be dropped"};
  return DecideAndCommit([&](bool* retry) -> Result<StatementResult> {
    const auto snapshot = services.database->View()->catalog;
    const auto ns = snapshot->FindNamespace(command.name);
    if (ns == nullptr) {
      if (command.if_exists) return Done("Namespace " + Shown(command.name) + " does not exist");
      return NamespaceNotFound(command.name);
    }
    std::vector<Change> changes;
    std::string names;
    for (const auto& view : snapshot->Views(ns->name)) {
      names += (names.empty() ? "" : ", ") + Shown(view->name);
      Change change;
      change.kind = Change::Kind::kDropView;
      change.view = view;
      changes.push_back(std::move(change));
    }
    for (const auto& table : snapshot->Tables(ns->name)) {
      names += (names.empty() ? "" : ", ") + Shown(table->name);
      Change change;
      change.kind = Change::Kind::kDropTable;
      change.table = table;
      change.expected_version = table->version();
      changes.push_back(std::move(change));
    }
    if (!changes.empty() && !command.cascade) {
      return Error{ErrorCode::kDependentObjects, "namespace " + Shown(ns->name) + " still holds " + names,
                   "Drop them first, or say CASCADE."};
    }
    Change change;
    change.kind = Change::Kind::kDropNamespace;
    change.namespace_name = ns->name;
    changes.push_back(std::move(change));
    ASSIGN_OR_RETURN(const Seq seq, CommitCatalog(services, std::move(changes), context, retry));
    StatementResult result =
        Done("Namespace " + Shown(ns->name) + " dropped" + (names.empty() ? "" : ", with " + names));
    result.seq = seq;
    return result;
  });
}

Result<StatementResult> RunDropTable(const CommandServices& services, const DropTable& command,
                                     const ExecuteContext& context) {
  const bool user_ddl = services.options->allow_user_ddl;
  RETURN_IF_ERROR(CheckMayChangeTables(context.identity, user_ddl, "DROP TABLE"));
  return DecideAndCommit([&](bool* retry) -> Result<StatementResult> {
    const auto snapshot = services.database->View()->catalog;
    auto table = FindOwnTable(*snapshot, command.name, context, user_ddl);
    if (!table.ok()) {
      const bool absent =
          table.error().code == ErrorCode::kTableNotFound || table.error().code == ErrorCode::kNamespaceNotFound;
      if (command.if_exists && absent)
        return Done("Table " + Shown(NamespaceOf(command.name, context)) + "." + Shown(command.name.name) +
                    " does not exist");
      return std::move(table).error();
    }
    std::vector<Change> changes;
    const auto going = WithViewsOver(*snapshot, snapshot->ViewsOn((*table)->id));
    const std::string views = NamesOf(going);
    for (const auto& view : going) changes.push_back(DropOf(view));
    if (!views.empty() && !command.cascade) {
      return Error{ErrorCode::kDependentObjects, "table " + (*table)->QualifiedName() + " is named by view " + views,
                   "Drop the view first, or say CASCADE."};
    }
    Change change;
    change.kind = Change::Kind::kDropTable;
    change.table = *table;
    change.expected_version = (*table)->version();
    changes.push_back(std::move(change));
    ASSIGN_OR_RETURN(const Seq seq, CommitCatalog(services, std::move(changes), context, retry));
    StatementResult result =
        Done("Table " + (*table)->QualifiedName() + " dropped" + (views.empty() ? "" : ", with view " + views));
    result.seq = seq;
    result.namespace_name = (*table)->namespace_name;
    result.table_name = (*table)->name;
    return result;
  });
}

}  // namespace kalamdb::engine
