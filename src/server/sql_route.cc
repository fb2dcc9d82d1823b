// The SQL route: reading a request, and ReplyStream over HttpReply.
#include "server/sql_route.h"

#include <charconv>
#include <utility>

#include "row/json_document.h"
#include "server/error_body.h"
#include "server/routes.h"
#include "service/error_table.h"

namespace kalamdb::server {

namespace {

using service::ReplyForm;

class SqlReply final : public service::ReplyStream {
 public:
  explicit SqlReply(std::shared_ptr<HttpReply> reply) : reply_(std::move(reply)) {}
  ~SqlReply() override {
    if (!answered_) reply_->Send(SqlError({ErrorCode::kInternal, "the statement was given up"}));
  }

  void Complete(const Head& head, std::string body) override {
    answered_ = true;
    HttpResponse response = Convert(head);
    response.body = std::move(body);
    reply_->Send(std::move(response));
  }
  void Begin(const Head& head) override {
    answered_ = true;
    reply_->Begin(Convert(head));
  }
  bool WaitForRoom(Micros limit) override { return reply_->WaitForRoom(limit); }
  bool Write(std::string chunk) override { return reply_->Write(chunk); }
  void End() override { reply_->End(); }
  const std::atomic<bool>& cancelled() const override { return reply_->cancelled(); }

 private:
  static HttpResponse Convert(const Head& head) {
    HttpResponse response;
    if (!head.content_type.empty()) response.content_type = head.content_type;
    if (head.error) {
      response.status = service::WireCodeOf(*head.error).http_status;
      if (response.status == 401) AppendHeader("WWW-Authenticate", "Bearer", &response.headers);
    }
    if (head.retry_after_s > 0) AppendHeader("Retry-After", std::to_string(head.retry_after_s), &response.headers);
    return response;
  }

  const std::shared_ptr<HttpReply> reply_;
  bool answered_ = false;
};

Error BadHeader(HttpHeader header, std::string_view allowed) {
  return {ErrorCode::kInvalidParameter, std::string(HttpHeaderName(header)) + " takes " + std::string(allowed)};
}

}  // namespace

Status ReadSqlHeaders(const HttpRequest& request, service::SqlRequest* sql) {
  if (request.Has(HttpHeader::kTransaction)) {
    return Error{ErrorCode::kNotFound, "X-Transaction names no open transaction"};
  }
  if (request.Has(HttpHeader::kStatementTimeout)) {
    const std::string& text = request.Get(HttpHeader::kStatementTimeout);
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), sql->timeout_ms);
    if (error != std::errc() || end != text.data() + text.size() || sql->timeout_ms < 0) {
      return BadHeader(HttpHeader::kStatementTimeout, "a whole number of milliseconds");
    }
  }
  if (request.Has(HttpHeader::kDurability)) {
    const std::string& value = request.Get(HttpHeader::kDurability);
    if (value == "sync") {
      sql->durability = storage::Durability::kSync;
    } else if (value == "wal") {
      sql->durability = storage::Durability::kWal;
    } else {
      return BadHeader(HttpHeader::kDurability, "sync or wal");
    }
  }
  if (request.Has(HttpHeader::kResultCache)) {
    const std::string& value = request.Get(HttpHeader::kResultCache);
    if (value != "on" && value != "off") return BadHeader(HttpHeader::kResultCache, "on or off");
  }
  if (request.Has(HttpHeader::kBytes)) {
    if (request.Get(HttpHeader::kBytes) != "array") return BadHeader(HttpHeader::kBytes, "array");
    sql->bytes_form = row::BytesForm::kArray;
  }
  const std::string& accept = request.Get(HttpHeader::kAccept);
  if (accept.find("application/x-ndjson") != std::string::npos) {
    sql->form = ReplyForm::kNdjson;
  } else if (accept.find("application/vnd.apache.parquet") != std::string::npos) {
    sql->form = ReplyForm::kParquet;
  }
  if (request.Get(HttpHeader::kContentType).starts_with("multipart/")) {
    return Error{ErrorCode::kUnsupported, "multipart bodies are not offered"}.WithHint("send JSON");
  }
  return {};
}

Status ReadSqlBody(std::string_view body, service::SqlRequest* sql) {
  ASSIGN_OR_RETURN(row::JsonDocument document, row::JsonDocument::Parse(body));
  if (!document.root().IsObject()) return Error{ErrorCode::kInvalidParameter, "the body is not a JSON object"};
  bool has_sql = false;
  for (auto [name, value] : document.root().fields()) {
    if (name == "sql") {
      std::optional<std::string_view> text = value.AsString();
      if (!text) return Error{ErrorCode::kInvalidParameter, "the field sql is not a string"};
      if (has_sql) return Error{ErrorCode::kInvalidParameter, "the field sql stands twice"};
      sql->sql = *text;
      has_sql = true;
    } else if (name == "params") {
      if (!value.IsArray() && !value.IsNull())
        return Error{ErrorCode::kInvalidParameter, "the field params is not an array"};
      if (!sql->params.empty()) return Error{ErrorCode::kInvalidParameter, "the field params stands twice"};
      for (row::JsonView item : value.items()) sql->params.push_back(item.ToParam());
    } else if (name == "namespace_id") {
      std::optional<std::string_view> text = value.AsString();
      if (!text && !value.IsNull())
        return Error{ErrorCode::kInvalidParameter, "the field namespace_id is not a string"};
      sql->namespace_id = text.value_or("");
    } else {
      return Error{ErrorCode::kInvalidParameter,
                   "the body has an unknown field \"" + std::string(name.substr(0, 100)) + "\""}
          .WithHint("the fields are sql, params and namespace_id");
    }
  }
  if (!has_sql) return Error{ErrorCode::kInvalidParameter, "the body has no field sql"};
  return {};
}

void StartSql(Core* core, HttpConnection* connection, HttpRequest& request, std::string headers) {
  std::shared_ptr<HttpReply> reply = connection->NewReply(std::move(headers));
  // The request stays as it is until the reply is sent, and its connection as long as the reply.
  AuthenticateRequest(
      core, connection, request, false,
      [core, reply, address = &connection->peer().address, request = &request](Result<auth::Identity> identity) {
        if (reply->cancelled()) return;
        if (!identity.ok()) return reply->Send(SqlError(identity.error()));
        if (core->phase == Phase::kDraining) {
          return reply->Send(SqlError({ErrorCode::kDraining, "the server is shutting down"}));
        }
        service::SqlRequest sql;
        sql.identity = *std::move(identity);
        sql.request_id = request->Get(HttpHeader::kRequestId);
        sql.address = *address;
        Status status = ReadSqlHeaders(*request, &sql);
        if (status.ok()) status = ReadSqlBody(request->body, &sql);
        if (!status.ok()) return reply->Send(SqlError(status.error()));
        core->services.sql->Execute(std::move(sql), std::make_shared<SqlReply>(reply));
      });
}

}  // namespace kalamdb::server
