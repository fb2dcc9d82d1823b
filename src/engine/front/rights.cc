// Rights of commands.
#include "engine/front/rights.h"

#include "engine/access.h"
#include "row/schema.h"

namespace kalamdb::engine {

using auth::Identity;
using auth::Role;

Status CheckMayChangeTables(const Identity& identity, bool allow_user_ddl, std::string_view what) {
  if (identity.role != Role::kUser || allow_user_ddl) return {};
  return Error{ErrorCode::kPermissionDenied, std::string(what) + " needs the role service, dba or system"};
}

Status CheckAdmin(const Identity& identity, std::string_view what) {
  if (identity.IsAdmin()) return {};
  return Error{ErrorCode::kPermissionDenied, std::string(what) + " needs the role dba or system"};
}

bool MayManage(const Identity& identity, bool allow_user_ddl, const catalog::Table& table) {
  if (identity.IsAdmin()) return true;
  return table.owner == identity.user && (identity.role == Role::kService || allow_user_ddl);
}

bool MayFlush(const Identity& identity, bool allow_user_ddl, const catalog::Table& table) {
  if (identity.role == Role::kService) return CanRead(identity, table);
  return MayManage(identity, allow_user_ddl, table);
}

std::string NamespaceOf(const ObjectName& name, const ExecuteContext& context) {
  return name.namespace_name.empty() ? context.namespace_name : name.namespace_name;
}

Error TableNotFound(const std::string& namespace_name, const std::string& name) {
  return Error{ErrorCode::kTableNotFound, "table " + catalog::QuoteIdentifier(namespace_name) + "." +
                                              catalog::QuoteIdentifier(name) + " does not exist"};
}

Error NamespaceNotFound(const std::string& name) {
  return Error{ErrorCode::kNamespaceNotFound, "namespace " + catalog::QuoteIdentifier(name) + " does not exist"};
}

Error NothingCanBeMadeIn(const std::string& namespace_name) {
  const std::string folded = row::FoldName(namespace_name);
  if (folded != row::FoldName("system") && folded != row::FoldName("information_schema"))
    return NamespaceNotFound(namespace_name);
  return Error{ErrorCode::kUnsupported, "namespace " + folded + " is the server's own: nothing can be made in it"};
}

Result<catalog::TablePtr> FindReadableTable(const catalog::Snapshot& snapshot, const ObjectName& name,
                                            const ExecuteContext& context) {
  const std::string ns = NamespaceOf(name, context);
  catalog::TablePtr table = snapshot.FindTable(ns, name.name);
  if (table == nullptr) {
    const std::string folded = row::FoldName(ns);
    if (folded == row::FoldName("system") || folded == row::FoldName("information_schema")) {
      return Error{ErrorCode::kUnsupported, "tables of " + ns + " can be read, nothing else"}.WithHint("").At(
          name.position);
    }
    if (snapshot.FindNamespace(ns) == nullptr) return NamespaceNotFound(ns).At(name.position);
    if (const auto view = snapshot.FindView(ns, name.name);
        view != nullptr && CanReadView(context.identity, snapshot, *view))
      return Error{ErrorCode::kUnsupported, name.name + " is a view"}.WithHint("").At(name.position);
    return TableNotFound(ns, name.name).At(name.position);
  }
  if (!CanRead(context.identity, *table)) return TableNotFound(ns, name.name).At(name.position);
  return table;
}

Result<catalog::TablePtr> FindOwnTable(const catalog::Snapshot& snapshot, const ObjectName& name,
                                       const ExecuteContext& context, bool allow_user_ddl) {
  const catalog::TablePtr any = snapshot.FindTable(NamespaceOf(name, context), name.name);
  if (any != nullptr && MayManage(context.identity, allow_user_ddl, *any)) return any;
  ASSIGN_OR_RETURN(const catalog::TablePtr table, FindReadableTable(snapshot, name, context));
  return Error{ErrorCode::kPermissionDenied, "table " + table->QualifiedName() + " belongs to another user"}
      .WithHint("")
      .At(name.position);
}

}  // namespace kalamdb::engine
