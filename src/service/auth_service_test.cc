// The auth endpoints over a real user directory and token service.
#include "service/auth_service.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "auth/test_store.h"
#include "base/files.h"
#include "row/json_document.h"

namespace kalamdb::service {
namespace {

class AuthServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    users_ = std::make_unique<auth::UserDirectory>(&store_, &clock_);
    auto tokens = auth::TokenService::Open({.key_path = dir_.File("keys")}, users_.get(), &store_, &clock_);
    ASSERT_TRUE(tokens.ok()) << tokens.error().message;
    tokens_ = *std::move(tokens);
    pool_.Start();
    service_ = AuthService::Create(options_, users_.get(), tokens_.get(), &pool_, &clock_, &metrics_, &logger_);
  }
  void TearDown() override { pool_.Stop(); }
  void MakeUsers() {
    ASSERT_TRUE(users_->Create({.name = "root", .password = "Xq7-root-pass", .role = auth::Role::kSystem}).ok());
    ASSERT_TRUE(users_->Create({.name = "alice", .password = "Xq7-alice-pass", .email = "a@b.c"}).ok());
  }

  // Waits for the callback.
  template <typename Reply, typename Start>
  Reply Await(Start start) {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<Reply> result;
    start([&](Reply reply) {
      std::lock_guard lock(mutex);
      result = std::move(reply);
      changed.notify_all();
    });
    std::unique_lock lock(mutex);
    EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(20), [&] { return result.has_value(); }));
    return *std::move(result);
  }
  AuthReply Login(const std::string& body) {
    return Await<AuthReply>([&](AuthCallback done) { service_->Login(body, "10.0.0.1", std::move(done)); });
  }
  AuthReply Refresh(const std::string& token, const std::string& body = "") {
    return Await<AuthReply>([&](AuthCallback done) { service_->Refresh(token, body, "10.0.0.1", std::move(done)); });
  }
  AuthReply SetUpServer(const std::string& body, bool loopback = true) {
    return Await<AuthReply>([&](AuthCallback done) { service_->Setup(body, "10.0.0.1", loopback, std::move(done)); });
  }
  Result<auth::Identity> Authenticate(const std::string& header, bool basic = true) {
    return Await<Result<auth::Identity>>(
        [&](auto done) { service_->Authenticate(header, "10.0.0.1", basic, std::move(done)); });
  }
  static std::string Field(const std::string& body, std::string_view name) {
    const auto document = row::JsonDocument::Parse(body);
    EXPECT_TRUE(document.ok()) << body;
    const auto value = document->root().Find(name);
    return value ? std::string(value->text()) : "";
  }

  TempDirectory dir_{"auth"};
  ManualClock clock_;
  Metrics metrics_;
  Logger logger_;
  auth::MemoryStore store_;
  AuthServiceOptions options_;
  Executor pool_{{.name = "hashing"}};
  std::unique_ptr<auth::UserDirectory> users_;
  std::unique_ptr<auth::TokenService> tokens_;
  std::unique_ptr<AuthService> service_;
};

TEST_F(AuthServiceTest, SetupThenLoginThenRefreshThenLogout) {
  EXPECT_EQ(Field(service_->SetupStatus().body, "needs_setup"), "true");
  EXPECT_EQ(Field(Login(R"({"user":"root","password":"whatever 1"})").body, "error"), "setup_required");
  EXPECT_EQ(SetUpServer(R"({"root_password":"Xq7-root-pass"})", false).status, 403);
  const AuthReply weak = SetUpServer(R"({"root_password":"short"})");
  EXPECT_EQ(Field(weak.body, "error"), "weak_password");
  EXPECT_EQ(weak.status, 400);
  const AuthReply done =
      SetUpServer(R"({"username":"dan","password":"Xq7-dan-pass","root_password":"Xq7-root-pass","email":"d@e.f"})");
  EXPECT_EQ(done.status, 200) << done.body;
  EXPECT_EQ(users_->FindByName("dan")->role, auth::Role::kDba);
  EXPECT_EQ(SetUpServer(R"({"root_password":"Xq7-root-pass"})").status, 409);
  EXPECT_EQ(Field(service_->SetupStatus().body, "needs_setup"), "false");

  const AuthReply login = Login(R"({"user":"dan","password":"Xq7-dan-pass"})");
  ASSERT_EQ(login.status, 200) << login.body;
  EXPECT_EQ(Field(login.body, "admin_ui_access"), "true");
  EXPECT_EQ(Field(login.body, "access_token"), login.access_token);
  auto identity = Authenticate("Bearer " + login.access_token);
  ASSERT_TRUE(identity.ok()) << identity.error().message;
  EXPECT_EQ(identity->name, "dan");
  EXPECT_EQ(Field(service_->Me(*identity).body, "role"), "dba");

  const AuthReply refreshed = Refresh("", R"({"refresh_token":")" + login.refresh_token + "\"}");
  ASSERT_EQ(refreshed.status, 200) << refreshed.body;
  EXPECT_EQ(Refresh(login.refresh_token).status, 401);  // a used one is worth nothing
  EXPECT_EQ(Refresh(refreshed.access_token).status, 401);

  const AuthReply out =
      Await<AuthReply>([&](AuthCallback callback) { service_->Logout(refreshed.access_token, std::move(callback)); });
  EXPECT_TRUE(out.clear_cookies);
  EXPECT_EQ(Authenticate("Bearer " + refreshed.access_token).ok(), false);
}

TEST_F(AuthServiceTest, WrongUserAndWrongPasswordLookAlikeAndLock) {
  MakeUsers();
  const AuthReply wrong = Login(R"({"user":"alice","password":"nonsense 1"})");
  EXPECT_EQ(wrong.status, 401);
  EXPECT_EQ(wrong.body, Login(R"({"user":"nobody","password":"nonsense 1"})").body);
  EXPECT_EQ(Field(wrong.body, "code"), "UNAUTHENTICATED");
  for (int i = 0; i < 4; ++i) (void)Login(R"({"user":"alice","password":"nonsense 1"})");
  const AuthReply locked = Login(R"({"user":"alice","password":"Xq7-alice-pass"})");
  EXPECT_EQ(locked.status, 403);
  EXPECT_EQ(Field(locked.body, "code"), "ACCOUNT_LOCKED");
  EXPECT_EQ(Field(locked.body, "error"), "account_locked");
}

TEST_F(AuthServiceTest, BodiesAreCheckedByName) {
  MakeUsers();
  EXPECT_NE(Login(R"({"user":"alice","password":"x","extra":1})").body.find("unknown field 'extra'"),
            std::string::npos);
  EXPECT_NE(Login(R"({"user":"alice"})").body.find("'password' is missing"), std::string::npos);
  EXPECT_EQ(Login("[]").status, 400);
  EXPECT_EQ(Login("{").status, 400);
  EXPECT_EQ(Login(R"({"user":7,"password":"x"})").status, 400);
}

TEST_F(AuthServiceTest, AddressesAreLimited) {
  MakeUsers();
  int limited = 0;
  for (int i = 0; i < 60; ++i) {
    const AuthReply reply = Refresh("no token");
    if (reply.status != 429) continue;
    ++limited;
    EXPECT_GE(reply.retry_after_s, 1);
  }
  EXPECT_EQ(limited, 10);  // a burst of 50
}

TEST_F(AuthServiceTest, BasicIsVerifiedOnceAMinuteAndForgottenOnChange) {
  MakeUsers();
  const std::string header = "Basic YWxpY2U6WHE3LWFsaWNlLXBhc3M=";  // alice:Xq7-alice-pass
  EXPECT_FALSE(Authenticate(header, false).ok());
  ASSERT_TRUE(Authenticate(header).ok());
  const int writes = store_.writes();
  ASSERT_TRUE(Authenticate(header).ok());
  EXPECT_EQ(store_.writes(), writes);
  ASSERT_TRUE(users_->SetPassword("alice", "Xq7-other-pass").ok());
  EXPECT_FALSE(Authenticate(header).ok());
  EXPECT_FALSE(Authenticate("Basic !!!").ok());
  EXPECT_FALSE(Authenticate("Digest x").ok());
  EXPECT_FALSE(Authenticate("").ok());
}

}  // namespace
}  // namespace kalamdb::service
