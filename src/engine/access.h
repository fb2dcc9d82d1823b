// Who may read and write a table: the one place that knows the table of docs/sql.md, "Who may".
//
// Pure functions, asked at every execution before any cache answers. A table one may not read is as if it were not
// there; one that may be read but not written is PERMISSION_DENIED.
#pragma once

#include "auth/identity.h"
#include "catalog/snapshot.h"

namespace kalamdb::engine {

// Own rows of USER and STREAM tables: everybody. SHARED tables, and streams of scope SHARED: by role and access level.
bool CanRead(const auth::Identity& identity, const catalog::Table& table);
bool CanWrite(const auth::Identity& identity, const catalog::Table& table);
// A view shows itself to those who may read all that it reads. Views over views end: none reads itself.
bool CanReadView(const auth::Identity& identity, const catalog::Snapshot& snapshot, const catalog::View& view);

// The partition `identity` sees of `table`: the user's, or the shared one.
UserId PartitionOf(const auth::Identity& identity, const catalog::Table& table);

}  // namespace kalamdb::engine
