// ALTER TABLE: what the pure rules of catalog/alter.h need from the engine and from the data, in the order of
// docs/schema-evolution.md.
#include <algorithm>
#include <set>

#include "base/failpoint.h"
#include "engine/front/ddl.h"
#include "engine/front/rights.h"
#include "engine/front/view_ddl.h"

namespace kalamdb::engine {
namespace {

using catalog::AlterAction;
using Kind = AlterAction::Kind;

// DEFAULTs of added columns become constants. What is wrong with one is said when its action has its turn.
void FoldDefaults(const CommandServices& services, std::vector<AlterAction>* actions) {
  for (AlterAction& action : *actions) {
    if (action.kind != Kind::kAddColumn || action.default_sql.empty()) continue;
    auto folded = services.expressions->FoldDefault(action.default_sql, *action.type);
    if (folded.ok()) {
      action.default_value = *std::move(folded);
      continue;
    }
    action.default_error = std::move(folded).error();
    action.default_error->message = "column " + action.column + ": " + action.default_error->message;
  }
}

bool Contains(const std::vector<ColumnId>& list, ColumnId id) {
  return std::find(list.begin(), list.end(), id) != list.end();
}

// Defaults that were set, and those of columns that were retyped, must fit.
Status CheckDefaults(const CommandServices& services, const catalog::Table& old, const catalog::AlterResult& altered) {
  for (const row::Column& column : altered.table->schema()->columns()) {
    if (column.write_default.empty()) continue;
    const auto before = old.schema()->FindById(column.id);
    const bool same = before && old.schema()->column(*before).write_default == column.write_default &&
                      old.schema()->column(*before).type == column.type;
    if (!same) RETURN_IF_ERROR(services.expressions->CheckDefault(column.write_default, column));
  }
  return {};
}

// CHECKs over retyped columns must still bind.
Status CheckChecks(const CommandServices& services, const catalog::AlterResult& altered) {
  for (const catalog::CheckConstraint& check : altered.table->checks) {
    const bool touched = std::any_of(check.expression.columns.begin(), check.expression.columns.end(),
                                     [&](ColumnId id) { return Contains(altered.retyped, id); });
    if (!touched) continue;
    auto bound = services.expressions->BindCheck(check.expression.ToText(*altered.table->schema()),
                                                 altered.table->schema()->columns());
    if (!bound.ok()) {
      return Error{ErrorCode::kDependentObjects,
                   "CHECK " + check.name + " does not bind with the new type: " + bound.error().message,
                   "Drop the constraint first."};
    }
  }
  return {};
}

// Old rows are counted in a view; a NULL that comes after it is seen by a watch, which the commit asks.
Status CheckNoNulls(const CommandServices& services, const catalog::Table& old, const catalog::AlterResult& altered,
                    std::vector<std::shared_ptr<storage::Watch>>* watches) {
  for (const ColumnId id : altered.set_not_null) {
    auto [view, watch] = services.database->WatchNulls(old.id, id);
    watches->push_back(std::move(watch));
    ASSIGN_OR_RETURN(const uint64_t nulls, services.database->CountNulls(view, old, id));
    if (nulls == 0) continue;
    const auto ordinal = old.schema()->FindById(id);
    return Error{ErrorCode::kNotNullViolation,
                 "column " + (ordinal ? old.schema()->column(*ordinal).name : "?") + " of " + old.QualifiedName() +
                     " is NULL in " + std::to_string(nulls) + " row(s)",
                 "UPDATE them first."};
  }
  return {};
}

bool NamesAny(const catalog::View& view, TableId table, const std::vector<ColumnId>& columns) {
  for (const auto& [id, named] : view.depends_on_tables) {
    if (id == table &&
        std::any_of(named.begin(), named.end(), [&](ColumnId column) { return Contains(columns, column); }))
      return true;
  }
  return false;
}

// Who names columns of the table, asked column by column. No subscription that names one that was asked for can come
// while this is kept.
class Dependents {
 public:
  Dependents(const CommandServices& services, const catalog::Snapshot& snapshot, const catalog::Table& table)
      : subscriptions_(services.dependents->load()), snapshot_(snapshot), table_(table) {}

  std::vector<std::string> Naming(ColumnId column) {
    std::vector<std::string> names;
    for (const auto& view : snapshot_.ViewsOn(table_.id)) {
      if (NamesAny(*view, table_.id, {column})) names.push_back("view " + NamesOf({view}));
    }
    if (subscriptions_ == nullptr) return names;
    holds_.push_back(subscriptions_->HoldColumns(table_.id, {column}));
    for (std::string& name : subscriptions_->NamingColumn(table_.id, column)) names.push_back(std::move(name));
    return names;
  }

  // Subscriptions whose predicate or expressions do not bind with the new types.
  std::vector<std::string> NotBinding(const catalog::AlterResult& altered) {
    if (subscriptions_ == nullptr || altered.retyped.empty()) return {};
    holds_.push_back(subscriptions_->HoldColumns(table_.id, altered.retyped));
    return subscriptions_->NotBinding(altered.table, altered.retyped);
  }

  // What CASCADE ends; nobody waits for it.
  std::set<std::string> SubscriptionsNaming(const std::vector<ColumnId>& columns) const {
    std::set<std::string> names;
    for (const ColumnId column : columns) {
      if (subscriptions_ == nullptr) break;
      for (std::string& name : subscriptions_->NamingColumn(table_.id, column)) names.insert(std::move(name));
    }
    return names;
  }

 private:
  DependentSubscriptions* const subscriptions_;
  const catalog::Snapshot& snapshot_;
  const catalog::Table& table_;
  std::vector<std::shared_ptr<void>> holds_;
};

// Live predicates over retyped columns must still bind.
Status CheckPredicates(Dependents* dependents, const catalog::AlterResult& altered) {
  std::string list;
  for (const std::string& name : dependents->NotBinding(altered)) list += (list.empty() ? "" : ", ") + name;
  if (list.empty()) return {};
  const auto ordinal = altered.table->schema()->FindById(altered.retyped.front());
  return Error{ErrorCode::kDependentObjects,
               "column " + (ordinal ? altered.table->schema()->column(*ordinal).name : "?") + " of " +
                   altered.table->QualifiedName() + " with its new type does not bind in " + list,
               "End them first."};
}

// Views that name a column dropped by CASCADE go with it, and with them the views over them.
std::vector<catalog::ViewPtr> ViewsGoing(const catalog::Snapshot& snapshot, const catalog::Table& old,
                                         const catalog::AlterResult& altered) {
  std::vector<catalog::ViewPtr> going;
  for (const auto& view : snapshot.ViewsOn(old.id)) {
    if (NamesAny(*view, old.id, altered.cascaded)) going.push_back(view);
  }
  return WithViewsOver(snapshot, std::move(going));
}

// Views over retyped columns, and views over them, must bind with the new types.
Status CheckViews(const CommandServices& services, const catalog::Snapshot& snapshot, const catalog::Table& old,
                  const catalog::AlterResult& altered, const std::vector<catalog::ViewPtr>& going,
                  const std::vector<catalog::Change>& changes, const ExecuteContext& context) {
  std::vector<catalog::ViewPtr> touched;
  for (const auto& view : snapshot.ViewsOn(old.id)) {
    if (NamesAny(*view, old.id, altered.retyped)) touched.push_back(view);
  }
  touched = WithViewsOver(snapshot, std::move(touched));
  std::erase_if(touched, [&](const catalog::ViewPtr& view) {
    return std::find(going.begin(), going.end(), view) != going.end();
  });
  return CheckViewsBind(services, touched, changes, context);
}

StatementResult Altered(const catalog::Table& table, Seq seq, std::string message) {
  StatementResult result;
  result.query_type = QueryType::kAlterTable;
  result.seq = seq;
  result.namespace_name = table.namespace_name;
  result.table_name = table.name;
  result.message = std::move(message);
  return result;
}

Result<StatementResult> AlterOnce(const CommandServices& services, const AlterTable& command,
                                  const ExecuteContext& context, bool* retry) {
  const storage::ReadViewPtr view = services.database->View();
  auto found = FindOwnTable(*view->catalog, command.name, context, services.options->allow_user_ddl);
  if (!found.ok()) {
    const bool absent =
        found.error().code == ErrorCode::kTableNotFound || found.error().code == ErrorCode::kNamespaceNotFound;
    if (!command.if_exists || !absent) return std::move(found).error();
    StatementResult result;
    result.query_type = QueryType::kAlterTable;
    result.message = "Table " + catalog::QuoteIdentifier(NamespaceOf(command.name, context)) + "." +
                     catalog::QuoteIdentifier(command.name.name) + " does not exist";
    return result;
  }
  const catalog::TablePtr old = *found;
  if (command.kind && *command.kind != old->kind) {
    return Error{ErrorCode::kInvalidSql,
                 "table " + old->QualifiedName() + " is a " + std::string(catalog::KindName(old->kind)) + " table"};
  }
  std::vector<AlterAction> actions = command.actions;
  const bool columns_fixed = old->kind == catalog::TableKind::kStream;
  if (!columns_fixed) FoldDefaults(services, &actions);
  Dependents dependents(services, *view->catalog, *old);  // until the change is committed
  ASSIGN_OR_RETURN(
      const catalog::AlterResult altered,
      catalog::ApplyAlter(*old, actions,
                          {.user_name = context.identity.name, .now = context.now, .named_by = [&](ColumnId column) {
                             return dependents.Naming(column);
                           }}));
  if (altered.table == nullptr) return Altered(*old, Seq(), "Table " + old->QualifiedName() + " is so already");
  RETURN_IF_ERROR(CheckDefaults(services, *old, altered));
  std::vector<std::shared_ptr<storage::Watch>> watches;
  RETURN_IF_ERROR(CheckNoNulls(services, *old, altered, &watches));
  std::vector<catalog::Change> changes;
  const std::vector<catalog::ViewPtr> going = ViewsGoing(*view->catalog, *old, altered);
  for (const auto& gone : going) changes.push_back(DropOf(gone));
  RETURN_IF_ERROR(CheckChecks(services, altered));
  RETURN_IF_ERROR(CheckPredicates(&dependents, altered));
  catalog::Change change;
  change.kind = catalog::Change::Kind::kPutTable;
  change.table = altered.table;
  change.expected_version = old->version();
  // The views that were bound again are all there are.
  if (!altered.retyped.empty()) change.bound_views = view->catalog->views_generation();
  changes.push_back(std::move(change));
  RETURN_IF_ERROR(CheckViews(services, *view->catalog, *old, altered, going, changes, context));
  const std::set<std::string> ending = dependents.SubscriptionsNaming(altered.cascaded);
  SyncPoint("alter.before_commit");
  ASSIGN_OR_RETURN(const Seq seq, CommitCatalog(services, std::move(changes), context, retry, std::move(watches)));
  SyncPoint("alter.after_commit");
  std::string message =
      "Table " + altered.table->QualifiedName() + " altered, version " + std::to_string(altered.table->version().value);
  for (const std::string& check : altered.dropped_checks) message += "; CHECK " + check + " dropped";
  if (!going.empty()) message += "; view " + NamesOf(going) + " dropped";
  for (const std::string& subscription : ending) message += "; " + subscription + " ended";
  services.logger->Info("schema_change", {{"table", altered.table->QualifiedName()},
                                          {"user", context.identity.name},
                                          {"old_version", old->version().value},
                                          {"new_version", altered.table->version().value},
                                          {"changes", altered.table->versions.back().changes},
                                          {"request_id", context.request_id}});
  return Altered(*altered.table, seq, std::move(message));
}

}  // namespace

Result<StatementResult> RunAlterTable(const CommandServices& services, const AlterTable& command,
                                      const ExecuteContext& context) {
  RETURN_IF_ERROR(CheckMayChangeTables(context.identity, services.options->allow_user_ddl, "ALTER TABLE"));
  return DecideAndCommit([&](bool* retry) { return AlterOnce(services, command, context, retry); });
}

}  // namespace kalamdb::engine
