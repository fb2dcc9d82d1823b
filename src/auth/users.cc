// The users in memory: changes one at a time, readers beside them.
#include "auth/users.h"

#include <algorithm>

#include "catalog/names.h"

namespace kalamdb::auth {
namespace {

constexpr char kUserKey = 'U';
constexpr std::string_view kNextIdKey = "I";
constexpr size_t kMaxEmailBytes = 320;

// Costs as much as a real one and matches nothing: whether a user exists must not show in the time a login takes.
constexpr std::string_view kNobodysHash =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

std::string BigEndian(uint64_t value) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xFF);
  return bytes;
}

uint64_t FromBigEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (char c : bytes) value = value << 8 | static_cast<uint8_t>(c);
  return value;
}

std::string UserKey(UserId id) { return kUserKey + BigEndian(id.value); }

Error NoSuchUser(std::string_view name) {
  return Error{ErrorCode::kNotFound, "user " + catalog::QuoteLiteral(name) + " does not exist"};
}

Error WrongLogin() { return Error{ErrorCode::kUnauthenticated, "wrong user or password"}; }

Error Locked(Micros until, Micros now) {
  const Micros minutes = (until - now + 60 * kMicrosPerSecond - 1) / (60 * kMicrosPerSecond);
  return Error{ErrorCode::kAccountLocked, "too many failed logins; the account is locked for " +
                                              std::to_string(minutes) + (minutes == 1 ? " minute" : " minutes")};
}

// A failure at `now`: failures further apart than the window do not add up.
void Count(LoginFailures* failures, Micros now) {
  if (failures->locked_until != 0 || now - failures->first_at > kLockoutWindow || now < failures->first_at)
    *failures = {};
  if (failures->count++ == 0) failures->first_at = now;
  if (failures->count >= kLockoutFailures) failures->locked_until = now + kLockoutWindow;
}

Status CheckEmail(std::string_view email) {
  if (email.size() <= kMaxEmailBytes && catalog::CountNameCharacters(email)) return {};
  return Error{ErrorCode::kInvalidParameter,
               "an e-mail address has at most " + std::to_string(kMaxEmailBytes) + " bytes and no control characters"};
}

Result<std::string> CheckedHash(std::string_view password) {
  RETURN_IF_ERROR(CheckPassword(password));
  std::string hash = HashPassword(password);
  if (hash.empty()) return Error{ErrorCode::kStorageUnavailable, "there is no memory to hash the password"};
  return hash;
}

void ClearFailures(UserRecord* user) {
  user->failed_logins = 0;
  user->first_failure_at = 0;
  user->locked_until = 0;
}

}  // namespace

UserDirectory::UserDirectory(UserStore* store, const Clock* clock) : store_(store), clock_(clock) {}

Status UserDirectory::Load(std::string_view key, std::string_view value) {
  const auto damaged = [](std::string_view which) {
    return Error{ErrorCode::kStorageUnavailable, "the record of " + std::string(which) + " is damaged"};
  };
  if (key == kNextIdKey) {
    if (value.size() != 8) return damaged("the next user id");
    const std::unique_lock lock(mutex_);
    next_id_ = std::max(next_id_, FromBigEndian(value));
    return {};
  }
  if (key.empty() || key[0] != kUserKey) return {};
  ASSIGN_OR_RETURN(UserPtr user, DecodeUser(value));
  if (key != UserKey(user->id)) return damaged("user " + std::to_string(user->id.value));
  if (FindByName(user->name) != nullptr)
    return damaged("user " + std::to_string(user->id.value) + ", whose name is there twice,");
  Publish(std::move(user));
  return {};
}

UserPtr UserDirectory::FindByName(std::string_view name) const {
  const std::shared_lock lock(mutex_);
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

UserPtr UserDirectory::FindById(UserId id) const {
  const std::shared_lock lock(mutex_);
  const auto found = by_id_.find(id.value);
  return found == by_id_.end() ? nullptr : found->second;
}

std::vector<UserPtr> UserDirectory::All() const {
  const std::shared_lock lock(mutex_);
  std::vector<UserPtr> users;
  users.reserve(by_name_.size());
  for (const auto& [name, user] : by_name_) users.push_back(user);
  return users;
}

bool UserDirectory::HasPasswords() const {
  const std::shared_lock lock(mutex_);
  return std::any_of(by_id_.begin(), by_id_.end(),
                     [](const auto& entry) { return !entry.second->password_hash.empty(); });
}

bool UserDirectory::IsCurrent(const Identity& identity) const {
  const std::shared_lock lock(mutex_);
  const auto found = by_id_.find(identity.user.value);
  return found != by_id_.end() && found->second->generation == identity.generation &&
         found->second->role == identity.role;
}

void UserDirectory::OnChange(std::function<void(UserId)> callback) {
  const std::unique_lock lock(mutex_);
  on_change_.push_back(std::move(callback));
}

void UserDirectory::Publish(UserPtr user) {
  const std::unique_lock lock(mutex_);
  next_id_ = std::max(next_id_, user->id.value + 1);
  by_id_[user->id.value] = user;
  by_name_[user->name] = std::move(user);
}

void UserDirectory::Notify(UserId id) {
  std::vector<std::function<void(UserId)>> callbacks;
  {
    const std::shared_lock lock(mutex_);
    callbacks = on_change_;
  }
  for (const auto& callback : callbacks) callback(id);
}

Result<UserPtr> UserDirectory::Edit(std::string_view name, const std::function<Status(UserRecord*)>& edit,
                                    StoreRecords with) {
  const UserPtr old = FindByName(name);
  if (old == nullptr) return NoSuchUser(name);
  auto user = std::make_shared<UserRecord>(*old);
  RETURN_IF_ERROR(edit(user.get()));
  with.emplace_back(UserKey(user->id), EncodeUser(*user));
  RETURN_IF_ERROR(store_->Write(std::move(with)));
  Publish(user);
  return UserPtr(std::move(user));
}

Status UserDirectory::CheckNotLastSystem(const UserRecord& user) const {
  if (user.role != Role::kSystem) return {};
  const std::shared_lock lock(mutex_);
  const auto systems = std::count_if(by_id_.begin(), by_id_.end(),
                                     [](const auto& entry) { return entry.second->role == Role::kSystem; });
  if (systems > 1) return {};
  return Error{ErrorCode::kUnsupported, "user " + catalog::QuoteLiteral(user.name) + " is the last one of role system"}
      .WithHint("Make another user of role system first.");
}

Result<UserPtr> UserDirectory::Create(NewUser wanted, StoreRecords with) {
  RETURN_IF_ERROR(CheckUserName(wanted.name));
  RETURN_IF_ERROR(CheckEmail(wanted.email));
  const Error taken{ErrorCode::kAlreadyExists, "user " + catalog::QuoteLiteral(wanted.name) + " already exists"};
  if (FindByName(wanted.name) != nullptr) return taken;
  auto user = std::make_shared<UserRecord>();
  if (!wanted.without_password) {
    ASSIGN_OR_RETURN(user->password_hash, CheckedHash(wanted.password));
  }
  const std::lock_guard changing(changing_);
  if (FindByName(wanted.name) != nullptr) return taken;
  {
    const std::unique_lock lock(mutex_);
    user->id = UserId(next_id_++);
  }
  user->name = std::move(wanted.name);
  user->email = std::move(wanted.email);
  user->role = wanted.role;
  user->created_at = clock_->NowMicros();
  user->updated_at = user->created_at;
  with.emplace_back(UserKey(user->id), EncodeUser(*user));
  with.emplace_back(std::string(kNextIdKey), BigEndian(user->id.value + 1));
  RETURN_IF_ERROR(store_->Write(std::move(with)));
  unknown_.erase(user->name);
  Publish(user);
  return UserPtr(std::move(user));
}

Result<UserPtr> UserDirectory::Alter(std::string_view name, const UserChange& change, StoreRecords with) {
  if (FindByName(name) == nullptr) return NoSuchUser(name);
  if (change.email) RETURN_IF_ERROR(CheckEmail(*change.email));
  std::string hash;
  if (change.password) {
    ASSIGN_OR_RETURN(hash, CheckedHash(*change.password));
  }
  Result<UserPtr> changed = NoSuchUser(name);
  uint64_t generation = 0;
  {
    const std::lock_guard changing(changing_);
    auto edit = [&](UserRecord* user) -> Status {
      generation = user->generation;
      const bool new_role = change.role && *change.role != user->role;
      if (new_role) RETURN_IF_ERROR(CheckNotLastSystem(*user));
      if (new_role) user->role = *change.role;
      if (change.email) user->email = *change.email;
      if (change.password) {
        user->password_hash = hash;
        ClearFailures(user);
      }
      if (new_role || change.password) ++user->generation;
      user->updated_at = clock_->NowMicros();
      return {};
    };
    changed = Edit(name, edit, std::move(with));
  }
  if (changed.ok() && (*changed)->generation != generation) Notify((*changed)->id);
  return changed;
}

Status UserDirectory::Drop(std::string_view name, const std::function<StoreRecords(const UserRecord&)>& with) {
  UserId id;
  {
    const std::lock_guard changing(changing_);
    const UserPtr user = FindByName(name);
    if (user == nullptr) return NoSuchUser(name);
    RETURN_IF_ERROR(CheckNotLastSystem(*user));
    StoreRecords records;
    if (with) records = with(*user);
    records.emplace_back(UserKey(user->id), std::nullopt);
    RETURN_IF_ERROR(store_->Write(std::move(records)));
    const std::unique_lock lock(mutex_);
    by_id_.erase(user->id.value);
    by_name_.erase(user->name);
    id = user->id;
  }
  Notify(id);
  return {};
}

Status UserDirectory::EndSessions(UserId id) {
  {
    const std::lock_guard changing(changing_);
    const UserPtr user = FindById(id);
    if (user == nullptr) return Error{ErrorCode::kNotFound, "user " + std::to_string(id.value) + " does not exist"};
    RETURN_IF_ERROR(Edit(user->name, [](UserRecord* record) -> Status {
      ++record->generation;
      return {};
    }));
  }
  Notify(id);
  return {};
}

Result<UserPtr> UserDirectory::Login(std::string_view name, std::string_view password) {
  const Micros now = clock_->NowMicros();
  const UserPtr seen = FindByName(name);
  if (seen == nullptr) {
    RETURN_IF_ERROR(FailUnknown(name));
    VerifyPassword(password, kNobodysHash);
    return CountFailure(name);
  }
  if (seen->locked_until > now) return Locked(seen->locked_until, now);
  const bool has_password = !seen->password_hash.empty();
  const bool right = VerifyPassword(password, has_password ? seen->password_hash : kNobodysHash) && has_password;
  return LoginKnown(seen, right);
}

// Under the lock, so that guesses made at the same time are all counted, and none is told it was right once the account
// is locked.
Result<UserPtr> UserDirectory::LoginKnown(const UserPtr& seen, bool right) {
  const std::lock_guard changing(changing_);
  const Micros now = clock_->NowMicros();
  const UserPtr user = FindById(seen->id);
  if (user == nullptr || user->password_hash != seen->password_hash) return WrongLogin();
  if (user->locked_until > now) return Locked(user->locked_until, now);
  ASSIGN_OR_RETURN(UserPtr changed, Edit(user->name, [&](UserRecord* record) -> Status {
                     if (right) {
                       ClearFailures(record);
                       record->last_login_at = now;
                       return {};
                     }
                     LoginFailures failures{record->failed_logins, record->first_failure_at, record->locked_until};
                     Count(&failures, now);
                     record->failed_logins = failures.count;
                     record->first_failure_at = failures.first_at;
                     record->locked_until = failures.locked_until;
                     return {};
                   }));
  if (!right) return WrongLogin();
  return changed;
}

// An unknown name is locked like a known one.
Status UserDirectory::FailUnknown(std::string_view name) {
  const std::lock_guard changing(changing_);
  const Micros now = clock_->NowMicros();
  const auto found = unknown_.find(name);
  if (found != unknown_.end() && found->second.locked_until > now) return Locked(found->second.locked_until, now);
  return {};
}

Error UserDirectory::CountFailure(std::string_view name) {
  if (!CheckUserName(name).ok()) return WrongLogin();
  const std::lock_guard changing(changing_);
  if (unknown_.size() >= kMaxUnknownNames) unknown_.clear();
  Count(&unknown_[std::string(name)], clock_->NowMicros());
  return WrongLogin();
}

}  // namespace kalamdb::auth
