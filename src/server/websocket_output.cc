// The output side of sessions: queueing from any thread, one scattered write a tick on the I/O thread.
#include <sys/uio.h>

#include <algorithm>
#include <utility>

#include "server/websocket_session.h"

namespace kalamdb::server {

void ThreadSockets::MarkDirty(std::shared_ptr<WebSocketSession> session) {
  {
    MutexLock lock(mutex_);
    dirty_.push_back(std::move(session));
    if (posted_) return;
    posted_ = true;
  }
  thread_->Post([this] { FlushDirty(); });
}

void ThreadSockets::FlushDirty() {
  std::vector<std::shared_ptr<WebSocketSession>> dirty;
  {
    MutexLock lock(mutex_);
    posted_ = false;
    dirty.swap(dirty_);
  }
  for (const std::shared_ptr<WebSocketSession>& session : dirty) session->Flush();
}

void ThreadSockets::MarkWaiting(std::shared_ptr<WebSocketSession> session) {
  {
    MutexLock lock(mutex_);
    waiting_.push_back(std::move(session));
    if (turn_due_) return;
    turn_due_ = true;
  }
  thread_->Post([this] { FlushTurn(); });
}

void ThreadSockets::FlushTurn() {
  std::vector<std::shared_ptr<WebSocketSession>> turn;
  bool more = false;
  {
    MutexLock lock(mutex_);
    while (!waiting_.empty() && turn.size() < kSessionsATurn) {
      turn.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    more = turn_due_ = !waiting_.empty();
  }
  const Micros begin = clock_->MonotonicMicros();
  for (const std::shared_ptr<WebSocketSession>& session : turn) session->FlushInTurn();
  if (!more) return;
  const Micros took = clock_->MonotonicMicros() - begin;
  thread_->PostAfter(std::clamp<Micros>(3 * took, 1, kLongestTurnPause), [this] { FlushTurn(); });
}

void WebSocketSession::Send(live::Frame frame, std::string_view type) {
  core_->messages_out[Core::MessageSlot(type)].Add();
  Queue(Opcode::kText, std::move(frame), false);
}

void WebSocketSession::SendInTurn(live::Frame frame, std::string_view type) {
  core_->messages_out[Core::MessageSlot(type)].Add();
  Queue(Opcode::kText, std::move(frame), false, Listed::kWaiting);
}

void WebSocketSession::Queue(Opcode opcode, live::Frame payload, bool last, Listed list) {
  const FrameHeader header = MakeFrameHeader(opcode, payload->size());
  {
    MutexLock lock(mutex_);
    if (sealed_) return;
    sealed_ = last;
    queued_bytes_ += header.size + payload->size();
    queue_.push_back({header, std::move(payload)});
    if (listed_ >= list) return;
    listed_ = list;
  }
  auto self = std::static_pointer_cast<WebSocketSession>(shared_from_this());
  if (list == Listed::kDirty) {
    home_->MarkDirty(std::move(self));
  } else {
    home_->MarkWaiting(std::move(self));
  }
}

void WebSocketSession::WhenDrained(size_t below, std::function<void()> callback) {
  {
    MutexLock lock(mutex_);
    if (sealed_) return;
    if (QueuedBytes() > below) {
      waiters_.emplace_back(below, std::move(callback));
      return;
    }
  }
  callback();
}

void WebSocketSession::FlushInTurn() {
  {
    MutexLock lock(mutex_);
    if (listed_ != Listed::kWaiting) return;
  }
  Flush();
}

void WebSocketSession::Flush() {
  for (;;) {
    {
      MutexLock lock(mutex_);
      listed_ = Listed::kNot;
      if (sending_at_ == sending_.size()) {
        sending_.clear();
        sending_at_ = 0;
        sending_.swap(queue_);
      }
    }
    if (ended_ || sending_.empty()) break;
    iovec parts[kMaxWriteParts];
    const size_t count = FillParts(parts);
    const int64_t n = socket_->WriteV(parts, count);
    if (n == Socket::kClosed) return End();
    if (n == Socket::kWouldBlock) {
      socket_->WaitWritable(shared_from_this());
      break;
    }
    Wrote(static_cast<size_t>(n));
  }
  if (sending_at_ == sending_.size() && sending_.capacity() > 8) {
    sending_ = {};
    sending_at_ = 0;
  }
  if (closing_ && !ended_ && QueuedBytes() == 0) {
    if (peer_closed_) return End();
    if (broken_) socket_->ShutdownWrites();
  }
  // Reading had stopped while too much was queued.
  if (!ended_ && QueuedBytes() <= kUnreadOutputBytes) socket_->WaitReadable(shared_from_this());
  TellDrained();
}

size_t WebSocketSession::FillParts(iovec* parts) const {
  size_t count = 0;
  size_t skip = sent_bytes_;
  auto add = [&](const char* data, size_t size) {
    if (skip >= size) {
      skip -= size;
      return;
    }
    parts[count++] = {const_cast<char*>(data + skip), size - skip};
    skip = 0;
  };
  for (size_t i = sending_at_; i < sending_.size() && count + 2 <= kMaxWriteParts; ++i) {
    add(sending_[i].header.bytes, sending_[i].header.size);
    add(sending_[i].payload->data(), sending_[i].payload->size());
  }
  return count;
}

void WebSocketSession::Wrote(size_t bytes) {
  // Who takes what is written is there, though its pongs are not read meanwhile.
  if (QueuedBytes() > kUnreadOutputBytes) last_input_s_ = home_->thread()->now_s();
  queued_bytes_ -= bytes;
  sent_bytes_ += bytes;
  while (sending_at_ < sending_.size() && sent_bytes_ >= sending_[sending_at_].size()) {
    sent_bytes_ -= sending_[sending_at_].size();
    sending_[sending_at_].payload.reset();
    ++sending_at_;
  }
}

void WebSocketSession::TellDrained() {
  std::vector<std::function<void()>> ready;
  {
    MutexLock lock(mutex_);
    if (waiters_.empty()) return;
    auto due =
        std::partition(waiters_.begin(), waiters_.end(), [this](auto& waiter) { return QueuedBytes() > waiter.first; });
    for (auto it = due; it != waiters_.end(); ++it) ready.push_back(std::move(it->second));
    waiters_.erase(due, waiters_.end());
  }
  for (std::function<void()>& callback : ready) callback();
}

void WebSocketSession::OnWritable() {
  if (ended_) return;
  Flush();
  if (!ended_ && QueuedBytes() <= kUnreadOutputBytes) socket_->WaitReadable(shared_from_this());
}

}  // namespace kalamdb::server
