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

bool CanWrite(const auth::Identity& identity, const catalog::Table& table) {
  if (!CanRead(identity, table)) return false;
  if (table.IsPerUser() || table.options.access_level != catalog::AccessLevel::kPublic) return true;
  return identity.role >= auth::Role::kService;
}

UserId PartitionOf(const auth::Identity& identity, const catalog::Table& table) {
  return table.IsPerUser() ? identity.user : kSharedUser;
}

}  // namespace kalamdb::engine
