// Login, refresh, logout, setup, who am I: the auth endpoints without sockets. Bodies and replies: docs/http.md.
//
// Thread-safe. Passwords are hashed on the hashing pool; callbacks come from there or at once.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "auth/identity.h"
#include "auth/rate_limit.h"
#include "auth/tokens.h"
#include "auth/users.h"
#include "base/executor.h"
#include "base/log.h"
#include "base/metrics.h"
#include "service/audit_log.h"

namespace kalamdb::service {

struct AuthReply {
  int status = 200;
  std::string body;                         // JSON
  std::string access_token, refresh_token;  // to be set as cookies; empty = none
  int64_t access_seconds = 0, refresh_seconds = 0;
  bool clear_cookies = false;
  int64_t retry_after_s = 0;
};
using AuthCallback = std::function<void(AuthReply)>;

struct AuthServiceOptions {
  double auth_per_second = 20, auth_burst = 50;  // limits.auth_per_second (an address)
  bool allow_remote_setup = false;
  int64_t access_seconds = 3'600, refresh_seconds = 7 * 86'400;
};

class AuthService {
 public:
  // audit: where setup is written down; may be null.
  static std::unique_ptr<AuthService> Create(AuthServiceOptions options, auth::UserDirectory* users,
                                             auth::TokenService* tokens, Executor* hashing, const Clock* clock,
                                             Metrics* metrics, Logger* logger, AuditLog* audit = nullptr);
  virtual ~AuthService() = default;

  virtual void Login(std::string body, std::string address, AuthCallback done) = 0;
  // The token: cookie first, else Bearer, else the body's refresh_token.
  virtual void Refresh(std::string token, std::string body, std::string address, AuthCallback done) = 0;
  virtual void Logout(std::string access_token, AuthCallback done) = 0;
  virtual void Setup(std::string body, std::string address, bool from_loopback, AuthCallback done) = 0;
  virtual AuthReply Me(const auth::Identity& identity) = 0;
  virtual AuthReply SetupStatus() = 0;

  // Identity from `Authorization`: Bearer at once; Basic (only if basic_allowed) by the hashing pool, a verified pair
  // is cached 60 s.
  virtual void Authenticate(std::string_view authorization, std::string_view address, bool basic_allowed,
                            std::function<void(Result<auth::Identity>)> done) = 0;
};

}  // namespace kalamdb::service
