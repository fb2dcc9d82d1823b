// The auth endpoints: bodies in, flat JSON out.
#include "service/auth_service.h"

#include <algorithm>
#include <initializer_list>
#include <map>
#include <mutex>
#include <utility>

#include "row/json.h"
#include "row/json_document.h"
#include "row/schema.h"
#include "row/text_form.h"
#include "service/base64.h"
#include "service/error_table.h"

namespace kalamdb::service {
namespace {

constexpr std::string_view kRoot = "root";
constexpr Micros kBasicCacheTime = 60 * kMicrosPerSecond;
constexpr size_t kBasicCacheEntries = 1'024;
constexpr int64_t kPoolFullRetrySeconds = 1;

std::string_view OlderName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUnauthenticated:
    case ErrorCode::kTokenExpired: return "unauthorized";
    case ErrorCode::kAccountLocked: return "account_locked";
    case ErrorCode::kPermissionDenied: return "forbidden";
    case ErrorCode::kRateLimited: return "rate_limited";
    case ErrorCode::kInvalidParameter: return "invalid_request";
    case ErrorCode::kAlreadyExists: return "already_configured";
    default: return "internal_error";
  }
}

AuthReply ErrorReply(const Error& error, std::string_view name = {}, int64_t retry_after_s = 0) {
  AuthReply reply;
  reply.status = WireCodeOf(error.code).http_status;
  reply.retry_after_s = retry_after_s;
  reply.body = R"({"error":")";
  reply.body += name.empty() ? OlderName(error.code) : name;
  reply.body += R"(","code":")";
  reply.body += ErrorCodeName(error.code);
  reply.body += R"(","message":)";
  row::AppendJsonString(error.message, &reply.body);
  reply.body += '}';
  return reply;
}

void AppendTime(Micros at, std::string* out) {
  std::string text;
  row::AppendTimestamp(at, &text);
  std::replace(text.begin(), text.end(), ' ', 'T');
  *out += '"' + text + "Z\"";
}

std::string UserJson(const auth::UserRecord& user) {
  std::string out = R"({"id":)";
  row::AppendJsonString(user.name, &out);
  out += R"(,"role":")";
  out += auth::RoleName(user.role);
  out += R"(","email":)";
  if (user.email.empty()) {
    out += "null";
  } else {
    row::AppendJsonString(user.email, &out);
  }
  out += R"(,"created_at":)";
  AppendTime(user.created_at, &out);
  out += R"(,"updated_at":)";
  AppendTime(user.updated_at, &out);
  out += '}';
  return out;
}

// Fields of a body, all strings. Errors: kInvalidParameter for no object, an unknown field, another type.
class BodyFields {
 public:
  static Result<BodyFields> Parse(std::string_view body, std::initializer_list<std::string_view> known) {
    ASSIGN_OR_RETURN(row::JsonDocument document, row::JsonDocument::Parse(body));
    if (!document.root().IsObject()) return Bad("the body must be a JSON object");
    BodyFields result;
    for (const auto [name, value] : document.root().fields()) {
      if (std::find(known.begin(), known.end(), name) == known.end()) {
        return Bad("unknown field '" + std::string(name) + "'");
      }
      if (value.IsNull()) continue;
      if (!value.IsString()) return Bad("field '" + std::string(name) + "' must be a string");
      // `username` is the older name of `user`.
      const std::string key = name == "username" ? "user" : std::string(name);
      if (!result.fields_.emplace(key, *value.AsString()).second) return Bad("field '" + key + "' stands twice");
    }
    return result;
  }
  bool Has(std::string_view name) const { return fields_.find(name) != fields_.end(); }
  Result<std::string> Get(std::string_view name) const {
    const auto found = fields_.find(name);
    if (found == fields_.end()) return Bad("field '" + std::string(name) + "' is missing");
    return found->second;
  }
  std::string Find(std::string_view name) const { return Has(name) ? fields_.find(name)->second : std::string(); }

 private:
  static Error Bad(std::string message) {
    return Error{.code = ErrorCode::kInvalidParameter, .message = std::move(message)};
  }
  std::map<std::string, std::string, std::less<>> fields_;
};

class PooledAuthService final : public AuthService {
 public:
  PooledAuthService(AuthServiceOptions options, auth::UserDirectory* users, auth::TokenService* tokens,
                    Executor* hashing, const Clock* clock, Metrics* metrics, Logger* logger, AuditLog* audit)
      : options_(options),
        users_(users),
        tokens_(tokens),
        hashing_(hashing),
        clock_(clock),
        metrics_(metrics),
        logger_(logger),
        audit_(audit),
        limiter_(options.auth_per_second, options.auth_burst) {
    rejections_ = metrics->AddCounter("kalamdb_rate_limit_rejections_total", "Requests refused by a rate limit.",
                                      {{"limit", "limits.auth_per_second"}});
  }

  void Login(std::string body, std::string address, AuthCallback done) override {
    OnPool(address, std::move(done), [this, body = std::move(body), address] { return DoLogin(body, address); });
  }
  void Refresh(std::string token, std::string body, std::string address, AuthCallback done) override {
    OnPool(address, std::move(done), [this, token = std::move(token), body = std::move(body), address] {
      return DoRefresh(token, body, address);
    });
  }
  void Setup(std::string body, std::string address, bool from_loopback, AuthCallback done) override {
    if (!from_loopback && !options_.allow_remote_setup) {
      done(ErrorReply({.code = ErrorCode::kPermissionDenied, .message = "setup is possible from this host only"}));
      return;
    }
    OnPool(address, std::move(done), [this, body = std::move(body), address] { return DoSetup(body, address); });
  }

  void Logout(std::string access_token, AuthCallback done) override {
    OnPool({}, std::move(done), [this, token = std::move(access_token)]() -> AuthReply {
      if (!token.empty()) {
        const Result<auth::Identity> identity = tokens_->VerifyAccess(token);
        if (identity.ok()) {
          const Status revoked = tokens_->Revoke(*identity);
          if (!revoked.ok()) return ErrorReply(revoked.error());
          logger_->Info("logout", {{"user", identity->name}});
        }
      }
      AuthReply reply;
      reply.body = R"({"message":"Logged out successfully"})";
      reply.clear_cookies = true;
      return reply;
    });
  }

  AuthReply Me(const auth::Identity& identity) override {
    const auth::UserPtr user = users_->FindById(identity.user);
    if (user == nullptr) {
      return ErrorReply({.code = ErrorCode::kUnauthenticated, .message = "the user does not exist any more"});
    }
    AuthReply reply;
    reply.body = UserJson(*user);
    return reply;
  }

  AuthReply SetupStatus() override {
    AuthReply reply;
    reply.body = users_->HasPasswords()
                     ? R"({"needs_setup":false,"message":"The server is set up"})"
                     : R"({"needs_setup":true,"message":"The server needs a root password: POST /v1/api/auth/setup"})";
    return reply;
  }

  void Authenticate(std::string_view authorization, std::string_view address, bool basic_allowed,
                    std::function<void(Result<auth::Identity>)> done) override;

 private:
  // Admits by address, runs on the hashing pool, answers.
  template <typename Work>
  void OnPool(const std::string& address, AuthCallback done, Work work) {
    if (!address.empty()) {
      const Micros wait = Admit(address);
      if (wait > 0) return done(RateLimited(wait));
    }
    auto callback = std::make_shared<AuthCallback>(std::move(done));
    if (hashing_->Post([callback, work = std::move(work)]() mutable { (*callback)(work()); })) return;
    (*callback)(PoolFull());
  }
  Micros Admit(std::string_view address) {
    const Micros wait = limiter_.Admit(address, clock_->MonotonicMicros());
    if (wait > 0) rejections_.Add();
    return wait;
  }
  static AuthReply RateLimited(Micros wait) {
    return ErrorReply({.code = ErrorCode::kRateLimited, .message = "over limits.auth_per_second"}, {},
                      (wait + kMicrosPerSecond - 1) / kMicrosPerSecond);
  }
  static AuthReply PoolFull() {
    return ErrorReply({.code = ErrorCode::kRateLimited, .message = "too many logins wait"}, {}, kPoolFullRetrySeconds);
  }

  AuthReply DoLogin(const std::string& body, const std::string& address);
  AuthReply DoRefresh(const std::string& token, const std::string& body, const std::string& address);
  AuthReply DoSetup(const std::string& body, const std::string& address);
  auth::StoreRecords SetupRecord(const char* action, const std::string& user, const std::string& address) const;
  AuthReply SessionReply(const auth::UserRecord& user, const auth::TokenPair& tokens) const;
  void CountFailure(const Error& error, std::string_view name, std::string_view address);

  Result<auth::Identity> VerifyBasic(const std::string& credentials);
  std::optional<auth::Identity> FindBasic(const std::string& credentials);

  const AuthServiceOptions options_;
  auth::UserDirectory* const users_;
  auth::TokenService* const tokens_;
  Executor* const hashing_;
  const Clock* const clock_;
  Metrics* const metrics_;
  Logger* const logger_;
  AuditLog* const audit_;
  auth::RateLimiter limiter_;
  Counter rejections_;
  std::mutex setup_mutex_;  // one setup at a time

  struct Verified {
    auth::Identity identity;
    Micros until = 0;  // monotonic
  };
  std::mutex basic_mutex_;
  std::map<std::string, Verified, std::less<>> basic_;  // GUARDED_BY(basic_mutex_): encoded pair → who it is
};

void PooledAuthService::CountFailure(const Error& error, std::string_view name, std::string_view address) {
  const std::string reason = error.code == ErrorCode::kAccountLocked  ? "locked"
                             : error.code == ErrorCode::kTokenExpired ? "expired"
                                                                      : "credentials";
  metrics_->AddCounter("kalamdb_auth_failures_total", "Refused credentials.", {{"reason", reason}}).Add();
  logger_->Warn("auth_failure", {{"user", name}, {"address", address}, {"reason", reason}});
}

AuthReply PooledAuthService::SessionReply(const auth::UserRecord& user, const auth::TokenPair& tokens) const {
  AuthReply reply;
  reply.access_token = tokens.access_token;
  reply.refresh_token = tokens.refresh_token;
  reply.access_seconds = options_.access_seconds;
  reply.refresh_seconds = options_.refresh_seconds;
  reply.body = R"({"user":)" + UserJson(user) + R"(,"admin_ui_access":)";
  reply.body += user.role >= auth::Role::kDba ? "true" : "false";
  reply.body += R"(,"expires_at":)";
  AppendTime(tokens.access_expires_at, &reply.body);
  reply.body += R"(,"access_token":)";
  row::AppendJsonString(tokens.access_token, &reply.body);
  reply.body += R"(,"refresh_token":)";
  row::AppendJsonString(tokens.refresh_token, &reply.body);
  reply.body += R"(,"refresh_expires_at":)";
  AppendTime(tokens.refresh_expires_at, &reply.body);
  reply.body += '}';
  return reply;
}

AuthReply PooledAuthService::DoLogin(const std::string& body, const std::string& address) {
  const Result<BodyFields> fields = BodyFields::Parse(body, {"user", "username", "password"});
  if (!fields.ok()) return ErrorReply(fields.error());
  const Result<std::string> name = fields->Get("user"), password = fields->Get("password");
  if (!name.ok()) return ErrorReply(name.error());
  if (!password.ok()) return ErrorReply(password.error());
  if (!users_->HasPasswords()) {
    return ErrorReply({.code = ErrorCode::kPermissionDenied, .message = "the server has no root password yet"},
                      "setup_required");
  }
  const Result<auth::UserPtr> user = users_->Login(*name, *password);
  if (!user.ok()) {
    CountFailure(user.error(), *name, address);
    return ErrorReply(user.error());
  }
  logger_->Info("login", {{"user", (*user)->name}, {"address", address}});
  return SessionReply(**user, tokens_->Issue(**user));
}

AuthReply PooledAuthService::DoRefresh(const std::string& token, const std::string& body, const std::string& address) {
  std::string refresh = token;
  if (refresh.empty() && !body.empty()) {
    const Result<BodyFields> fields = BodyFields::Parse(body, {"refresh_token"});
    if (!fields.ok()) return ErrorReply(fields.error());
    refresh = fields->Find("refresh_token");
  }
  if (refresh.empty()) return ErrorReply({.code = ErrorCode::kUnauthenticated, .message = "no refresh token was sent"});
  const Result<auth::TokenPair> pair = tokens_->Refresh(refresh);
  if (!pair.ok()) {
    CountFailure(pair.error(), {}, address);
    return ErrorReply(pair.error());
  }
  const Result<auth::Identity> identity = tokens_->VerifyAccess(pair->access_token);
  if (!identity.ok()) return ErrorReply(identity.error());
  const auth::UserPtr user = users_->FindById(identity->user);
  if (user == nullptr) return ErrorReply({.code = ErrorCode::kUnauthenticated, .message = "the user was dropped"});
  return SessionReply(*user, *pair);
}

// Whoever sets the server up is about to be root.
auth::StoreRecords PooledAuthService::SetupRecord(const char* action, const std::string& user,
                                                  const std::string& address) const {
  if (audit_ == nullptr) return {};
  AuditRecord record;
  record.actor = kRoot;
  record.subject = user;
  record.action = action;
  record.target = user;
  record.details = "setup";
  record.address = address;
  return {audit_->Encode(record)};
}

AuthReply PooledAuthService::DoSetup(const std::string& body, const std::string& address) {
  const Result<BodyFields> fields = BodyFields::Parse(body, {"user", "username", "password", "root_password", "email"});
  if (!fields.ok()) return ErrorReply(fields.error());
  const Result<std::string> root_password = fields->Get("root_password");
  if (!root_password.ok()) return ErrorReply(root_password.error());
  std::lock_guard lock(setup_mutex_);
  if (users_->HasPasswords()) {
    return ErrorReply({.code = ErrorCode::kAlreadyExists, .message = "the server is set up already"});
  }
  // Everything is checked before anything changes.
  const bool with_user = fields->Has("user") || fields->Has("password");
  const std::string name = fields->Find("user");
  if (const Status good = auth::CheckPassword(*root_password); !good.ok())
    return ErrorReply(good.error(), "weak_password");
  if (with_user) {
    if (const Status good = auth::CheckUserName(name); !good.ok()) return ErrorReply(good.error(), "invalid_user");
    if (users_->FindByName(name) != nullptr || name == kRoot) {
      return ErrorReply({.code = ErrorCode::kAlreadyExists, .message = "user '" + name + "' exists"}, "user_exists");
    }
    const Status good = auth::CheckPassword(fields->Find("password"));
    if (!good.ok()) return ErrorReply(good.error(), "weak_password");
  }
  const std::string root(kRoot);
  Result<auth::UserPtr> user =
      users_->FindByName(root) != nullptr
          ? users_->Alter(root, {.password = *root_password}, SetupRecord("ALTER USER", root, address))
          : users_->Create({.name = root, .password = *root_password, .email = "", .role = auth::Role::kSystem},
                           SetupRecord("CREATE USER", root, address));
  if (user.ok() && with_user) {
    user = users_->Create(
        {.name = name, .password = fields->Find("password"), .email = fields->Find("email"), .role = auth::Role::kDba},
        SetupRecord("CREATE USER", name, address));
  }
  if (!user.ok()) return ErrorReply(user.error());
  logger_->Info("setup", {{"user", (*user)->name}});
  AuthReply reply;
  reply.body = R"({"user":)" + UserJson(**user) + R"(,"message":"The server is set up"})";
  return reply;
}

void PooledAuthService::Authenticate(std::string_view authorization, std::string_view address, bool basic_allowed,
                                     std::function<void(Result<auth::Identity>)> done) {
  const size_t blank = std::min(authorization.find(' '), authorization.size());
  const std::string scheme = row::FoldName(authorization.substr(0, blank));
  std::string credentials(authorization.substr(std::min(blank + 1, authorization.size())));
  if (scheme == "bearer") return done(tokens_->VerifyAccess(credentials));
  if (scheme != "basic") {
    return done(Error{.code = ErrorCode::kUnauthenticated,
                      .message = "the request names no identity",
                      .hint = "send Authorization: Bearer <access token>"});
  }
  if (!basic_allowed) {
    return done(Error{.code = ErrorCode::kUnauthenticated,
                      .message = "Basic is taken over TLS and from this host only",
                      .hint = "log in and send Authorization: Bearer <access token>"});
  }
  if (std::optional<auth::Identity> known = FindBasic(credentials)) return done(*std::move(known));
  const Micros wait = Admit(address);
  const Error refused{.code = ErrorCode::kRateLimited, .message = "over limits.auth_per_second"};
  if (wait > 0) return done(refused);
  auto callback = std::make_shared<std::function<void(Result<auth::Identity>)>>(std::move(done));
  const std::string from(address);
  if (hashing_->Post([this, callback, credentials, from] {
        Result<auth::Identity> identity = VerifyBasic(credentials);
        if (!identity.ok()) CountFailure(identity.error(), {}, from);
        (*callback)(std::move(identity));
      })) {
    return;
  }
  (*callback)(Error{.code = ErrorCode::kRateLimited, .message = "too many logins wait"});
}

std::optional<auth::Identity> PooledAuthService::FindBasic(const std::string& credentials) {
  std::lock_guard lock(basic_mutex_);
  const auto found = basic_.find(credentials);
  if (found == basic_.end()) return std::nullopt;
  if (found->second.until > clock_->MonotonicMicros() && users_->IsCurrent(found->second.identity)) {
    return found->second.identity;
  }
  basic_.erase(found);
  return std::nullopt;
}

Result<auth::Identity> PooledAuthService::VerifyBasic(const std::string& credentials) {
  const std::optional<std::string> pair = DecodeBase64(credentials);
  const size_t colon = pair.has_value() ? pair->find(':') : std::string::npos;
  if (colon == std::string::npos) {
    return Error{.code = ErrorCode::kUnauthenticated,
                 .message = "the Basic credentials are no base64 of user:password"};
  }
  ASSIGN_OR_RETURN(const auth::UserPtr user, users_->Login(pair->substr(0, colon), pair->substr(colon + 1)));
  auth::Identity identity;
  identity.user = user->id;
  identity.name = user->name;
  identity.role = user->role;
  identity.generation = user->generation;
  std::lock_guard lock(basic_mutex_);
  if (basic_.size() >= kBasicCacheEntries) basic_.clear();
  basic_[credentials] = {identity, clock_->MonotonicMicros() + kBasicCacheTime};
  return identity;
}

}  // namespace

std::unique_ptr<AuthService> AuthService::Create(AuthServiceOptions options, auth::UserDirectory* users,
                                                 auth::TokenService* tokens, Executor* hashing, const Clock* clock,
                                                 Metrics* metrics, Logger* logger, AuditLog* audit) {
  return std::make_unique<PooledAuthService>(options, users, tokens, hashing, clock, metrics, logger, audit);
}

}  // namespace kalamdb::service
