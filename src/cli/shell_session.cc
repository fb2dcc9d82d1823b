// Where the identity comes from, and the two requests the shell makes.
#include "cli/shell_session.h"

#include <unistd.h>

#include <cstdlib>

#include "base/files.h"
#include "row/json.h"
#include "row/json_document.h"

namespace kalamdb::cli {

Result<ShellSession> ShellSession::Open(const ShellCommand& command) {
  ASSIGN_OR_RETURN(server::ClientUrl url, server::ParseClientUrl(command.url));
  ShellSession session(std::move(url), command.namespace_name);
  if (!command.token_file.empty()) {
    ASSIGN_OR_RETURN(session.token_, ReadFile(command.token_file, 64 << 10));
    while (!session.token_.empty() && session.token_.back() <= ' ') session.token_.pop_back();
    return session;
  }
  if (const char* token = std::getenv("KALAM_TOKEN"); token != nullptr) {
    session.token_ = token;
    return session;
  }
  const char* password = std::getenv("KALAM_PASSWORD");
  std::string asked;
  if (password == nullptr) {
    if (::isatty(STDIN_FILENO) == 0)
      return Error{ErrorCode::kUnauthenticated, "no password: set KALAM_PASSWORD, or give --token-file"};
    const char* typed = ::getpass(("Password of " + command.user + ": ").c_str());
    asked = typed == nullptr ? "" : typed;
    password = asked.c_str();
  }
  RETURN_IF_ERROR(session.Login(command.user, password));
  return session;
}

Status ShellSession::Login(const std::string& user, std::string_view password) {
  std::string body = R"({"user":)";
  row::AppendJsonString(user, &body);
  body += R"(,"password":)";
  row::AppendJsonString(password, &body);
  body += "}";
  ASSIGN_OR_RETURN(
      server::ClientResponse response,
      http_.Send({.path = "/v1/api/auth/login", .headers = "Content-Type: application/json\r\n", .body = body}));
  ASSIGN_OR_RETURN(row::JsonDocument document, row::JsonDocument::Parse(response.body));
  if (response.status != 200) {
    std::optional<row::JsonView> message = document.root().Find("message");
    return Error{ErrorCode::kUnauthenticated, message ? std::string(message->text()) : "the login was refused"};
  }
  std::optional<row::JsonView> token = document.root().Find("access_token");
  if (!token || !token->IsString()) return Error{ErrorCode::kInternal, "the reply to the login has no token"};
  token_ = token->text();
  return {};
}

Result<std::string> ShellSession::Run(std::string_view sql) {
  std::string body = R"({"sql":)";
  row::AppendJsonString(sql, &body);
  if (!namespace_.empty()) {
    body += R"(,"namespace_id":)";
    row::AppendJsonString(namespace_, &body);
  }
  body += "}";
  const std::string headers = "Authorization: Bearer " + token_ + "\r\nContent-Type: application/json\r\n";
  ASSIGN_OR_RETURN(server::ClientResponse response,
                   http_.Send({.path = "/v1/api/sql", .headers = headers, .body = body}));
  return std::move(response.body);
}

}  // namespace kalamdb::cli
