// Input side and life of a session; its output side is in websocket_output.cc.
#include "server/websocket_session.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace kalamdb::server {

WebSocketSession::WebSocketSession(Core* core, ThreadSockets* home, std::unique_ptr<Socket> socket, Peer peer)
    : core_(core),
      home_(home),
      socket_(std::move(socket)),
      peer_(std::move(peer)),
      reader_(core->options.message_bytes, true) {}

WebSocketSession::~WebSocketSession() = default;

void WebSocketSession::Start(auth::Identity identity, std::string token, std::string out, std::string_view input) {
  slot_ = home_->sessions.size();
  home_->sessions.push_back(this);
  home_->thread()->Join(this);
  last_input_s_ = last_ping_s_ = home_->thread()->now_s();
  deadline_s_ = last_input_s_ + kAuthSeconds + 1;
  if (!out.empty()) {
    const size_t bytes = out.size();
    MutexLock lock(mutex_);
    queue_.push_back({.header = {}, .payload = std::make_shared<const std::string>(std::move(out))});
    queued_bytes_ += bytes;
  }
  if (identity.user.is_set()) Adopt(std::move(identity), token);
  std::string early(input);
  Consume(early.data(), early.size());
  Flush();
  OnReadable();
}

void WebSocketSession::OnReadable() {
  for (int reads = 0; reads < 8 && !ended_; ++reads) {
    if (QueuedBytes() > kUnreadOutputBytes && !closing_) break;
    char* const scratch = home_->thread()->scratch();
    const int64_t n = socket_->Read(scratch, kScratchBytes);
    if (n == Socket::kWouldBlock) break;
    if (n == Socket::kClosed) return End();
    last_input_s_ = home_->thread()->now_s();
    Consume(scratch, static_cast<size_t>(n));
    if (n < static_cast<int64_t>(kScratchBytes)) break;
  }
  if (!ended_ && (QueuedBytes() <= kUnreadOutputBytes || closing_)) socket_->WaitReadable(shared_from_this());
}

void WebSocketSession::Consume(char* data, size_t size) {
  while (size > 0 && !ended_ && !broken_) {
    size_t used = 0;
    const FrameReader::Event event = reader_.Next(data, size, &used);
    data += used;
    size -= used;
    if (event.kind != FrameReader::Kind::kNone) Handle(event);
  }
}

void WebSocketSession::Handle(const FrameReader::Event& event) {
  using Kind = FrameReader::Kind;
  broken_ = event.kind == Kind::kBroken;
  if (event.kind == Kind::kClose) {
    peer_closed_ = true;
    if (closing_ && QueuedBytes() == 0) return End();
    return CloseWith(event.close_code == kCloseNoStatus ? kCloseNormal : event.close_code, "");
  }
  if (closing_) return;
  switch (event.kind) {
    case Kind::kText: return HandleText(event.payload);
    case Kind::kBinary:
      core_->messages_in[0].Add();
      return SendError("", {ErrorCode::kUnsupported, "binary messages are not offered"});
    case Kind::kTooLarge:
      core_->messages_in[0].Add();
      core_->too_large_messages.Add();
      return SendError("", {ErrorCode::kTooLarge, "the message is longer than limits.message_bytes (" +
                                                      std::to_string(core_->options.message_bytes) + ")"});
    case Kind::kPing: return Queue(Opcode::kPong, std::make_shared<const std::string>(event.payload), false);
    case Kind::kBroken: return CloseWith(event.close_code, event.problem);
    default: return;
  }
}

void WebSocketSession::HandleText(std::string_view text) {
  std::string type;
  Result<ClientMessage> message = ReadClientMessage(text, &type);
  core_->messages_in[Core::MessageSlot(type)].Add();
  if (connection_ == 0 && (!message.ok() || message->type != ClientMessage::Type::kAuthenticate)) {
    Send(AuthErrorFrame("the first message must be authenticate with a token"), "auth_error");
    return CloseWith(kCloseUnauthorized, "unauthenticated");
  }
  if (!AdmitMessage()) {
    core_->rate_limited_messages.Add();
    return SendError("", {ErrorCode::kRateLimited,
                          "more messages than limits.messages_per_second (" +
                              std::to_string(static_cast<int64_t>(core_->options.messages_per_second)) + ")"});
  }
  if (!message.ok()) return SendError("", message.error());
  HandleMessage(*std::move(message));
}

void WebSocketSession::HandleMessage(ClientMessage message) {
  live::Hub* const hub = core_->services.hub;
  switch (message.type) {
    case ClientMessage::Type::kAuthenticate: return Authenticate(message.token);
    case ClientMessage::Type::kNextBatch: return hub->NextBatch(connection_, message.subscription_id);
    case ClientMessage::Type::kUnsubscribe: return hub->Unsubscribe(connection_, message.subscription_id);
    case ClientMessage::Type::kPing: {
      static const live::Frame pong = std::make_shared<const std::string>(R"({"type":"pong"})");
      return Send(pong, "pong");
    }
    case ClientMessage::Type::kSubscribe:
      for (auto& [id, error] : message.refused) SendError(id, error);
      for (live::SubscribeRequest& request : message.subscriptions) hub->Subscribe(connection_, std::move(request));
      return;
  }
}

void WebSocketSession::Authenticate(const std::string& token) {
  // A bearer token is verified at once, on this thread.
  Result<auth::Identity> identity = Error{ErrorCode::kUnauthenticated, "the token was not verified"};
  core_->services.auth->Authenticate("Bearer " + token, peer_.address, false,
                                     [&identity](Result<auth::Identity> result) { identity = std::move(result); });
  if (identity.ok() && connection_ != 0 && identity->user != identity_.user) {
    identity = Error{ErrorCode::kUnauthenticated, "the token is another user's"};
  }
  if (!identity.ok()) {
    Send(AuthErrorFrame(identity.error().message), "auth_error");
    return CloseWith(kCloseUnauthorized, "unauthenticated");
  }
  Adopt(*std::move(identity), token);
}

void WebSocketSession::Adopt(auth::Identity identity, const std::string& token) {
  identity_ = std::move(identity);
  token_hash_ = std::hash<std::string>()(token);
  warned_ = false;
  deadline_s_ = 0;
  Send(AuthSuccessFrame(identity_), "auth_success");
  if (connection_ == 0) {
    auto self = std::static_pointer_cast<WebSocketSession>(shared_from_this());
    connection_ = core_->services.hub->Open(identity_, std::move(self));
  } else {
    core_->services.hub->SetIdentity(connection_, identity_);
  }
}

bool WebSocketSession::AdmitMessage() {
  if (core_->options.messages_per_second <= 0) return true;
  const double interval = 1e6 / core_->options.messages_per_second;
  const auto now = static_cast<double>(core_->clock->MonotonicMicros());
  const double arrival = std::max(message_time_us_, now);
  if (arrival - now > interval * (core_->options.messages_burst - 1)) return false;
  message_time_us_ = arrival + interval;
  return true;
}

void WebSocketSession::SendError(std::string_view subscription_id, const Error& error) {
  Send(live::ErrorFrame(subscription_id, error), "error");
}

void WebSocketSession::RecheckUser(UserId user) {
  if (connection_ == 0 || identity_.user != user || closing_) return;
  if (!core_->services.users->IsCurrent(identity_)) CloseWith(kCloseUnauthorized, "the session has ended");
}

void WebSocketSession::RecheckToken(std::string_view token) {
  if (connection_ == 0 || closing_ || std::hash<std::string_view>()(token) != token_hash_) return;
  Result<auth::Identity> identity = Error{ErrorCode::kUnauthenticated, ""};
  core_->services.auth->Authenticate("Bearer " + std::string(token), peer_.address, false,
                                     [&identity](Result<auth::Identity> result) { identity = std::move(result); });
  if (!identity.ok()) CloseWith(kCloseUnauthorized, "the session has ended");
}

void WebSocketSession::OnTick(uint32_t now_s) {
  if (deadline_s_ != 0 && now_s >= deadline_s_) {
    if (closing_) return End();
    Send(AuthErrorFrame("no authenticate message within 3 s"), "auth_error");
    return CloseWith(kCloseUnauthorized, "unauthenticated");
  }
  if (closing_) return;
  if (now_s - last_input_s_ >= kSilenceSeconds) return CloseWith(kCloseGoingAway, "nothing came for 90 s");
  if (now_s - last_ping_s_ >= kPingSeconds) {
    static const live::Frame nothing = std::make_shared<const std::string>();
    last_ping_s_ = now_s;
    Queue(Opcode::kPing, nothing, false);
  }
  if (connection_ == 0 || identity_.expires_at == 0) return;
  const int64_t left_s = (identity_.expires_at - core_->clock->NowMicros()) / kMicrosPerSecond;
  if (left_s <= 0) {
    CloseWith(kCloseUnauthorized, "the token has expired");
  } else if (left_s <= kExpiryWarningSeconds && !warned_) {
    warned_ = true;
    Send(AuthExpiringFrame(left_s), "auth_expiring");
  }
}

void WebSocketSession::CloseWith(uint16_t code, std::string_view reason) {
  if (closing_ || ended_) return;
  closing_ = true;
  deadline_s_ = home_->thread()->now_s() + kCloseSeconds;
  if (connection_ != 0) core_->services.hub->Close(std::exchange(connection_, 0));
  Queue(Opcode::kClose, std::make_shared<const std::string>(ClosePayload(code, reason)), true);
  if (!ended_) socket_->WaitReadable(shared_from_this());
}

void WebSocketSession::End() {
  if (ended_) return;
  ended_ = true;
  auto self = shared_from_this();  // what is let go below may be the last to hold it
  if (connection_ != 0) core_->services.hub->Close(std::exchange(connection_, 0));
  {
    MutexLock lock(mutex_);
    sealed_ = true;
    queue_.clear();
    waiters_.clear();
  }
  sending_.clear();
  queued_bytes_ = 0;
  socket_->Close();
  home_->thread()->Leave(this);
  home_->sessions[slot_] = home_->sessions.back();
  home_->sessions[slot_]->slot_ = slot_;
  home_->sessions.pop_back();
  core_->SessionEnded();
  core_->Release(peer_.address);
}

}  // namespace kalamdb::server
