// Messages of WebSocket clients, read from JSON; and the frames the server itself writes.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/identity.h"
#include "base/error.h"
#include "live/hub.h"

namespace kalamdb::server {

struct ClientMessage {
  enum class Type : uint8_t { kAuthenticate, kSubscribe, kNextBatch, kUnsubscribe, kPing };
  Type type = Type::kPing;
  std::string token;                                   // kAuthenticate
  std::string subscription_id;                         // kNextBatch, kUnsubscribe
  std::vector<live::SubscribeRequest> subscriptions;   // kSubscribe: those that are well-formed,
  std::vector<std::pair<std::string, Error>> refused;  // and the ids (perhaps empty) of those that are not
};

// Unknown fields are ignored. Errors: kInvalidParameter (no JSON, unknown type, a field is missing or wrong).
// `type_name`: the message's type for metrics, where it has one.
Result<ClientMessage> ReadClientMessage(std::string_view text, std::string* type_name);

live::Frame AuthSuccessFrame(const auth::Identity& identity);
live::Frame AuthErrorFrame(std::string_view message);
live::Frame AuthExpiringFrame(int64_t seconds);

}  // namespace kalamdb::server
