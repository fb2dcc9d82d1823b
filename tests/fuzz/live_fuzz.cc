// Live connections: WebSocket frames of a client in pieces, and the messages within them.
#include <algorithm>
#include <string>
#include <vector>

#include "base/error.h"
#include "fuzz.h"
#include "server/live_message.h"
#include "server/utf8.h"
#include "server/websocket_frame.h"

namespace kalamdb::fuzz {
namespace {

using Kind = server::FrameReader::Kind;

constexpr uint64_t kMaxMessage = 1'024;

void Message(std::string_view text) {
  std::string type;
  const auto message = server::ReadClientMessage(text, &type);
  if (!message.ok()) return;
  for (const auto& one : message->subscriptions) KALAM_CHECK(!one.id.empty());
}

// All events of the bytes, fed in pieces of at most `step`: they must not depend on the pieces.
std::vector<std::string> Events(std::string_view all, size_t step) {
  std::vector<std::string> seen;
  std::string bytes(all);  // unmasked in place
  server::FrameReader reader(kMaxMessage, true);
  for (size_t at = 0; at < bytes.size();) {
    size_t used = 0;
    const size_t piece = std::min(step, bytes.size() - at);
    const auto event = reader.Next(bytes.data() + at, piece, &used);
    KALAM_CHECK(used > 0 && used <= piece);
    at += used;
    if (event.kind == Kind::kNone) continue;
    if (event.kind == Kind::kText) Message(event.payload);
    if (event.kind == Kind::kText || event.kind == Kind::kBinary) KALAM_CHECK(event.payload.size() <= kMaxMessage);
    seen.push_back(std::to_string(static_cast<int>(event.kind)) + ":" + std::to_string(event.close_code) + ":" +
                   std::string(event.payload));
    if (event.kind == Kind::kBroken) break;
  }
  return seen;
}

}  // namespace

void Run(std::string_view in) {
  if (in.starts_with("{")) {
    Message(in);
    return;
  }
  const std::vector<std::string> whole = Events(in, std::max<size_t>(1, in.size()));
  KALAM_CHECK(Events(in, 1) == whole);
  KALAM_CHECK(Events(in, 5) == whole);
}

}  // namespace kalamdb::fuzz
