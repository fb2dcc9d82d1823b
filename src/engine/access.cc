// The rights of roles on tables.
#include "engine/access.h"

namespace kalamdb::engine {

bool CanRead(const auth::Identity& identity, const catalog::Table& table) {
  if (table.IsPerUser()) return true;
  switch (table.options.access_level) {
    case catalog::AccessLevel::kPublicWrite:
    case catalog::AccessLevel::kPublic: return true;
    case catalog::AccessLevel::kPrivate: return identity.role >= auth::Role::kService;
    case catalog::AccessLevel::kDba: return identity.IsAdmin();
  }
  return false;
}

bool CanReadView(const auth::Identity& identity, const catalog::Snapshot& snapshot, const catalog::View& view) {
  for (const auto& [id, columns] : view.depends_on_tables) {
    const auto table = snapshot.FindTable(id);
    if (table == nullptr || !CanRead(identity, *table)) return false;
  }
  for (const uint32_t id : view.depends_on_views) {
    const auto below = snapshot.FindView(id);
    if (below == nullptr || !CanReadView(identity, snapshot, *below)) return false;
  }
  return true;
}

bool CanWrite(const auth::Identity& identity, const catalog::Table& table) {
  if (!CanRead(identity, table)) return false;
  if (table.IsPerUser() || table.options.access_level != catalog::AccessLevel::kPublic) return true;
  return identity.role >= auth::Role::kService;
}

UserId PartitionOf(const auth::Identity& identity, const catalog::Table& table) {
  return table.IsPerUser() ? identity.user : kSharedUser;
}

}  // namespace kalamdb::engine
