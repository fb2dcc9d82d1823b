// Bytes of a user record. The grammar is in docs/formats/user.md; golden bytes hold it.
#include "auth/users.h"
#include "catalog/record_bytes.h"

namespace kalamdb::auth {
namespace {

constexpr uint8_t kUserFormat = 0x01;

Error Damaged(std::string_view why) {
  return Error{ErrorCode::kStorageUnavailable, "a record of a user is damaged: " + std::string(why)}.WithHint(
      "Restore the server from a backup.");
}

}  // namespace

std::string EncodeUser(const UserRecord& user) {
  catalog::RecordWriter out(kUserFormat);
  out.Varint(user.id.value);
  out.String(user.name);
  out.Byte(static_cast<uint8_t>(user.role));
  out.String(user.email);
  out.String(user.password_hash);
  out.Varint(user.generation);
  out.Varint(user.failed_logins);
  out.Signed(user.first_failure_at);
  out.Signed(user.locked_until);
  out.Signed(user.last_login_at);
  out.Signed(user.created_at);
  out.Signed(user.updated_at);
  return out.Take();
}

Result<UserPtr> DecodeUser(std::string_view bytes) {
  catalog::RecordReader in(bytes);
  if (in.format() != kUserFormat)
    return Damaged("format " + std::to_string(in.format()) + " is not known to this version");
  auto user = std::make_shared<UserRecord>();
  user->id = UserId(in.Varint());
  user->name = in.String();
  user->role = static_cast<Role>(in.Byte());
  user->email = in.String();
  user->password_hash = in.String();
  user->generation = in.Varint();
  user->failed_logins = static_cast<uint32_t>(in.Varint());
  user->first_failure_at = in.Signed();
  user->locked_until = in.Signed();
  user->last_login_at = in.Signed();
  user->created_at = in.Signed();
  user->updated_at = in.Signed();
  if (!in.Done()) return Damaged("its length is wrong");
  if (!user->id.is_set() || user->name.empty() || user->role < Role::kUser || user->role > Role::kSystem) {
    return Damaged("a field has no meaning");
  }
  return UserPtr(std::move(user));
}

}  // namespace kalamdb::auth
