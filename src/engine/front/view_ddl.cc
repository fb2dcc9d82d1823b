// Views are decided on one snapshot: bound as written, kept by ids, bound again as kept.
#include "engine/front/view_ddl.h"

#include <algorithm>
#include <optional>
#include <set>

#include "engine/bridge/chunk_codec.h"
#include "engine/bridge/spell_names.h"
#include "engine/front/result_table.h"
#include "engine/front/rights.h"
#include "engine/front/statement.h"
#include "engine/view_text.h"

namespace kalamdb::engine {
namespace {

using catalog::Change;
using catalog::ViewPtr;

std::string Shown(const std::string& ns, const std::string& name) {
  return catalog::QuoteIdentifier(ns) + "." + catalog::QuoteIdentifier(name);
}

StatementResult Done(std::string message) {
  StatementResult result;
  result.message = std::move(message);
  return result;
}

Change PutOf(ViewPtr view, bool if_absent) {
  Change change;
  change.kind = Change::Kind::kPutView;
  change.view = std::move(view);
  change.if_absent = if_absent;
  return change;
}

// The database as it reads now, with the catalog as it would be.
Result<storage::ReadViewPtr> ViewAfter(const storage::ReadViewPtr& now, const std::vector<Change>& changes) {
  ASSIGN_OR_RETURN(const catalog::SnapshotPtr snapshot, now->catalog->Apply(changes));
  auto after = std::make_shared<storage::ReadView>(*now);
  after->catalog = snapshot;
  return storage::ReadViewPtr(std::move(after));
}

Result<QueryRunner::Signature> BindView(const CommandServices& services, const catalog::View& view,
                                        const storage::ReadViewPtr& at, const ExecuteContext& context) {
  ASSIGN_OR_RETURN(const auto statement,
                   ParseEngineStatement("SELECT * FROM " + Shown(view.namespace_name, view.name)));
  return services.runner->Bind(*statement->tree(), context, at);
}

ExecuteContext AsSystem(const ExecuteContext& context) {
  ExecuteContext system = context;
  system.identity.role = auth::Role::kSystem;
  return system;
}

Status CheckColumns(const QueryRunner::Signature& signature) {
  std::set<std::string> names;
  for (const auto& name : signature.column_names) {
    if (names.insert(row::FoldName(name)).second) continue;
    return Error{ErrorCode::kInvalidSql, "two columns of the view are called " + name, "Rename one of them with AS."};
  }
  return {};
}

// The new view must read as its SELECT does, and nothing may read itself.
Status CheckMade(const CommandServices& services, const catalog::View& view, const QueryRunner::Signature& wanted,
                 const std::vector<Change>& changes, const ExecuteContext& context) {
  const storage::ReadViewPtr now = services.database->View();
  std::set<uint32_t> below(view.depends_on_views.begin(), view.depends_on_views.end());
  for (bool grown = true; grown;) {
    grown = false;
    for (const uint32_t id : std::set<uint32_t>(below)) {
      const auto read = now->catalog->FindView(id);
      if (read == nullptr) continue;
      for (const uint32_t deeper : read->depends_on_views) grown = below.insert(deeper).second || grown;
    }
  }
  if (below.contains(view.id))
    return Error{ErrorCode::kInvalidSql, "view " + Shown(view.namespace_name, view.name) + " would read itself"};
  ASSIGN_OR_RETURN(const storage::ReadViewPtr after, ViewAfter(now, changes));
  auto bound = BindView(services, view, after, context);
  if (!bound.ok()) {
    const ErrorCode code = bound.error().code;
    if (code == ErrorCode::kTimeout || code == ErrorCode::kCancelled || code == ErrorCode::kTooLarge)
      return std::move(bound).error();
    return Error{ErrorCode::kUnsupported, "this SELECT cannot be kept as a view: " + bound.error().message,
                 "Write it with aliases for its tables."};
  }
  if (bound->column_types == wanted.column_types) return {};
  return Error{ErrorCode::kUnsupported, "this SELECT cannot be kept as a view: its columns would be of other types"};
}

// Which columns the SELECT reads, asked of the engine. Nothing where it cannot be asked so.
std::optional<ColumnMarks> MarksOf(const CommandServices& services, const duckdb::SQLStatement& select,
                                   const ExecuteContext& context, const storage::ReadViewPtr& at) {
  const auto marked = MarkViewText(select, context.namespace_name, *at->catalog);
  if (!marked.ok()) return std::nullopt;
  const auto text = ExpandViewText(*marked, *at->catalog);
  if (!text.ok()) return std::nullopt;
  const auto statement = ParseEngineStatement(*text);
  if (!statement.ok()) return std::nullopt;
  auto bound = services.runner->Bind(*(*statement)->tree(), context, at);
  if (!bound.ok()) return std::nullopt;
  return std::move(bound->marks);
}

Status SetText(catalog::View* view, const duckdb::SQLStatement& select, const ExecuteContext& context,
               const catalog::Snapshot& snapshot, const ColumnMarks* marks) {
  ASSIGN_OR_RETURN(ViewText text, MakeViewText(select, context.namespace_name, snapshot, marks));
  view->select_sql = std::move(text.select_sql);
  view->depends_on_tables = std::move(text.tables);
  view->depends_on_views = std::move(text.views);
  return {};
}

// Fills `changes` with the view to be: its text with the columns that it reads; where that does not read as the SELECT
// does, with all that it mentions.
Status Prepare(const CommandServices& services, const CreateView& command, const ExecuteContext& context,
               const storage::ReadViewPtr& at, const ViewPtr& old, const std::string& ns, int64_t select_at,
               std::vector<Change>* changes) {
  ASSIGN_OR_RETURN(const auto statement, ParseEngineStatement(command.select));
  if (statement->refusal()) return *statement->refusal();
  if (statement->query_type() != QueryType::kSelect) return Error{ErrorCode::kInvalidSql, "a view is made of a SELECT"};
  if (!statement->parameters().empty()) return Error{ErrorCode::kInvalidSql, "a view cannot hold a parameter"};
  auto signature = services.runner->Bind(*statement->tree(), context, at);
  if (!signature.ok()) return Shifted(statement->Relocate(std::move(signature).error()), select_at);
  RETURN_IF_ERROR(CheckColumns(*signature));
  const auto tree = statement->tree()->Copy();
  SpellNames(*tree, *at->catalog, context.namespace_name);
  auto view = std::make_shared<catalog::View>();
  view->id = old != nullptr ? old->id : services.database->NewTableId().value;
  view->namespace_name = ns;
  view->name = command.name.name;
  view->owner = context.identity.user;
  view->owner_name = context.identity.name;
  view->column_names.assign(signature->column_names.begin(), signature->column_names.end());
  view->created_at = context.now;
  *changes = {PutOf(view, old == nullptr)};
  const auto marks = MarksOf(services, *tree, context, at);
  RETURN_IF_ERROR(SetText(view.get(), *tree, context, *at->catalog, marks ? &*marks : nullptr));
  Status made = CheckMade(services, *view, *signature, *changes, context);
  if (!made.ok() && marks) {
    RETURN_IF_ERROR(SetText(view.get(), *tree, context, *at->catalog, nullptr));
    made = CheckMade(services, *view, *signature, *changes, context);
  }
  return made;
}

Result<StatementResult> CreateOnce(const CommandServices& services, const CreateView& command, int64_t select_at,
                                   const ExecuteContext& context, bool* retry) {
  const storage::ReadViewPtr now = services.database->View();
  const auto ns = now->catalog->FindNamespace(NamespaceOf(command.name, context));
  if (ns == nullptr) return NothingCanBeMadeIn(NamespaceOf(command.name, context));
  const std::string shown = Shown(ns->name, command.name.name);
  if (now->catalog->FindTable(ns->name, command.name.name) != nullptr)
    return Error{ErrorCode::kAlreadyExists, "a table " + shown + " exists already"};
  const ViewPtr old = now->catalog->FindView(ns->name, command.name.name);
  if (old != nullptr && !command.or_replace)
    return Error{ErrorCode::kAlreadyExists, "view " + shown + " exists already",
                 "CREATE OR REPLACE VIEW makes it anew."};
  std::vector<Change> changes;
  RETURN_IF_ERROR(Prepare(services, command, context, now, old, ns->name, select_at, &changes));
  const catalog::View& made = *changes[0].view;
  if (old != nullptr || !made.depends_on_views.empty()) changes[0].bound_views = now->catalog->views_generation();
  for (const auto& [table, columns] : made.depends_on_tables) {
    if (auto bound = now->catalog->FindTable(table)) changes[0].bound_tables.push_back(std::move(bound));
  }
  if (old != nullptr) {
    auto over = WithViewsOver(*now->catalog, {old});
    std::erase(over, old);
    RETURN_IF_ERROR(CheckViewsBind(services, over, changes, context));
  }
  ASSIGN_OR_RETURN(const Seq seq, CommitCatalog(services, std::move(changes), context, retry));
  StatementResult result = Done("View " + shown + (old == nullptr ? " created" : " replaced"));
  result.seq = seq;
  return result;
}

}  // namespace

Change DropOf(ViewPtr view) {
  Change change;
  change.kind = Change::Kind::kDropView;
  change.view = std::move(view);
  return change;
}

std::string NamesOf(const std::vector<ViewPtr>& views) {
  std::string names;
  for (const auto& view : views) names += (names.empty() ? "" : ", ") + Shown(view->namespace_name, view->name);
  return names;
}

std::vector<ViewPtr> WithViewsOver(const catalog::Snapshot& snapshot, std::vector<ViewPtr> views) {
  const std::vector<ViewPtr> all = snapshot.Views("");
  for (size_t i = 0; i < views.size(); ++i) {
    const uint32_t below = views[i]->id;
    for (const ViewPtr& view : all) {
      const auto& reads = view->depends_on_views;
      if (std::find(reads.begin(), reads.end(), below) == reads.end()) continue;
      if (std::find(views.begin(), views.end(), view) == views.end()) views.push_back(view);
    }
  }
  return views;
}

Status CheckViewsBind(const CommandServices& services, const std::vector<ViewPtr>& views,
                      const std::vector<Change>& changes, const ExecuteContext& context) {
  if (views.empty()) return {};
  ASSIGN_OR_RETURN(const storage::ReadViewPtr after, ViewAfter(services.database->View(), changes));
  for (const ViewPtr& view : views) {
    auto bound = BindView(services, *view, after, AsSystem(context));
    if (bound.ok()) continue;
    return Error{
        ErrorCode::kDependentObjects,
        "view " + Shown(view->namespace_name, view->name) + " would not bind any more: " + bound.error().message,
        "Drop the view first."};
  }
  return {};
}

Result<StatementResult> RunCreateView(const CommandServices& services, const CreateView& command, int64_t select_at,
                                      const ExecuteContext& context) {
  RETURN_IF_ERROR(CheckAdmin(context.identity, "CREATE VIEW"));
  RETURN_IF_ERROR(catalog::CheckObjectName(command.name.name));
  return DecideAndCommit([&](bool* retry) { return CreateOnce(services, command, select_at, context, retry); });
}

Result<StatementResult> RunDropView(const CommandServices& services, const DropView& command,
                                    const ExecuteContext& context) {
  RETURN_IF_ERROR(CheckAdmin(context.identity, "DROP VIEW"));
  return DecideAndCommit([&](bool* retry) -> Result<StatementResult> {
    const auto snapshot = services.database->View()->catalog;
    const std::string ns = NamespaceOf(command.name, context);
    const ViewPtr view = snapshot->FindView(ns, command.name.name);
    if (view == nullptr) {
      if (command.if_exists) return Done("View " + Shown(ns, command.name.name) + " does not exist");
      if (snapshot->FindNamespace(ns) == nullptr) return NamespaceNotFound(ns);
      if (snapshot->FindTable(ns, command.name.name) != nullptr)
        return Error{ErrorCode::kInvalidSql, Shown(ns, command.name.name) + " is a table: DROP TABLE drops it"};
      return Error{ErrorCode::kTableNotFound, "view " + Shown(ns, command.name.name) + " does not exist"};
    }
    const auto going = WithViewsOver(*snapshot, {view});
    if (going.size() > 1 && !command.cascade) {
      return Error{ErrorCode::kDependentObjects,
                   "view " + Shown(view->namespace_name, view->name) + " is read by " +
                       NamesOf({going.begin() + 1, going.end()}),
                   "Drop it first, or say CASCADE."};
    }
    std::vector<Change> changes;
    for (const ViewPtr& gone : going) changes.push_back(DropOf(gone));
    ASSIGN_OR_RETURN(const Seq seq, CommitCatalog(services, std::move(changes), context, retry));
    StatementResult result = Done((going.size() == 1 ? "View " : "Views ") + NamesOf(going) + " dropped");
    result.seq = seq;
    return result;
  });
}

Result<QueryRunner::Signature> SignatureOf(const CommandServices& services, const catalog::View& view,
                                           const ExecuteContext& context) {
  return BindView(services, view, services.database->View(), context);
}

}  // namespace kalamdb::engine
