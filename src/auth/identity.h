// Who is asking: the one identity type of every listener, and the order of roles.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"

namespace kalamdb::auth {

// user < service < dba < system. On disk: never renumber.
enum class Role : uint8_t { kUser = 1, kService = 2, kDba = 3, kSystem = 4 };
std::string_view RoleName(Role role);  // "user" …
std::optional<Role> ParseRole(std::string_view name);

// Comes from a verified token or password only. `generation` is the user's at that moment: a dropped user, a changed
// password or role and a logout of all make it old (UserDirectory::IsCurrent).
struct Identity {
  UserId user;       // internal id: the key prefix of the user's partition
  std::string name;  // as in CURRENT_USER()
  Role role = Role::kUser;
  uint64_t generation = 0;
  std::string token_id;   // empty for Basic
  Micros expires_at = 0;  // 0 = never (Basic)

  bool IsAdmin() const { return role >= Role::kDba; }
};

}  // namespace kalamdb::auth
