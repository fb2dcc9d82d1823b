// A client's session: logs in, sends texts of SQL.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "cli/command_line.h"
#include "server/client.h"

namespace kalamdb::cli {

class ShellSession {
 public:
  // With the token of --token-file or KALAM_TOKEN, else logs in with KALAM_PASSWORD or a password asked for on the
  // terminal.
  static Result<ShellSession> Open(const ShellCommand& command);

  // The reply's body, success or error. Errors: no connection, or no reply in JSON.
  Result<std::string> Run(std::string_view sql);

 private:
  ShellSession(server::ClientUrl url, std::string namespace_name)
      : http_(std::move(url)), namespace_(std::move(namespace_name)) {}
  Status Login(const std::string& user, std::string_view password);

  server::HttpClient http_;
  std::string namespace_;
  std::string token_;
};

}  // namespace kalamdb::cli
