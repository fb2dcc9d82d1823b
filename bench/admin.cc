// Login, and statements over one kept connection.
#include "admin.h"

#include "row/json.h"
#include "row/json_document.h"

namespace kalamdb::bench {

Admin::Admin(const LoadArgs& args, LoadStats* stats)
    : stats_(stats), url_(*server::ParseClientUrl(args.Text("url", "127.0.0.1:8080"))), http_(url_) {
  const std::string body = R"({"user":"root","password":")" + args.Text("password", "") + "\"}";
  Result<server::ClientResponse> reply = http_.Send({.path = "/v1/api/auth/login", .headers = {}, .body = body});
  if (!reply.ok()) {
    stats_->Fail(reply.error().message);
    return;
  }
  Result<row::JsonDocument> document = row::JsonDocument::Parse(reply->body);
  std::optional<row::JsonView> token = document.ok() ? document->root().Find("access_token") : std::nullopt;
  if (token) {
    token_ = token->text();
  } else {
    stats_->Fail("the login was refused");
  }
}

std::string Admin::Sql(std::string_view sql, bool must_succeed) {
  std::string body = R"({"sql":)";
  row::AppendJsonString(sql, &body);
  Result<server::ClientResponse> reply =
      http_.Send({.path = "/v1/api/sql", .headers = "Authorization: Bearer " + token_ + "\r\n", .body = body + "}"});
  if (!reply.ok()) {
    stats_->Fail(reply.error().message);
    return {};
  }
  if (must_succeed && reply->status != 200) stats_->Fail("a statement failed: " + reply->body.substr(0, 150));
  return std::move(reply->body);
}

std::vector<std::string> Admin::Row(std::string_view sql) {
  Result<row::JsonDocument> document = row::JsonDocument::Parse(Sql(sql));
  std::vector<std::string> values;
  if (!document.ok()) return values;
  std::optional<row::JsonView> results = document->root().Find("results");
  if (!results || results->items().empty()) return values;
  std::optional<row::JsonView> rows = (*results->items().begin()).Find("rows");
  if (!rows || rows->items().empty()) return values;
  for (row::JsonView value : (*rows->items().begin()).items()) values.emplace_back(value.text());
  return values;
}

std::string Admin::Value(std::string_view sql) {
  std::vector<std::string> row = Row(sql);
  return row.empty() ? std::string() : std::move(row.front());
}

std::string Admin::Request(std::string_view body, std::string_view headers) const {
  std::string request =
      "POST /v1/api/sql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer " + token_ +
      "\r\n";
  request.append(headers)
      .append("Content-Length: ")
      .append(std::to_string(body.size()))
      .append("\r\n\r\n")
      .append(body);
  return request;
}

std::string DurabilityHeader(const LoadArgs& args) {
  return "X-Durability: " + args.Text("durability", "sync") + "\r\n";
}

}  // namespace kalamdb::bench
