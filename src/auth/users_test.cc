// Users: names, passwords, lockout, changes under failures and under load, the record on disk.
#include "auth/users.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "auth/guessed_passwords.h"
#include "auth/test_store.h"

namespace kalamdb::auth {
namespace {

constexpr const char* kRight = "correct horse battery";
constexpr const char* kWrong = "incorrect horse battery";
constexpr Micros kMinute = 60 * kMicrosPerSecond;

class UsersTest : public testing::Test {
 protected:
  UserPtr Make(const std::string& name, Role role = Role::kUser) {
    Result<UserPtr> user = users_.Create({.name = name, .role = role, .without_password = true});
    EXPECT_TRUE(user.ok()) << user.error().message;
    return *user;
  }
  ErrorCode LoginCode(const std::string& name, const std::string& password) {
    const Result<UserPtr> user = users_.Login(name, password);
    EXPECT_FALSE(user.ok());
    return user.ok() ? ErrorCode::kInternal : user.error().code;
  }
  static Identity IdentityOf(const UserRecord& user) {
    return {.user = user.id, .name = user.name, .role = user.role, .generation = user.generation};
  }

  ManualClock clock_;
  MemoryStore store_;
  UserDirectory users_{&store_, &clock_};
};

TEST(PasswordTest, WhatIsRefused) {
  for (const char* password :
       {"", "short", "1234567", "password", "PASSWORD123", "qwertyuiop", "kalamdb123", "Admin123"}) {
    EXPECT_EQ(CheckPassword(password).error().code, ErrorCode::kInvalidParameter) << password;
  }
  EXPECT_TRUE(CheckPassword("correct h").ok());
  std::string characters;
  for (int i = 0; i < 128; ++i) characters += "é";
  EXPECT_TRUE(CheckPassword(characters).ok()) << "characters are counted, not bytes";
  EXPECT_FALSE(CheckPassword(characters + "x").ok());
  EXPECT_FALSE(CheckPassword("ééééééé").ok()) << "seven characters in fourteen bytes";
  EXPECT_TRUE(IsGuessedPassword("ILoveYou1"));
  EXPECT_FALSE(IsGuessedPassword("iloveyou-1-much"));
}

TEST(PasswordTest, HashesAreSaltedAndOfTheRightKind) {
  const std::string hash = HashPassword(kRight);
  EXPECT_TRUE(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$")) << hash;
  EXPECT_NE(hash, HashPassword(kRight));
  EXPECT_TRUE(VerifyPassword(kRight, hash));
  EXPECT_FALSE(VerifyPassword(kWrong, hash));
  EXPECT_FALSE(VerifyPassword(std::string(kRight) + '\0', hash)) << "the whole password counts";
  EXPECT_FALSE(VerifyPassword(kRight, ""));
  EXPECT_FALSE(VerifyPassword(kRight, "$argon2id$nonsense"));
  EXPECT_FALSE(VerifyPassword(std::string(1 << 20, 'x'), hash));
}

TEST_F(UsersTest, HostileNamesAreOnlyNames) {
  std::string longest;
  for (int i = 0; i < 128; ++i) longest += "ß";
  const std::vector<std::string> names = {"'",
                                          "\"",
                                          "/",
                                          "..",
                                          "../../etc/passwd",
                                          "a b",
                                          " ",
                                          "ALICE",
                                          "alice",
                                          "%00",
                                          "$1",
                                          "日本語",
                                          "😀",
                                          "\xE2\x80\xAE"
                                          "x",
                                          "'; DROP USER root; --",
                                          longest};
  for (const std::string& name : names) {
    const UserPtr user = Make(name);
    EXPECT_EQ(user->name, name);
    EXPECT_EQ(users_.FindByName(name)->id, user->id);
  }
  EXPECT_EQ(users_.All().size(), names.size()) << "compared exactly";
  for (const auto& [key, value] : store_.records()) {
    EXPECT_TRUE(key == "I" || (key[0] == 'U' && key.size() == 9)) << "a name never enters a key";
  }
  for (const std::string& name : std::vector<std::string>{"", "a\nb", std::string("a\0b", 3), "\x1b[2J", "\x7f",
                                                          "\xC2\x9B", "\xFF", "\xC0\xAF", longest + "x"}) {
    const Result<UserPtr> user = users_.Create({.name = name, .without_password = true});
    ASSERT_FALSE(user.ok()) << name;
    EXPECT_EQ(user.error().code, ErrorCode::kInvalidParameter);
  }
}

TEST_F(UsersTest, RightAndWrongPasswords) {
  ASSERT_TRUE(users_.Create({.name = "alice", .password = kRight, .email = "a@b", .role = Role::kService}).ok());
  EXPECT_TRUE(users_.HasPasswords());
  clock_.Advance(5);
  const Result<UserPtr> user = users_.Login("alice", kRight);
  ASSERT_TRUE(user.ok());
  EXPECT_EQ((*user)->last_login_at, clock_.NowMicros());
  EXPECT_EQ((*user)->role, Role::kService);
  const Error wrong = users_.Login("alice", kWrong).error();
  const Error unknown = users_.Login("nobody", kWrong).error();
  EXPECT_EQ(wrong.code, ErrorCode::kUnauthenticated);
  EXPECT_EQ(unknown.code, wrong.code);
  EXPECT_EQ(unknown.message, wrong.message) << "whether the user exists does not show";
  EXPECT_EQ(unknown.hint, wrong.hint);
  EXPECT_EQ(LoginCode("Alice", kRight), ErrorCode::kUnauthenticated);
  EXPECT_EQ(users_.Create({.name = "alice", .password = kRight}).error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(users_.Create({.name = "bob", .password = "password"}).error().code, ErrorCode::kInvalidParameter);
  EXPECT_EQ(users_.Create({.name = "bob"}).error().code, ErrorCode::kInvalidParameter)
      << "no password is not the empty one";
}

TEST_F(UsersTest, AUserWithoutPasswordCannotLogIn) {
  Make("root", Role::kSystem);
  EXPECT_FALSE(users_.HasPasswords());
  EXPECT_EQ(LoginCode("root", ""), ErrorCode::kUnauthenticated);
  EXPECT_EQ(LoginCode("root", kRight), ErrorCode::kUnauthenticated);
  ASSERT_TRUE(users_.SetPassword("root", kRight).ok());
  EXPECT_TRUE(users_.Login("root", kRight).ok());
}

TEST_F(UsersTest, FiveFailuresLockForAQuarterOfAnHour) {
  ASSERT_TRUE(users_.Create({.name = "alice", .password = kRight}).ok());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(LoginCode("alice", kWrong), ErrorCode::kUnauthenticated) << i;
  EXPECT_EQ(LoginCode("alice", kRight), ErrorCode::kAccountLocked) << "also with the right password";
  // A restart does not unlock.
  UserDirectory again(&store_, &clock_);
  store_.LoadInto(&again);
  EXPECT_EQ(again.Login("alice", kRight).error().code, ErrorCode::kAccountLocked);
  clock_.Advance(15 * kMinute - 1);
  EXPECT_EQ(LoginCode("alice", kRight), ErrorCode::kAccountLocked);
  clock_.Advance(1);
  EXPECT_TRUE(users_.Login("alice", kRight).ok());
  EXPECT_EQ(users_.FindByName("alice")->failed_logins, 0u);
}

TEST_F(UsersTest, AnUnknownNameIsLockedLikeAKnownOne) {
  for (int i = 0; i < 5; ++i) EXPECT_EQ(LoginCode("ghost", kWrong), ErrorCode::kUnauthenticated) << i;
  EXPECT_EQ(LoginCode("ghost", kWrong), ErrorCode::kAccountLocked);
  EXPECT_EQ(store_.writes(), 0) << "and costs no disk";
  // Who is made under that name starts free.
  ASSERT_TRUE(users_.Create({.name = "ghost", .password = kRight}).ok());
  EXPECT_TRUE(users_.Login("ghost", kRight).ok());
}

TEST_F(UsersTest, FailuresFarApartDoNotAddUpAndASuccessForgetsThem) {
  ASSERT_TRUE(users_.Create({.name = "alice", .password = kRight}).ok());
  for (int i = 0; i < 4; ++i) EXPECT_EQ(LoginCode("alice", kWrong), ErrorCode::kUnauthenticated);
  clock_.Advance(16 * kMinute);
  EXPECT_EQ(LoginCode("alice", kWrong), ErrorCode::kUnauthenticated);
  EXPECT_EQ(users_.FindByName("alice")->failed_logins, 1u);
  EXPECT_TRUE(users_.Login("alice", kRight).ok());
  EXPECT_EQ(users_.FindByName("alice")->failed_logins, 0u);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(LoginCode("alice", kWrong), ErrorCode::kUnauthenticated);
  // A new password unlocks.
  ASSERT_TRUE(users_.SetPassword("alice", "another horse").ok());
  EXPECT_TRUE(users_.Login("alice", "another horse").ok());
}

TEST_F(UsersTest, GuessesAtTheSameTimeAreAllCounted) {
  ASSERT_TRUE(users_.Create({.name = "alice", .password = kRight}).ok());
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2; ++i) wrong += users_.Login("alice", kWrong).error().code == ErrorCode::kUnauthenticated;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 5) << "the others were told that the account is locked";
}

TEST_F(UsersTest, ChangesMakeIdentitiesOld) {
  std::vector<UserId> told;
  users_.OnChange([&](UserId id) { told.push_back(id); });
  Make("root", Role::kSystem);
  UserPtr user = Make("alice");
  Identity identity = IdentityOf(*user);
  EXPECT_TRUE(users_.IsCurrent(identity));
  ASSERT_TRUE(users_.Alter("alice", {.email = "x@y"}).ok());
  EXPECT_TRUE(users_.IsCurrent(identity));
  EXPECT_EQ((*users_.Alter("alice", {.role = Role::kUser}))->generation, 1u) << "the same role changes nothing";
  EXPECT_TRUE(told.empty());
  ASSERT_TRUE(users_.Alter("alice", {.role = Role::kDba}).ok());
  EXPECT_FALSE(users_.IsCurrent(identity));
  identity = IdentityOf(*users_.FindByName("alice"));
  ASSERT_TRUE(users_.EndSessions(user->id).ok());
  EXPECT_FALSE(users_.IsCurrent(identity));
  identity = IdentityOf(*users_.FindByName("alice"));
  ASSERT_TRUE(users_.SetPassword("alice", kRight).ok());
  EXPECT_FALSE(users_.IsCurrent(identity));
  identity = IdentityOf(*users_.FindByName("alice"));
  EXPECT_TRUE(users_.IsCurrent(identity));
  ASSERT_TRUE(users_.Drop("alice").ok());
  EXPECT_FALSE(users_.IsCurrent(identity));
  EXPECT_EQ(told, std::vector<UserId>(4, user->id));
  EXPECT_EQ(users_.Drop("alice").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(users_.Alter("alice", {.role = Role::kDba}).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(users_.SetPassword("alice", kRight).error().code, ErrorCode::kNotFound);
}

TEST_F(UsersTest, ANameMadeAgainIsAnotherUserAlsoAfterARestart) {
  const UserPtr first = Make("alice");
  ASSERT_TRUE(users_.Drop("alice").ok());
  UserDirectory again(&store_, &clock_);
  store_.LoadInto(&again);
  const UserPtr second = *again.Create({.name = "alice", .without_password = true});
  EXPECT_GT(second->id, first->id);
  EXPECT_EQ(second->generation, first->generation);
  EXPECT_FALSE(again.IsCurrent(IdentityOf(*first)));
}

TEST_F(UsersTest, TheLastSystemUserStays) {
  Make("root", Role::kSystem);
  EXPECT_EQ(users_.Drop("root").error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(users_.Alter("root", {.role = Role::kUser}).error().code, ErrorCode::kUnsupported);
  Make("second", Role::kSystem);
  EXPECT_TRUE(users_.Drop("root").ok());
}

TEST_F(UsersTest, WhatTheDiskRefusesDidNotHappen) {
  Make("root", Role::kSystem);
  const UserPtr alice = Make("alice");
  store_.set_failing(true);
  EXPECT_EQ(users_.Create({.name = "bob", .without_password = true}).error().code, ErrorCode::kStorageUnavailable);
  EXPECT_FALSE(users_.Alter("alice", {.role = Role::kDba}).ok());
  EXPECT_FALSE(users_.Drop("alice").ok());
  EXPECT_EQ(users_.FindByName("bob"), nullptr);
  EXPECT_TRUE(users_.IsCurrent(IdentityOf(*alice)));
  store_.set_failing(false);
  EXPECT_GT(Make("bob")->id, alice->id);
}

// Many change and read at once: no change is lost, no two users share an id, and the disk says what memory says.
TEST_F(UsersTest, ManyAtOnce) {
  Make("root", Role::kSystem);
  const UserPtr shared = Make("shared");
  constexpr int kThreads = 4;
  constexpr int kRounds = 200;
  std::atomic<bool> reading = true;
  std::thread reader([&] {
    uint64_t newest = 0;
    while (reading) {
      const UserPtr user = users_.FindById(shared->id);
      ASSERT_NE(user, nullptr);
      ASSERT_GE(user->generation, newest) << "time never goes back";
      newest = user->generation;
      users_.IsCurrent(IdentityOf(*user));
      users_.All();
    }
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        const std::string mine = "user " + std::to_string(t) + " " + std::to_string(i);
        ASSERT_TRUE(users_.Create({.name = mine, .without_password = true}).ok());
        ASSERT_TRUE(users_.EndSessions(shared->id).ok());
        (void)users_.Create({.name = "contested " + std::to_string(i), .without_password = true});
        if (i % 3 == 0) {
          ASSERT_TRUE(users_.Drop(mine).ok());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  reading = false;
  reader.join();
  EXPECT_EQ(users_.FindById(shared->id)->generation, 1u + kThreads * kRounds);
  const std::vector<UserPtr> all = users_.All();
  EXPECT_EQ(all.size(), 2u + kThreads * (kRounds - (kRounds + 2) / 3) + kRounds);
  UserDirectory again(&store_, &clock_);
  store_.LoadInto(&again);
  ASSERT_EQ(again.All().size(), all.size());
  for (const UserPtr& user : all) {
    EXPECT_EQ(users_.FindById(user->id), user) << "one id, one user";
    EXPECT_EQ(EncodeUser(*again.FindByName(user->name)), EncodeUser(*user));
  }
}

TEST(UserRecordTest, GoldenBytes) {
  UserRecord user;
  user.id = UserId(300);
  user.name = "alice";
  user.role = Role::kDba;
  user.email = "a@b";
  user.password_hash = "$h";
  user.generation = 2;
  user.failed_logins = 3;
  user.first_failure_at = 1;
  user.locked_until = 64;
  user.last_login_at = 1'000'000;
  user.created_at = -1;
  user.updated_at = 0;
  const std::string bytes = EncodeUser(user);
  const std::string golden(
      "\x01"
      "\xac\x02"
      "\x05"
      "alice"
      "\x03"
      "\x03"
      "a@b"
      "\x02"
      "$h"
      "\x02"
      "\x03"
      "\x02"
      "\x80\x01"
      "\x80\x89\x7a"
      "\x01"
      "\x00",
      27);
  EXPECT_EQ(bytes, golden);
  const UserPtr back = *DecodeUser(bytes);
  EXPECT_EQ(EncodeUser(*back), bytes);
  for (size_t length = 0; length < bytes.size(); ++length) EXPECT_FALSE(DecodeUser(bytes.substr(0, length)).ok());
  EXPECT_FALSE(DecodeUser(bytes + "x").ok());
  std::string newer = bytes;
  newer[0] = 2;
  EXPECT_FALSE(DecodeUser(newer).ok());
  std::string role = bytes;
  role[9] = 5;
  EXPECT_FALSE(DecodeUser(role).ok());
}

TEST(RoleTest, NamesAndOrder) {
  EXPECT_EQ(ParseRole("DBA"), Role::kDba);
  EXPECT_EQ(ParseRole("admin"), std::nullopt);
  EXPECT_LT(Role::kUser, Role::kService);
  EXPECT_LT(Role::kDba, Role::kSystem);
  for (Role role : {Role::kUser, Role::kService, Role::kDba, Role::kSystem}) EXPECT_EQ(ParseRole(RoleName(role)), role);
}

}  // namespace
}  // namespace kalamdb::auth
