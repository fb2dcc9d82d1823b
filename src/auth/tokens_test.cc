// Tokens: every way to forge one, time, rotation, logout, restarts, keys.
#include "auth/tokens.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <thread>

#include "auth/jwt.h"
#include "auth/revocations.h"
#include "auth/signing_keys.h"
#include "auth/test_store.h"
#include "auth/token_cache.h"
#include "base/files.h"

namespace kalamdb::auth {
namespace {

constexpr Micros kWeek = 7LL * 86'400 * kMicrosPerSecond;

class TokensTest : public testing::Test {
 protected:
  TokensTest() {
    Open();
    alice_ = *users_->Create({.name = "alice", .role = Role::kDba, .without_password = true});
  }

  // As a server's start does.
  void Open() {
    users_ = std::make_unique<UserDirectory>(&store_, &clock_);
    store_.LoadInto(users_.get());
    tokens_ = *TokenService::Open({.key_path = directory_.File("keys")}, users_.get(), &store_, &clock_);
    store_.LoadInto(tokens_.get());
  }

  SigningKey Key() { return OpenSigningKeys(directory_.File("keys"), clock_.NowMicros(), kWeek)->front(); }
  Claims Good() {
    const int64_t now = clock_.NowMicros() / kMicrosPerSecond;
    return {.name = "alice",
            .user = alice_->id,
            .role = Role::kDba,
            .generation = 1,
            .token_id = "s.0",
            .token_type = "access",
            .issuer = "kalamdb",
            .issued_at = now,
            .not_before = 0,
            .expires_at = now + 60};
  }
  ErrorCode CodeOf(const std::string& token) {
    const Result<Identity> identity = tokens_->VerifyAccess(token);
    EXPECT_FALSE(identity.ok()) << token;
    return identity.ok() ? ErrorCode::kInternal : identity.error().code;
  }
  ErrorCode CodeOfRefresh(const std::string& token) {
    const Result<TokenPair> pair = tokens_->Refresh(token);
    EXPECT_FALSE(pair.ok());
    return pair.ok() ? ErrorCode::kInternal : pair.error().code;
  }

  TempDirectory directory_;
  ManualClock clock_;
  MemoryStore store_;
  std::unique_ptr<UserDirectory> users_;
  std::unique_ptr<TokenService> tokens_;
  UserPtr alice_;
};

TEST_F(TokensTest, IssuedIsVerified) {
  const TokenPair pair = tokens_->Issue(*alice_);
  const Result<Identity> identity = tokens_->VerifyAccess(pair.access_token);
  ASSERT_TRUE(identity.ok()) << identity.error().message;
  EXPECT_EQ(identity->user, alice_->id);
  EXPECT_EQ(identity->name, "alice");
  EXPECT_EQ(identity->role, Role::kDba);
  EXPECT_EQ(identity->expires_at, pair.access_expires_at);
  EXPECT_FALSE(identity->token_id.empty());
  EXPECT_LT(pair.access_token.size(), 1'000u) << "it has to fit a cookie";
  EXPECT_NE(tokens_->Issue(*alice_).access_token, pair.access_token);
}

TEST_F(TokensTest, ForgedTokensAreRefused) {
  const SigningKey key = Key();
  ASSERT_TRUE(tokens_->VerifyAccess(SignToken(key, Good())).ok());
  const std::string good = SignToken(key, Good());
  const size_t dot = good.find('.');
  const size_t last = good.rfind('.');
  const std::string header = good.substr(0, dot);
  const std::string payload = good.substr(dot + 1, last - dot - 1);
  const std::string signature = good.substr(last + 1);
  const std::string raw = *DecodeBase64Url(payload);

  // No algorithm, another algorithm, another order of the same header, no kid, a kid that is not ours.
  for (const std::string& other :
       std::vector<std::string>{R"({"alg":"none"})", R"({"alg":"none","kid":")" + key.id + R"(","typ":"JWT"})",
                                R"({"alg":"HS512","kid":")" + key.id + R"(","typ":"JWT"})",
                                R"({"alg":"RS256","kid":")" + key.id + R"(","typ":"JWT"})",
                                R"({"kid":")" + key.id + R"(","alg":"HS256","typ":"JWT"})",
                                R"({"alg":"HS256","typ":"JWT"})", R"({"alg":"HS256","kid":"../keys","typ":"JWT"})"}) {
    EXPECT_EQ(CodeOf(EncodeBase64Url(other) + "." + payload + "." + signature), ErrorCode::kUnauthenticated);
    EXPECT_EQ(CodeOf(EncodeBase64Url(other) + "." + payload + "."), ErrorCode::kUnauthenticated);
  }
  // No signature, half of one, one more character, one of another payload.
  for (const std::string& other :
       std::vector<std::string>{"", signature.substr(0, 20), signature + "A", signature + "="}) {
    EXPECT_EQ(CodeOf(header + "." + payload + "." + other), ErrorCode::kUnauthenticated);
  }
  std::string promoted = raw;
  promoted.replace(promoted.find("\"dba\""), 5, "\"system\"");
  EXPECT_EQ(CodeOf(header + "." + EncodeBase64Url(promoted) + "." + signature), ErrorCode::kUnauthenticated);
  // Any single character changed.
  for (size_t i = 0; i < good.size(); ++i) {
    std::string changed = good;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_EQ(CodeOf(changed), ErrorCode::kUnauthenticated) << i;
  }
  // Another key under our kid.
  SigningKey other_key = key;
  other_key.secret[0] ^= 1;
  EXPECT_EQ(CodeOf(SignToken(other_key, Good())), ErrorCode::kUnauthenticated);
  SigningKey empty_key = key;
  empty_key.secret = {};
  EXPECT_EQ(CodeOf(SignToken(empty_key, Good())), ErrorCode::kUnauthenticated);
  // No token at all.
  for (const std::string& text :
       std::vector<std::string>{"", ".", "..", "...", "a.b", header, std::string(5'000, 'a'),
                                header + "." + payload + "." + signature + ".x", " " + good, good + "\n"}) {
    EXPECT_EQ(CodeOf(text), ErrorCode::kUnauthenticated) << text;
  }
  EXPECT_TRUE(tokens_->VerifyAccess(good).ok()) << "and the right one still works";
}

TEST_F(TokensTest, ClaimsThatAreSignedButWrong) {
  const SigningKey key = Key();
  const int64_t now = clock_.NowMicros() / kMicrosPerSecond;
  struct Case {
    std::function<void(Claims*)> change;
    ErrorCode code;
  };
  const std::vector<Case> cases = {
      {[](Claims* c) { c->issuer = "elsewhere"; }, ErrorCode::kUnauthenticated},
      {[](Claims* c) { c->token_type = "refresh"; }, ErrorCode::kUnauthenticated},
      {[](Claims* c) { c->token_type = ""; }, ErrorCode::kUnauthenticated},
      {[](Claims* c) { c->role = Role::kSystem; }, ErrorCode::kUnauthenticated},
      {[](Claims* c) { c->role = Role::kUser; }, ErrorCode::kUnauthenticated},
      {[](Claims* c) { c->generation = 2; }, ErrorCode::kUnauthenticated},
      {[](Claims* c) { c->user = UserId(99); }, ErrorCode::kUnauthenticated},
      {[](Claims* c) { c->user = UserId(0); }, ErrorCode::kUnauthenticated},
      {[now](Claims* c) { c->issued_at = now + 1; }, ErrorCode::kUnauthenticated},
      {[now](Claims* c) { c->expires_at = now; }, ErrorCode::kTokenExpired},
      {[now](Claims* c) { c->expires_at = now - 1; }, ErrorCode::kTokenExpired},
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    Claims claims = Good();
    cases[i].change(&claims);
    EXPECT_EQ(CodeOf(SignToken(key, claims)), cases[i].code) << i;
  }
  const std::string raw = *DecodeBase64Url([&] {
    const std::string token = SignToken(key, Good());
    return token.substr(token.find('.') + 1, token.rfind('.') - token.find('.') - 1);
  }());
  EXPECT_TRUE(tokens_->VerifyAccess(SignPayload(key, raw)).ok());
  const auto with = [&](const std::string& field) {
    return SignPayload(key, raw.substr(0, raw.size() - 1) + "," + field + "}");
  };
  EXPECT_EQ(CodeOf(with("\"nbf\":" + std::to_string(now + 1))), ErrorCode::kUnauthenticated);
  EXPECT_TRUE(tokens_->VerifyAccess(with("\"nbf\":" + std::to_string(now))).ok());
  EXPECT_EQ(CodeOf(with("\"nbf\":\"soon\"")), ErrorCode::kUnauthenticated);
  for (const std::string& payload :
       std::vector<std::string>{"", "{}", "[]", "null", "{\"sub\":\"alice\"}", raw + raw, "\xff"}) {
    EXPECT_EQ(CodeOf(SignPayload(key, payload)), ErrorCode::kUnauthenticated) << payload;
  }
}

TEST_F(TokensTest, AKnownTokenStillExpires) {
  const TokenPair pair = tokens_->Issue(*alice_);
  ASSERT_TRUE(tokens_->VerifyAccess(pair.access_token).ok());
  clock_.SetWall(pair.access_expires_at - 1);
  EXPECT_TRUE(tokens_->VerifyAccess(pair.access_token).ok());
  EXPECT_EQ(tokens_->CacheStats().hits, 1u);
  clock_.SetWall(pair.access_expires_at);
  EXPECT_EQ(CodeOf(pair.access_token), ErrorCode::kTokenExpired);
  EXPECT_EQ(tokens_->CacheStats().entries, 0u);
  EXPECT_EQ(CodeOf(pair.access_token), ErrorCode::kTokenExpired);
}

TEST_F(TokensTest, ChangesOfTheUserEndTokensAtOnce) {
  (void)*users_->Create({.name = "root", .role = Role::kSystem, .without_password = true});
  const std::vector<std::function<void()>> changes = {
      [&] { ASSERT_TRUE(users_->Alter("alice", {.role = Role::kService}).ok()); },
      [&] { ASSERT_TRUE(users_->SetPassword("alice", "correct horse battery").ok()); },
      [&] { ASSERT_TRUE(users_->EndSessions(alice_->id).ok()); },
      [&] {
        ASSERT_TRUE(users_->Drop("alice").ok());
        (void)*users_->Create({.name = "alice", .role = Role::kService, .without_password = true});
      },
  };
  for (size_t i = 0; i < changes.size(); ++i) {
    const TokenPair pair = tokens_->Issue(*users_->FindByName("alice"));
    ASSERT_TRUE(tokens_->VerifyAccess(pair.access_token).ok()) << i;
    changes[i]();
    EXPECT_EQ(CodeOf(pair.access_token), ErrorCode::kUnauthenticated) << i;
    EXPECT_EQ(CodeOfRefresh(pair.refresh_token), ErrorCode::kUnauthenticated) << i;
  }
}

TEST_F(TokensTest, ARefreshTokenWorksOnce) {
  const TokenPair first = tokens_->Issue(*alice_);
  EXPECT_EQ(CodeOf(first.refresh_token), ErrorCode::kUnauthenticated) << "it is no access token";
  EXPECT_EQ(CodeOfRefresh(first.access_token), ErrorCode::kUnauthenticated) << "nor the other way";
  const Result<TokenPair> second = tokens_->Refresh(first.refresh_token);
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(CodeOfRefresh(first.refresh_token), ErrorCode::kUnauthenticated);
  EXPECT_TRUE(tokens_->VerifyAccess(first.access_token).ok()) << "requests on their way are not cut off";
  EXPECT_TRUE(tokens_->VerifyAccess(second->access_token).ok());
  Open();
  EXPECT_EQ(CodeOfRefresh(first.refresh_token), ErrorCode::kUnauthenticated) << "nor after a restart";
  const Result<TokenPair> third = tokens_->Refresh(second->refresh_token);
  ASSERT_TRUE(third.ok()) << "both kinds outlive a restart";
  clock_.SetWall(third->refresh_expires_at);
  EXPECT_EQ(CodeOfRefresh(third->refresh_token), ErrorCode::kTokenExpired);
}

TEST_F(TokensTest, OfManyWhoUseOneRefreshTokenOneWins) {
  const TokenPair pair = tokens_->Issue(*alice_);
  std::atomic<int> won = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) threads.emplace_back([&] { won += tokens_->Refresh(pair.refresh_token).ok(); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(won, 1);
}

TEST_F(TokensTest, WhatTheDiskRefusesIsNotUsedUp) {
  const TokenPair pair = tokens_->Issue(*alice_);
  store_.set_failing(true);
  EXPECT_EQ(CodeOfRefresh(pair.refresh_token), ErrorCode::kStorageUnavailable);
  EXPECT_FALSE(tokens_->Revoke(*tokens_->VerifyAccess(pair.access_token)).ok());
  EXPECT_TRUE(tokens_->VerifyAccess(pair.access_token).ok());
  store_.set_failing(false);
  EXPECT_TRUE(tokens_->Refresh(pair.refresh_token).ok());
}

TEST_F(TokensTest, LogoutEndsTheWholeSessionAndNoOther) {
  const TokenPair first = tokens_->Issue(*alice_);
  const TokenPair other = tokens_->Issue(*alice_);
  const TokenPair second = *tokens_->Refresh(first.refresh_token);
  ASSERT_TRUE(tokens_->Revoke(*tokens_->VerifyAccess(second.access_token)).ok());
  const auto all_ended = [&] {
    EXPECT_EQ(CodeOf(first.access_token), ErrorCode::kUnauthenticated);
    EXPECT_EQ(CodeOf(second.access_token), ErrorCode::kUnauthenticated);
    EXPECT_EQ(CodeOfRefresh(second.refresh_token), ErrorCode::kUnauthenticated);
    EXPECT_TRUE(tokens_->VerifyAccess(other.access_token).ok());
  };
  all_ended();
  Open();
  all_ended();
  EXPECT_TRUE(tokens_->Revoke(Identity{}).ok()) << "Basic has no token to end";
}

TEST_F(TokensTest, RevocationsAreForgottenWhenTheirTokensHaveRunOut) {
  for (int i = 0; i < 10; ++i) (void)tokens_->Refresh(tokens_->Issue(*alice_).refresh_token);
  const size_t before = store_.records().size();
  clock_.Advance(kWeek + 1);
  (void)tokens_->Refresh(tokens_->Issue(*alice_).refresh_token);
  EXPECT_EQ(store_.records().size(), before - 9);
}

TEST_F(TokensTest, KeysAreKeptByTheOwnerAlone) {
  struct stat info{};
  ASSERT_EQ(stat(directory_.File("keys").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_EQ(chmod(directory_.File("keys").c_str(), 0644), 0);
  const TokenPair pair = tokens_->Issue(*alice_);
  Open();
  ASSERT_EQ(stat(directory_.File("keys").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_TRUE(tokens_->VerifyAccess(pair.access_token).ok());
}

TEST_F(TokensTest, ANewKeySignsAndTheOldOneStillVerifies) {
  const SigningKey old = Key();
  clock_.Advance(kSigningKeyLifetime);
  const TokenPair pair = tokens_->Issue(*alice_);
  Open();
  EXPECT_NE(Key().id, old.id);
  EXPECT_TRUE(tokens_->VerifyAccess(pair.access_token).ok());
  const TokenPair next = *tokens_->Refresh(pair.refresh_token);
  EXPECT_NE(next.access_token.substr(0, 60), pair.access_token.substr(0, 60)) << "another kid";
  // When no token of the old key can be alive, the key goes.
  clock_.Advance(kWeek);
  EXPECT_EQ(OpenSigningKeys(directory_.File("keys"), clock_.NowMicros(), kWeek)->size(), 1u);
}

TEST(SigningKeysTest, ADamagedFileIsNotReplaced) {
  TempDirectory directory;
  const std::string path = directory.File("keys");
  for (const char* text : {"nonsense\n", "id 5 AAAA\n", "id x AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
                           "i\"d 5 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"}) {
    ASSERT_TRUE(WriteFileAtomically(path, text).ok());
    const auto keys = OpenSigningKeys(path, 0, kWeek);
    ASSERT_FALSE(keys.ok()) << text;
    EXPECT_EQ(keys.error().code, ErrorCode::kStorageUnavailable);
    EXPECT_EQ(keys.error().message.find("AAAA"), std::string::npos) << "a secret is never shown";
    EXPECT_EQ(*ReadFile(path), text);
  }
}

TEST(Base64UrlTest, ThereAndBackAndOnlyOneSpelling) {
  // RFC 4648, section 10, without padding.
  EXPECT_EQ(EncodeBase64Url("f"), "Zg");
  EXPECT_EQ(EncodeBase64Url("fo"), "Zm8");
  EXPECT_EQ(EncodeBase64Url("foobar"), "Zm9vYmFy");
  EXPECT_EQ(EncodeBase64Url("\xfb\xff"), "-_8");
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(DecodeBase64Url(EncodeBase64Url(bytes)), bytes);
    bytes += static_cast<char>(i * 7);
  }
  for (const char* text : {"Z", "Zh", "Zm9", "Zg==", "Zm+v", "Zm/v", "Z g"})
    EXPECT_EQ(DecodeBase64Url(text), std::nullopt) << text;
}

TEST(JwtTest, SignsAsOthersDo) {
  SigningKey key;
  key.id = "k";
  for (size_t i = 0; i < key.secret.size(); ++i) key.secret[i] = static_cast<uint8_t>(i);
  // Computed with the hmac and base64 modules of Python.
  EXPECT_EQ(SignPayload(key, "{}"),
            "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsiLCJ0eXAiOiJKV1QifQ.e30.2Wobw7YPNjut7_auQXUrcwg89mPahOsuHYNmoyr5U1k");
}

TEST(TokenCacheTest, IsBounded) {
  TokenCache cache;
  Identity identity{.expires_at = 100};
  for (size_t i = 0; i < kVerifiedTokenCacheEntries + 10; ++i) {
    identity.expires_at = i % 2 == 0 ? 100 : 1'000;
    cache.Put(HashToken(std::to_string(i)), identity, i < kVerifiedTokenCacheEntries ? 50 : 500);
  }
  EXPECT_LE(cache.stats().entries, kVerifiedTokenCacheEntries);
  EXPECT_EQ(cache.stats().evictions, kVerifiedTokenCacheEntries / 2) << "what has run out goes first";
  EXPECT_TRUE(cache.Find(HashToken("1")).has_value());
  EXPECT_FALSE(cache.Find(HashToken("0")).has_value());
  for (size_t i = 0; i < kVerifiedTokenCacheEntries; ++i) cache.Put(HashToken("x" + std::to_string(i)), identity, 500);
  EXPECT_LE(cache.stats().entries, kVerifiedTokenCacheEntries);
}

TEST(RevocationsTest, TheLongerTimeCounts) {
  Revocations revocations;
  revocations.Add("s", 10);
  revocations.Add("s", 20);
  revocations.Add("t.1", 10);
  EXPECT_TRUE(revocations.Covers("s.5"));
  EXPECT_TRUE(revocations.Covers("t.1"));
  EXPECT_FALSE(revocations.Covers("t.2"));
  EXPECT_FALSE(revocations.Covers("ss.1"));
  EXPECT_EQ(revocations.Forget(10), std::vector<std::string>{"t.1"});
  EXPECT_TRUE(revocations.Covers("s.5"));
  EXPECT_EQ(revocations.Forget(20), std::vector<std::string>{"s"});
  EXPECT_FALSE(revocations.Covers("s.5"));
}

}  // namespace
}  // namespace kalamdb::auth
