// The shapes of docs/live.md, client to server.
#include "server/live_message.h"

#include <charconv>
#include <optional>

#include "row/json.h"
#include "row/json_document.h"

namespace kalamdb::server {

namespace {

using row::JsonView;

Error Bad(std::string message) { return {ErrorCode::kInvalidParameter, std::move(message)}; }

// The first of two names that is there and not null.
std::optional<JsonView> FindEither(JsonView object, std::string_view name, std::string_view older) {
  for (std::string_view candidate : {name, older}) {
    std::optional<JsonView> found = object.Find(candidate);
    if (found && !found->IsNull()) return found;
  }
  return std::nullopt;
}

// A sequence: a string of digits, or a number.
Result<Seq> ReadSeq(JsonView value) {
  uint64_t seq = 0;
  const std::string_view text = value.text();
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seq);
  const bool scalar = value.IsString() || value.kind() == JsonView::Kind::kInteger;
  if (!scalar || text.empty() || error != std::errc() || end != text.data() + text.size()) {
    return Bad("options.from is not a sequence number");
  }
  return Seq(seq);
}

Result<uint64_t> ReadCount(JsonView options, std::string_view name, uint64_t absent, uint64_t most) {
  std::optional<JsonView> value = options.Find(name);
  if (!value || value->IsNull()) return absent;
  std::optional<int64_t> count = value->AsInt64();
  if (!count || *count < 1) return Bad("options." + std::string(name) + " is not a whole number above 0");
  return std::min(static_cast<uint64_t>(*count), most);
}

Status ReadOptions(JsonView subscription, live::SubscribeOptions* options) {
  std::optional<JsonView> given = subscription.Find("options");
  if (!given || given->IsNull()) return {};
  if (!given->IsObject()) return Bad("options is not an object");
  ASSIGN_OR_RETURN(uint64_t batch_size, ReadCount(*given, "batch_size", live::kDefaultBatchRows, live::kMaxFrameRows));
  options->batch_size = static_cast<uint32_t>(batch_size);
  ASSIGN_OR_RETURN(options->last_rows, ReadCount(*given, "last_rows", 0, UINT64_MAX));
  if (std::optional<JsonView> from = FindEither(*given, "from", "from_seq_id")) {
    ASSIGN_OR_RETURN(options->from, ReadSeq(*from));
  }
  options->snapshot = !options->from.has_value();
  return {};
}

Status ReadSubscription(JsonView value, live::SubscribeRequest* request) {
  if (!value.IsObject()) return Bad("a subscription is not an object");
  std::optional<JsonView> id = FindEither(value, "id", "query_id");
  if (!id || !id->IsString() || id->text().empty()) return Bad("a subscription has no id");
  request->id = id->text();
  std::optional<JsonView> sql = value.Find("sql");
  if (!sql || !sql->IsString()) return Bad("a subscription has no sql");
  request->sql = sql->text();
  if (std::optional<JsonView> name = value.Find("namespace_id"); name && !name->IsNull()) {
    if (!name->IsString()) return Bad("namespace_id is not a string");
    request->namespace_name = name->text();
  }
  if (std::optional<JsonView> params = value.Find("params"); params && !params->IsNull()) {
    if (!params->IsArray()) return Bad("params is not an array");
    for (JsonView item : params->items()) request->params.push_back(item.ToParam());
  }
  return ReadOptions(value, &request->options);
}

void AddSubscription(JsonView value, ClientMessage* message) {
  live::SubscribeRequest request;
  Status status = ReadSubscription(value, &request);
  if (status.ok()) {
    message->subscriptions.push_back(std::move(request));
  } else {
    message->refused.emplace_back(std::move(request.id), status.error());
  }
}

Status ReadSubscribe(JsonView root, ClientMessage* message) {
  message->type = ClientMessage::Type::kSubscribe;
  if (std::optional<JsonView> one = root.Find("subscription")) {
    AddSubscription(*one, message);
    return {};
  }
  std::optional<JsonView> many = root.Find("subscriptions");
  if (!many || !many->IsArray()) return Bad("subscribe has no subscription");
  for (JsonView item : many->items()) AddSubscription(item, message);
  return {};
}

Status ReadAuthenticate(JsonView root, ClientMessage* message) {
  message->type = ClientMessage::Type::kAuthenticate;
  if (std::optional<JsonView> method = root.Find("method"); method && method->text() != "jwt") {
    return Bad("the method is not jwt");
  }
  std::optional<JsonView> token = root.Find("token");
  if (!token || !token->IsString()) return Bad("authenticate has no token");
  message->token = token->text();
  return {};
}

}  // namespace

Result<ClientMessage> ReadClientMessage(std::string_view text, std::string* type_name) {
  ASSIGN_OR_RETURN(row::JsonDocument document, row::JsonDocument::Parse(text));
  const JsonView root = document.root();
  std::optional<JsonView> type = root.Find("type");
  if (!type || !type->IsString()) return Bad("the message has no type");
  *type_name = type->text();
  ClientMessage message;
  if (*type_name == "ping") return message;
  if (*type_name == "authenticate") {
    RETURN_IF_ERROR(ReadAuthenticate(root, &message));
    return message;
  }
  if (*type_name == "subscribe") {
    RETURN_IF_ERROR(ReadSubscribe(root, &message));
    return message;
  }
  if (*type_name != "next_batch" && *type_name != "unsubscribe") {
    return Bad("the message type \"" + type_name->substr(0, 100) + "\" is unknown");
  }
  message.type = *type_name == "next_batch" ? ClientMessage::Type::kNextBatch : ClientMessage::Type::kUnsubscribe;
  std::optional<JsonView> id = root.Find("subscription_id");
  if (!id || !id->IsString()) return Bad(*type_name + " has no subscription_id");
  message.subscription_id = id->text();
  return message;
}

live::Frame AuthSuccessFrame(const auth::Identity& identity) {
  std::string json = R"({"type":"auth_success","user":)";
  row::AppendJsonString(identity.name, &json);
  json += R"(,"role":)";
  row::AppendJsonString(auth::RoleName(identity.role), &json);
  json += R"(,"protocol":{"serialization":"json","compression":"none"}})";
  return std::make_shared<const std::string>(std::move(json));
}

live::Frame AuthErrorFrame(std::string_view message) {
  std::string json = R"({"type":"auth_error","message":)";
  row::AppendJsonString(message, &json);
  json += "}";
  return std::make_shared<const std::string>(std::move(json));
}

live::Frame AuthExpiringFrame(int64_t seconds) {
  return std::make_shared<const std::string>(R"({"type":"auth_expiring","expires_in":)" + std::to_string(seconds) +
                                             "}");
}

}  // namespace kalamdb::server
