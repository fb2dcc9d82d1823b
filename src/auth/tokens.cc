// Issuing, verifying, refreshing and revoking.
#include "auth/tokens.h"

#include <array>
#include <charconv>
#include <mutex>

#include "auth/jwt.h"
#include "auth/revocations.h"
#include "auth/signing_keys.h"
#include "auth/token_cache.h"
#include "base/random.h"

namespace kalamdb::auth {
namespace {

constexpr std::string_view kIssuer = "kalamdb";
constexpr std::string_view kAccess = "access";
constexpr std::string_view kRefresh = "refresh";
constexpr char kRevokedKey = 'J';

Error Invalid(std::string_view why) {
  return Error{ErrorCode::kUnauthenticated, "the token is not valid: " + std::string(why)}.WithHint("Log in again.");
}

Error Expired() {
  return Error{ErrorCode::kTokenExpired, "the token has expired"}.WithHint("Refresh it, or log in again.");
}

std::string MakeSessionId() {
  std::array<uint8_t, 16> bytes{};
  SystemRandom().Fill(bytes);
  return EncodeBase64Url(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

std::string NextTokenId(std::string_view token_id) {
  const std::string_view session = Revocations::SessionOf(token_id);
  uint64_t count = 0;
  if (session.size() < token_id.size()) {
    std::from_chars(token_id.data() + session.size() + 1, token_id.data() + token_id.size(), count);
  }
  return std::string(session) + "." + std::to_string(count + 1);
}

std::string BigEndian(Micros value) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(static_cast<uint64_t>(value) >> shift & 0xFF);
  return bytes;
}

class SignedTokens final : public TokenService {
 public:
  SignedTokens(TokenOptions options, std::vector<SigningKey> keys, UserDirectory* users, UserStore* store,
               const Clock* clock)
      : options_(std::move(options)), keys_(std::move(keys)), users_(users), store_(store), clock_(clock) {}

  Status Load(std::string_view key, std::string_view value) override {
    if (key.empty() || key[0] != kRevokedKey) return {};
    if (value.size() != 8) return Error{ErrorCode::kStorageUnavailable, "the record of a revoked token is damaged"};
    uint64_t until = 0;
    for (char c : value) until = until << 8 | static_cast<uint8_t>(c);
    revoked_.Add(std::string(key.substr(1)), static_cast<Micros>(until));
    return {};
  }

  TokenPair Issue(const UserRecord& user) override { return IssueAs(user, MakeSessionId() + ".0"); }

  Result<Identity> VerifyAccess(std::string_view token) override {
    if (token.size() > kMaxTokenBytes) return Invalid("it is too long");
    const TokenHash hash = HashToken(token);
    if (const auto known = cache_.Find(hash)) {
      if (known->expires_at > clock_->NowMicros()) {
        RETURN_IF_ERROR(CheckAlive(*known));
        return *known;
      }
      cache_.Erase(hash);
      return Expired();
    }
    ASSIGN_OR_RETURN(Identity identity, VerifyAs(kAccess, token));
    cache_.Put(hash, identity, clock_->NowMicros());
    return identity;
  }

  Result<TokenPair> Refresh(std::string_view refresh_token) override {
    // One at a time: of two who come with the same token only one may find it unused.
    const std::lock_guard lock(refreshing_);
    ASSIGN_OR_RETURN(const Identity identity, VerifyAs(kRefresh, refresh_token));
    const UserPtr user = users_->FindById(identity.user);
    if (user == nullptr || user->generation != identity.generation) return Invalid("its user has changed");
    RETURN_IF_ERROR(WriteRevocation(identity.token_id + kUsedSuffix, identity.expires_at));
    return IssueAs(*user, NextTokenId(identity.token_id));
  }

  Status Revoke(const Identity& identity) override {
    if (identity.token_id.empty()) return {};  // Basic: there is no token
    const std::lock_guard lock(refreshing_);
    const Micros longest =
        clock_->NowMicros() + std::max(options_.access_seconds, options_.refresh_seconds) * kMicrosPerSecond;
    return WriteRevocation(std::string(Revocations::SessionOf(identity.token_id)), longest);
  }

  TokenCacheStats CacheStats() const override { return cache_.stats(); }

 private:
  // The access token of the same pair, which has the same id, outlives the use of its refresh token.
  static constexpr const char* kUsedSuffix = ".used";

  TokenPair IssueAs(const UserRecord& user, std::string token_id) const {
    Claims claims;
    claims.name = user.name;
    claims.user = user.id;
    claims.role = user.role;
    claims.generation = user.generation;
    claims.token_id = std::move(token_id);
    claims.issuer = kIssuer;
    claims.issued_at = clock_->NowMicros() / kMicrosPerSecond;
    TokenPair pair;
    claims.token_type = kAccess;
    claims.expires_at = claims.issued_at + options_.access_seconds;
    pair.access_expires_at = claims.expires_at * kMicrosPerSecond;
    pair.access_token = SignToken(keys_.front(), claims);
    claims.token_type = kRefresh;
    claims.expires_at = claims.issued_at + options_.refresh_seconds;
    pair.refresh_expires_at = claims.expires_at * kMicrosPerSecond;
    pair.refresh_token = SignToken(keys_.front(), claims);
    return pair;
  }

  Result<Identity> VerifyAs(std::string_view type, std::string_view token) const {
    if (token.size() > kMaxTokenBytes) return Invalid("it is too long");
    const auto claims = VerifyToken(keys_, token);
    if (!claims || claims->issuer != kIssuer) return Invalid("it was not issued here");
    if (claims->token_type != type) return Invalid("it is not of type " + std::string(type));
    const Micros now = clock_->NowMicros();
    if (claims->issued_at > now / kMicrosPerSecond || claims->not_before > now / kMicrosPerSecond) {
      return Invalid("it is from a time to come");
    }
    if (claims->expires_at <= now / kMicrosPerSecond) return Expired();
    Identity identity{.user = claims->user,
                      .name = claims->name,
                      .role = claims->role,
                      .generation = claims->generation,
                      .token_id = claims->token_id,
                      .expires_at = claims->expires_at * kMicrosPerSecond};
    RETURN_IF_ERROR(CheckAlive(identity));
    if (type == kRefresh && revoked_.Covers(identity.token_id + kUsedSuffix)) return Invalid("it was used before");
    return identity;
  }

  // What may have changed since the token was signed.
  Status CheckAlive(const Identity& identity) const {
    if (!users_->IsCurrent(identity)) return Invalid("its user was dropped, or has another password or role");
    if (revoked_.Covers(identity.token_id)) return Invalid("its session was ended");
    return {};
  }

  // REQUIRES: refreshing_ is held.
  Status WriteRevocation(std::string id, Micros until) {
    std::vector<std::pair<std::string, std::optional<std::string>>> records;
    for (const std::string& gone : revoked_.Forget(clock_->NowMicros()))
      records.emplace_back(kRevokedKey + gone, std::nullopt);
    records.emplace_back(kRevokedKey + id, BigEndian(until));
    RETURN_IF_ERROR(store_->Write(std::move(records)));
    revoked_.Add(std::move(id), until);
    return {};
  }

  const TokenOptions options_;
  const std::vector<SigningKey> keys_;  // the first signs, all verify
  UserDirectory* const users_;
  UserStore* const store_;
  const Clock* const clock_;
  std::mutex refreshing_;
  Revocations revoked_;
  TokenCache cache_;
};

}  // namespace

Result<std::unique_ptr<TokenService>> TokenService::Open(TokenOptions options, UserDirectory* users, UserStore* store,
                                                         const Clock* clock) {
  const Micros longest = std::max(options.access_seconds, options.refresh_seconds) * kMicrosPerSecond;
  ASSIGN_OR_RETURN(std::vector<SigningKey> keys, OpenSigningKeys(options.key_path, clock->NowMicros(), longest));
  return std::unique_ptr<TokenService>(
      std::make_unique<SignedTokens>(std::move(options), std::move(keys), users, store, clock));
}

}  // namespace kalamdb::auth
