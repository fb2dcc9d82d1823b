// One WebSocket connection: authentication, messages to the live hub, frames from it.
//
// Input, timers and writing happen on the session's I/O thread. Output (live::FrameSink) comes from any thread: frames
// are queued, the thread is told once, and all that is queued by then leaves in one scattered write. An idle session
// holds no buffers. A peer that takes nothing is not read from either, so that answers to it cannot pile up.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "live/hub.h"
#include "server/core.h"
#include "server/http_connection.h"
#include "server/io_thread.h"
#include "server/live_message.h"
#include "server/websocket_frame.h"

namespace kalamdb::server {

inline constexpr uint32_t kAuthSeconds = 3;  // until the first message must have authenticated
inline constexpr uint32_t kPingSeconds = 30;
inline constexpr uint32_t kSilenceSeconds = 90;
inline constexpr uint32_t kCloseSeconds = 5;  // for the peer to answer a close frame
inline constexpr int64_t kExpiryWarningSeconds = 30;
inline constexpr size_t kUnreadOutputBytes = 1 << 20;  // above it nothing is read from the peer
inline constexpr size_t kMaxWriteParts = 512;          // of one sendmsg: two a frame
inline constexpr size_t kSessionsATurn = 16;           // of those that may wait: then requests have their turn
inline constexpr Micros kLongestTurnPause = 2'000;     // between two such turns

class WebSocketSession;

// The sessions of one I/O thread; knows which of them have something to write.
//
// What many connections get at once (an ALTER with a thousand live queries) would hold the thread, and with it every
// request, for the 7 us that each send takes. It leaves in turns of kSessionsATurn sessions, with a pause of three
// times what the turn took: a quarter of the thread's time at most. A session with something that may not wait is
// flushed whole, in order, before its turn.
class ThreadSockets {
 public:
  ThreadSockets(IoThread* thread, const Clock* clock) : thread_(thread), clock_(clock) {}

  void MarkDirty(std::shared_ptr<WebSocketSession> session) EXCLUDES(mutex_);    // any thread
  void MarkWaiting(std::shared_ptr<WebSocketSession> session) EXCLUDES(mutex_);  // any thread
  IoThread* thread() const { return thread_; }

  std::vector<WebSocketSession*> sessions;  // the thread's own

 private:
  void FlushDirty() EXCLUDES(mutex_);
  void FlushTurn() EXCLUDES(mutex_);

  IoThread* const thread_;
  const Clock* const clock_;
  Mutex mutex_;
  std::vector<std::shared_ptr<WebSocketSession>> dirty_ GUARDED_BY(mutex_);
  bool posted_ GUARDED_BY(mutex_) = false;
  std::deque<std::shared_ptr<WebSocketSession>> waiting_ GUARDED_BY(mutex_);
  bool turn_due_ GUARDED_BY(mutex_) = false;
};

class WebSocketSession final : public SocketOwner, public live::FrameSink {
 public:
  WebSocketSession(Core* core, ThreadSockets* home, std::unique_ptr<Socket> socket, Peer peer);
  ~WebSocketSession() override;

  // `out` goes first (the response to the upgrade). An identity that is not set waits for the first message.
  void Start(auth::Identity identity, std::string token, std::string out, std::string_view input);

  // live::FrameSink
  void Send(live::Frame frame, std::string_view type) override;
  void SendInTurn(live::Frame frame, std::string_view type) override;
  size_t QueuedBytes() const override { return queued_bytes_.load(std::memory_order_relaxed); }
  void WhenDrained(size_t below, std::function<void()> callback) override;

  // On the I/O thread.
  void Flush();
  void FlushInTurn() EXCLUDES(mutex_);  // unless it was flushed meanwhile
  void CloseWith(uint16_t code, std::string_view reason);
  void RecheckUser(UserId user);              // a change of the user: the session may end
  void RecheckToken(std::string_view token);  // a logout

  void OnReadable() override;
  void OnWritable() override;
  void OnTick(uint32_t now_s) override;
  void OnStop() override { End(); }

 private:
  struct Output {
    FrameHeader header;
    live::Frame payload;
    size_t size() const { return header.size + payload->size(); }
  };

  void Handle(const FrameReader::Event& event);
  void HandleText(std::string_view text);
  void HandleMessage(ClientMessage message);
  void Authenticate(const std::string& token);
  void Adopt(auth::Identity identity, const std::string& token);
  void SendError(std::string_view subscription_id, const Error& error);
  bool AdmitMessage();
  // Which of its thread's lists it is in.
  enum class Listed : uint8_t { kNot, kWaiting, kDirty };
  void Queue(Opcode opcode, live::Frame payload, bool last, Listed list = Listed::kDirty) EXCLUDES(mutex_);
  size_t FillParts(struct iovec* parts) const;
  void Wrote(size_t bytes);
  void TellDrained() EXCLUDES(mutex_);
  void Consume(char* data, size_t size);
  void End();

  Core* const core_;
  ThreadSockets* const home_;
  const std::unique_ptr<Socket> socket_;
  const Peer peer_;
  FrameReader reader_;
  auth::Identity identity_;
  size_t token_hash_ = 0;
  live::ConnectionId connection_ = 0;  // 0 = not authenticated
  double message_time_us_ = 0;         // GCRA: theoretical arrival of the next message
  uint32_t last_input_s_ = 0, last_ping_s_ = 0, deadline_s_ = 0;
  bool warned_ = false;       // auth_expiring was sent
  bool closing_ = false;      // a close frame is queued or sent: input is not read as messages any more
  bool peer_closed_ = false;  // its close frame came: ours is the last thing to send
  bool broken_ = false;       // what still comes cannot be read as frames
  bool ended_ = false;
  size_t slot_ = 0;  // in home_->sessions

  std::vector<Output> sending_;  // the thread's: from sending_at_ on, the first less sent_bytes_
  size_t sending_at_ = 0, sent_bytes_ = 0;

  mutable Mutex mutex_;
  std::vector<Output> queue_ GUARDED_BY(mutex_);
  std::vector<std::pair<size_t, std::function<void()>>> waiters_ GUARDED_BY(mutex_);
  Listed listed_ GUARDED_BY(mutex_) = Listed::kNot;
  bool sealed_ GUARDED_BY(mutex_) = false;  // nothing may come behind the close frame
  std::atomic<size_t> queued_bytes_{0};
};

}  // namespace kalamdb::server
