// Names of commands to tables, and who may do what to them (docs/sql.md, "Who may"). Pure, thread-safe.
#pragma once

#include <string>

#include "auth/identity.h"
#include "base/error.h"
#include "catalog/snapshot.h"
#include "engine/command.h"
#include "engine/engine.h"

namespace kalamdb::engine {

// Asked first, before any name is looked up. Errors: kPermissionDenied.
Status CheckMayChangeTables(const auth::Identity& identity, bool allow_user_ddl, std::string_view what);
Status CheckAdmin(const auth::Identity& identity, std::string_view what);

// The owner, or an admin.
bool MayManage(const auth::Identity& identity, bool allow_user_ddl, const catalog::Table& table);
// FLUSH, COMPACT, whole statistics.
bool MayFlush(const auth::Identity& identity, bool allow_user_ddl, const catalog::Table& table);

// The namespace a name stands for: written, or the request's.
std::string NamespaceOf(const ObjectName& name, const ExecuteContext& context);

// Errors: kNamespaceNotFound, kTableNotFound (also where the caller may not read it), kUnsupported for a table of
// `system`.
Result<catalog::TablePtr> FindReadableTable(const catalog::Snapshot& snapshot, const ObjectName& name,
                                            const ExecuteContext& context);
// A table that may be altered. Errors as above, and kPermissionDenied.
Result<catalog::TablePtr> FindOwnTable(const catalog::Snapshot& snapshot, const ObjectName& name,
                                       const ExecuteContext& context, bool allow_user_ddl);

Error TableNotFound(const std::string& namespace_name, const std::string& name);
Error NamespaceNotFound(const std::string& name);
// Why a table or view cannot be made in a namespace that is not there, or is the server's own.
Error NothingCanBeMadeIn(const std::string& namespace_name);

}  // namespace kalamdb::engine
