// Reading, dispatching and writing of one connection.
#include "server/http_connection.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/error.h"

namespace kalamdb::server {

HttpReply::HttpReply(std::shared_ptr<HttpConnection> connection, ResponseForm form, std::string headers)
    : connection_(std::move(connection)), form_(form), headers_(std::move(headers)) {}

void HttpReply::Send(HttpResponse response) {
  response.headers += headers_;
  {
    MutexLock lock(mutex_);
    if (ended_) return;
    KALAM_CHECK(!begun_);
    AppendResponse(response, form_, &bytes_);
    begun_ = ended_ = true;
  }
  Wake();
}

void HttpReply::Begin(HttpResponse head) {
  head.headers += headers_;
  MutexLock lock(mutex_);
  KALAM_CHECK(!begun_);
  AppendStreamHead(head, form_, &bytes_);
  begun_ = true;
}

bool HttpReply::WaitForRoom(Micros limit) {
  const int64_t until_ns = StopwatchNanos() + limit * 1'000;
  MutexLock lock(mutex_);
  while (bytes_.size() > kMaxOutputBytes && !cancelled_) {
    const int64_t left_ns = until_ns - StopwatchNanos();
    if (left_ns <= 0) return false;
    room_.WaitFor(mutex_, left_ns / 1'000 + 1);
  }
  return !cancelled_;
}

bool HttpReply::Write(std::string_view bytes) {
  {
    MutexLock lock(mutex_);
    KALAM_CHECK(begun_ && !ended_);
    if (cancelled_) return false;
    AppendChunk(bytes, form_, &bytes_);
  }
  Wake();
  return true;
}

void HttpReply::End() {
  {
    MutexLock lock(mutex_);
    KALAM_CHECK(begun_ && !ended_);
    AppendLastChunk(form_, &bytes_);
    ended_ = true;
  }
  Wake();
}

void HttpReply::Wake() {
  if (connection_->thread()->IsCurrent()) {
    connection_->TakeReply(this);
    return;
  }
  {
    MutexLock lock(mutex_);
    if (posted_) return;
    posted_ = true;
  }
  // The connection keeps this reply until it has taken its end.
  connection_->thread()->Post([connection = connection_, this] {
    if (connection->reply_.get() == this) connection->TakeReply(this);
  });
}

HttpConnection::HttpConnection(RequestHandler* handler, std::unique_ptr<Socket> socket, Peer peer)
    : handler_(handler),
      thread_(socket->thread()),
      socket_(std::move(socket)),
      peer_(std::move(peer)),
      parser_(&request_, handler->max_body_bytes()) {}

HttpConnection::~HttpConnection() = default;

void HttpConnection::Start() {
  thread_->Join(this);
  deadline_s_ = thread_->now_s() + kRequestSeconds + 1;
  OnReadable();
}

ResponseForm HttpConnection::form() const {
  return {.keep_alive = request_.keep_alive && !closing_,
          .http_1_0 = request_.http_1_0,
          .without_body = request_.method == HttpMethod::kHead};
}

std::shared_ptr<HttpReply> HttpConnection::NewReply(std::string headers) {
  KALAM_CHECK(reply_ == nullptr);
  reply_ = std::make_shared<HttpReply>(self(), form(), std::move(headers));
  return reply_;
}

void HttpConnection::OnReadable() {
  if (!socket_ || !socket_->is_open()) return;
  if (lingering_) return ReadAway();
  for (int reads = 0; reads < 16; ++reads) {
    if (reply_ != nullptr && pending_.size() >= kMaxPipelinedBytes) break;
    int64_t n;
    if (pending_.empty()) {
      n = socket_->Read(thread_->scratch(), kScratchBytes);
      if (n > 0) Consume(std::string_view(thread_->scratch(), static_cast<size_t>(n)));
    } else {
      const size_t before = pending_.size();
      pending_.resize(before + kScratchBytes);
      n = socket_->Read(pending_.data() + before, kScratchBytes);
      pending_.resize(before + static_cast<size_t>(std::max<int64_t>(n, 0)));
      if (n > 0) Consume(pending_);
    }
    if (n == Socket::kClosed) {
      // A peer that has asked and then closed its side still gets what is already being written, but no query runs on
      // for it.
      if (reply_ != nullptr || pending_output() == 0) return Close();
      closing_ = true;
      break;
    }
    if (!socket_ || lingering_ || closing_) break;
    if (n < static_cast<int64_t>(kScratchBytes)) break;  // nothing more is there, or it will be told
  }
  if (socket_ == nullptr) return;
  Flush();
  Wait();
}

void HttpConnection::Consume(std::string_view input) {
  const bool in_pending = !pending_.empty();
  const size_t size = input.size();
  consuming_ = true;
  while (!input.empty() && reply_ == nullptr && !closing_ && pending_output() < kMaxOutputBytes) {
    if (!request_begun_) {
      const size_t blank =
          std::min(input.find_first_not_of("\r\n"), input.size());  // some clients end a body with a line
      input.remove_prefix(blank);
      if (input.empty()) break;
      request_begun_ = true;
      continued_ = false;
      deadline_s_ = thread_->now_s() + kRequestSeconds + 1;
    }
    size_t used = 0;
    const HttpParser::State state = parser_.Feed(input, &used);
    input.remove_prefix(used);
    if (state == HttpParser::State::kBad) {
      Refuse(400, parser_.problem());
    } else if (parser_.too_large()) {
      Refuse(413, "the body is longer than limits.body_bytes");
    } else if (state == HttpParser::State::kNeedMore) {
      SendContinue();
      break;
    } else if (!Dispatch(input)) {
      return;
    }
  }
  consuming_ = false;
  if (closing_) {
    pending_.clear();
  } else if (in_pending) {
    pending_.erase(0, size - input.size());
  } else {
    pending_.assign(input);
  }
  if (pending_.empty() && pending_.capacity() > kMaxPipelinedBytes) pending_ = {};
}

bool HttpConnection::Dispatch(std::string_view rest) {
  deadline_s_ = 0;
  const RequestHandler::Action action = handler_->Handle(this, request_, &out_);
  if (action == RequestHandler::Action::kAnswered) {
    FinishRequest();
  } else if (action == RequestHandler::Action::kUpgrade) {
    thread_->Leave(this);
    KALAM_CHECK(!socket_->waits());
    std::string out = out_.substr(out_sent_);
    handler_->Upgrade(std::move(socket_), request_, peer_, std::move(out), rest);
    return false;
  }
  return true;
}

void HttpConnection::SendContinue() {
  if (!parser_.header_done() || continued_ || !request_.Has(HttpHeader::kExpect) || request_.http_1_0) return;
  continued_ = true;
  if (parser_.body_seen() == 0) out_ += "HTTP/1.1 100 Continue\r\n\r\n";
}

void HttpConnection::Refuse(int status, std::string_view message) {
  closing_ = true;
  HttpResponse response{.status = status, .body = handler_->ErrorBody(status, message)};
  AppendResponse(response, {.keep_alive = false, .http_1_0 = false, .without_body = false}, &out_);
}

void HttpConnection::FinishRequest() {
  if (!request_.keep_alive) closing_ = true;
  request_begun_ = false;
  parser_.Reset();
  deadline_s_ = thread_->now_s() + kIdleSeconds;
}

void HttpConnection::TakeReply(HttpReply* reply) {
  if (reply_.get() != reply || !socket_ || !socket_->is_open()) return;
  bool ended;
  {
    MutexLock lock(reply->mutex_);
    reply->posted_ = false;
    if (pending_output() > kMaxOutputBytes) return;  // OnWritable comes back
    if (out_.empty()) {
      out_.swap(reply->bytes_);
    } else {
      out_ += reply->bytes_;
      reply->bytes_.clear();
    }
    ended = reply->ended_;
    reply->room_.NotifyAll();
  }
  std::shared_ptr<HttpReply> keep = ended ? std::move(reply_) : nullptr;
  if (ended) {
    reply_ = nullptr;
    if (!reply->form_.keep_alive) closing_ = true;
    FinishRequest();
  }
  if (!consuming_) Continue();
}

void HttpConnection::Continue() {
  if (reply_ == nullptr && !pending_.empty() && !closing_) Consume(pending_);
  if (socket_ == nullptr) return;
  Flush();
  Wait();
}

void HttpConnection::Flush() {
  while (out_sent_ < out_.size() && socket_->is_open()) {
    const int64_t n = socket_->Write(out_.data() + out_sent_, out_.size() - out_sent_);
    if (n == Socket::kClosed) return Close();
    if (n == Socket::kWouldBlock) {
      if (!request_begun_ || reply_ != nullptr) deadline_s_ = thread_->now_s() + kStalledWriteSeconds;
      socket_->WaitWritable(shared_from_this());
      return;
    }
    out_sent_ += static_cast<size_t>(n);
  }
  if (out_.capacity() > (64u << 10)) {
    out_ = {};
  } else {
    out_.clear();
  }
  out_sent_ = 0;
  if (closing_ && reply_ == nullptr && !lingering_ && socket_->is_open()) {
    lingering_ = true;
    deadline_s_ = thread_->now_s() + kReadAwaySeconds;
    socket_->ShutdownWrites();
  }
}

void HttpConnection::OnWritable() {
  if (!socket_ || !socket_->is_open()) return;
  Flush();
  if (!socket_->is_open() || pending_output() != 0) return;
  if (reply_ != nullptr) {
    deadline_s_ = 0;
    std::shared_ptr<HttpReply> reply = reply_;
    TakeReply(reply.get());
  } else {
    Continue();
  }
}

void HttpConnection::Wait() {
  if (!socket_->is_open()) return;
  if (!lingering_ && (pending_.size() >= kMaxPipelinedBytes || pending_output() >= kMaxOutputBytes)) return;
  socket_->WaitReadable(shared_from_this());
}

void HttpConnection::ReadAway() {
  for (int reads = 0; reads < 64; ++reads) {
    const int64_t n = socket_->Read(thread_->scratch(), kScratchBytes);
    if (n == Socket::kWouldBlock) break;
    if (n == Socket::kClosed || (read_away_ += static_cast<uint64_t>(n)) > kMaxReadAwayBytes) return Close();
  }
  Wait();
}

void HttpConnection::OnTick(uint32_t now_s) {
  if (deadline_s_ == 0 || now_s < deadline_s_) return;
  if (request_begun_ && reply_ == nullptr && !closing_) {
    Refuse(408, "the request was not complete 30 s after its first byte");
    Flush();
    if (socket_->is_open()) Wait();
    return;
  }
  Close();
}

void HttpConnection::Close() {
  if (socket_ == nullptr || !socket_->is_open()) return;
  if (reply_ != nullptr) {
    std::shared_ptr<HttpReply> reply = std::move(reply_);
    reply_ = nullptr;
    MutexLock lock(reply->mutex_);
    reply->cancelled_ = true;
    reply->room_.NotifyAll();
  }
  socket_->Close();
  thread_->Leave(this);
  handler_->OnConnectionClosed(peer_);
}

}  // namespace kalamdb::server
