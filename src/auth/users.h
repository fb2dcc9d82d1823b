// The users: records, passwords, lockout, roles. In memory as a whole (shared immutable records), on disk through a
// sink.
//
// UserDirectory is thread-safe. Every change is first made durable through UserStore (the commit pipeline implements
// it), then seen by readers. Internal ids are never reused; a user made again under a name gets a new one and starts
// empty.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "auth/identity.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"

namespace kalamdb::auth {

inline constexpr size_t kMinPasswordCharacters = 8;
inline constexpr size_t kMaxPasswordCharacters = 128;
inline constexpr size_t kMaxUserNameCharacters = 128;
inline constexpr uint32_t kLockoutFailures = 5;
inline constexpr Micros kLockoutWindow = 15LL * 60 * 1'000'000;

struct UserRecord {
  UserId id;
  std::string name;  // spelling kept, compared exactly
  Role role = Role::kUser;
  std::string email;
  std::string password_hash;  // argon2id, encoded form; empty = no password login
  uint64_t generation = 1;    // grows with password, role, logout of all
  uint32_t failed_logins = 0;
  Micros first_failure_at = 0;
  Micros locked_until = 0;
  Micros last_login_at = 0;
  Micros created_at = 0, updated_at = 0;
};
using UserPtr = std::shared_ptr<const UserRecord>;

// Bytes of a user record (docs/formats/user.md), versioned by their first byte; frozen by golden bytes.
std::string EncodeUser(const UserRecord& user);
Result<UserPtr> DecodeUser(std::string_view bytes);

// Where records become durable: key → value (nullopt = delete), one atomic commit, in the commit order. Keys used here:
// 'U' user id (8, big-endian): record · 'J' token id: revoked until (8) · 'K': signing keys · 'I': next user id (8).
using StoreRecords = std::vector<std::pair<std::string, std::optional<std::string>>>;
class UserStore {
 public:
  virtual ~UserStore() = default;
  virtual Status Write(StoreRecords records) = 0;
};

// Checks length and the list of common passwords. Errors: kInvalidParameter saying the rule.
Status CheckPassword(std::string_view password);
Status CheckUserName(std::string_view name);
// argon2id, 19 MiB, t = 2: ≈ 60 ms of CPU. Call on the hashing pool only. Empty where there is no memory for it.
std::string HashPassword(std::string_view password);
bool VerifyPassword(std::string_view password, std::string_view hash);

struct NewUser {
  std::string name, password, email;
  Role role = Role::kUser;
  bool without_password = false;  // `password` is not read and no login works before SetPassword (root before setup)
};

// What an ALTER USER changes: all of it or nothing.
struct UserChange {
  std::optional<std::string> password, email;
  std::optional<Role> role;
};

// Failed logins under a name, whether or not there is a user of that name: a lock must not tell.
struct LoginFailures {
  uint32_t count = 0;
  Micros first_at = 0;
  Micros locked_until = 0;
};
inline constexpr size_t kMaxUnknownNames = 10'000;  // beyond it the failures of unknown names start anew

class UserDirectory {
 public:
  UserDirectory(UserStore* store, const Clock* clock);

  // At start: every record of the store, in any order (those that are not of users are passed over); then serving.
  // Errors: kStorageUnavailable naming the record.
  Status Load(std::string_view key, std::string_view value);

  UserPtr FindByName(std::string_view name) const;
  UserPtr FindById(UserId id) const;
  std::vector<UserPtr> All() const;  // by name
  bool HasPasswords() const;         // false: setup is needed

  // `with` are records that become durable with the change or not at all: what the audit log says of it, what is to be
  // erased. Errors of all changes: kStorageUnavailable (nothing has changed), kNotFound where there is no such user.
  // Errors: kAlreadyExists, kInvalidParameter (name, password). Hashes on the calling thread.
  Result<UserPtr> Create(NewUser user, StoreRecords with = {});
  // Errors of a role change and of Drop: kUnsupported for the last user of role system, who alone can make another one.
  Result<UserPtr> Alter(std::string_view name, const UserChange& change, StoreRecords with = {});
  Result<UserPtr> SetPassword(std::string_view name, std::string_view password) {
    return Alter(name, {.password = std::string(password)});
  }
  // `with` is asked for once it is certain which user goes: names are given again, ids are not.
  Status Drop(std::string_view name, const std::function<StoreRecords(const UserRecord&)>& with = {});
  // Ends every session of the user (generation + 1).
  Status EndSessions(UserId id);

  // Verifies name and password, counts failures, locks: kUnauthenticated (alike for both), kAccountLocked.
  // Blocks ≈ 60 ms: hashing pool only.
  Result<UserPtr> Login(std::string_view name, std::string_view password);

  // False when the user was dropped or its password, role or sessions changed since the identity was made. A map
  // look-up.
  bool IsCurrent(const Identity& identity) const;

  // Called (on the changing thread, no lock held) after a change that made identities old: open sockets are asked
  // again.
  void OnChange(std::function<void(UserId)> callback);

 private:
  // Reads the record, lets `edit` change a copy, makes it durable and shows it. REQUIRES: changing_ is held.
  Result<UserPtr> Edit(std::string_view name, const std::function<Status(UserRecord*)>& edit, StoreRecords with = {});
  void Publish(UserPtr user);
  void Notify(UserId id);
  Status CheckNotLastSystem(const UserRecord& user) const;
  Result<UserPtr> LoginKnown(const UserPtr& seen, bool right);
  Status FailUnknown(std::string_view name);
  Error CountFailure(std::string_view name);

  UserStore* const store_;
  const Clock* const clock_;
  // Held over read, Write and Publish, so that changes never lose each other; taken before mutex_. Readers never wait
  // for a Write.
  std::mutex changing_;
  std::map<std::string, LoginFailures, std::less<>> unknown_;  // GUARDED_BY(changing_)
  mutable std::shared_mutex mutex_;
  std::map<std::string, UserPtr, std::less<>> by_name_;  // GUARDED_BY(mutex_)
  std::map<uint64_t, UserPtr> by_id_;                    // GUARDED_BY(mutex_)
  uint64_t next_id_ = 1;                                 // GUARDED_BY(mutex_)
  std::vector<std::function<void(UserId)>> on_change_;   // GUARDED_BY(mutex_)
};

}  // namespace kalamdb::auth
