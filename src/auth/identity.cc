// Names of roles.
#include "auth/identity.h"

#include "row/schema.h"

namespace kalamdb::auth {

std::string_view RoleName(Role role) {
  switch (role) {
    case Role::kUser: return "user";
    case Role::kService: return "service";
    case Role::kDba: return "dba";
    case Role::kSystem: return "system";
  }
  return "user";
}

std::optional<Role> ParseRole(std::string_view name) {
  const std::string folded = row::FoldName(name);
  for (Role role : {Role::kUser, Role::kService, Role::kDba, Role::kSystem}) {
    if (folded == RoleName(role)) return role;
  }
  return std::nullopt;
}

}  // namespace kalamdb::auth
