// The event loop over Boost.Asio: readiness only, the bytes are read and written here by plain system calls.
#include "server/io_thread.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/executor.h"

namespace kalamdb::server {

namespace asio = boost::asio;

namespace {
thread_local const IoThread* current_thread = nullptr;
constexpr int kAcceptBatch = 64;  // new connections taken before others get their turn
}  // namespace

struct IoThread::Loop {
  Loop() : context(1), timer(context), listener(context) {}
  asio::io_context context;
  asio::steady_timer timer;
  asio::posix::stream_descriptor listener;
  std::thread thread;
};

IoThread::IoThread(std::string name)
    : name_(std::move(name)), loop_(std::make_unique<Loop>()), scratch_(new char[kScratchBytes]) {}

IoThread::~IoThread() { Stop(); }

void IoThread::Start() {
  loop_->thread = std::thread([this] { Run(); });
}

void IoThread::Run() {
  SetThreadName(name_);
  current_thread = this;
  Tick();
  loop_->context.run();
}

void IoThread::Stop() {
  if (!loop_->thread.joinable()) return;
  Post([this] {
    boost::system::error_code ignored;
    loop_->listener.close(ignored);
    loop_->timer.cancel();
    while (!owners_.empty()) {
      std::shared_ptr<SocketOwner> owner = owners_.back()->shared_from_this();
      owner->OnStop();
      Leave(owner.get());
    }
    loop_->context.stop();
  });
  loop_->thread.join();
}

bool IoThread::IsCurrent() const { return current_thread == this; }

void IoThread::Post(Task task) {
  asio::post(loop_->context, [task = std::move(task)]() mutable { task(); });
}

void IoThread::PostAfter(int64_t micros, Task task) {
  auto timer = std::make_shared<asio::steady_timer>(loop_->context, std::chrono::microseconds(micros));
  timer->async_wait([timer, task = std::move(task)](boost::system::error_code stopped) mutable {
    if (!stopped) task();
  });
}

void IoThread::Tick() {
  loop_->timer.expires_after(std::chrono::seconds(1));
  loop_->timer.async_wait([this](boost::system::error_code error) {
    if (error) return;
    ++now_s_;
    // Backwards: an owner that leaves during its tick is replaced by one that had its turn.
    for (size_t i = owners_.size(); i-- > 0;) {
      if (i < owners_.size()) owners_[i]->shared_from_this()->OnTick(now_s_);
    }
    Tick();
  });
}

void IoThread::Join(SocketOwner* owner) {
  owner->tick_slot_ = owners_.size();
  owners_.push_back(owner);
}

void IoThread::Leave(SocketOwner* owner) {
  if (owner->tick_slot_ == SIZE_MAX) return;
  owners_[owner->tick_slot_] = owners_.back();
  owners_[owner->tick_slot_]->tick_slot_ = owner->tick_slot_;
  owners_.pop_back();
  owner->tick_slot_ = SIZE_MAX;
}

void IoThread::Accept(int listen_fd, void* context, Accepted accepted) {
  accept_context_ = context;
  accepted_ = accepted;
  loop_->listener.assign(listen_fd);
  AcceptReady();
}

void IoThread::StopAccepting() {
  boost::system::error_code ignored;
  loop_->listener.close(ignored);
}

void IoThread::AcceptReady() {
  loop_->listener.async_wait(asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code error) {
    if (error) return;
    for (int i = 0; i < kAcceptBatch; ++i) {
      int fd = ::accept4(loop_->listener.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) {
        accepted_(accept_context_, fd);
      } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        // No descriptor is free: the peers wait in the kernel's queue instead of this loop spinning.
        auto pause = std::make_shared<asio::steady_timer>(loop_->context, std::chrono::milliseconds(100));
        pause->async_wait([this, pause](boost::system::error_code stopped) {
          if (!stopped && loop_->listener.is_open()) AcceptReady();
        });
        return;
      } else if (errno != EINTR && errno != ECONNABORTED) {
        break;
      }
    }
    AcceptReady();
  });
}

struct Socket::Handle {
  Handle(asio::io_context& context, int fd) : descriptor(context, fd) {}
  asio::posix::stream_descriptor descriptor;
};

Socket::Socket(IoThread* thread, int fd)
    : thread_(thread), handle_(std::make_unique<Handle>(thread->loop_->context, fd)) {}

Socket::~Socket() = default;

int64_t Socket::Read(char* data, size_t bytes) {
  for (;;) {
    ssize_t n = ::recv(handle_->descriptor.native_handle(), data, bytes, 0);
    if (n > 0) return n;
    if (n == 0) return kClosed;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return kWouldBlock;
    if (errno != EINTR) return kClosed;
  }
}

int64_t Socket::Write(const char* data, size_t bytes) {
  for (;;) {
    ssize_t n = ::send(handle_->descriptor.native_handle(), data, bytes, MSG_NOSIGNAL);
    if (n >= 0) return n;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return kWouldBlock;
    if (errno != EINTR) return kClosed;
  }
}

int64_t Socket::WriteV(const iovec* parts, size_t count) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts);
  message.msg_iovlen = count;
  for (;;) {
    ssize_t n = ::sendmsg(handle_->descriptor.native_handle(), &message, MSG_NOSIGNAL);
    if (n >= 0) return n;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return kWouldBlock;
    if (errno != EINTR) return kClosed;
  }
}

// The flags are the socket's, and a socket lives as long as its owner, which the handler keeps. A socket changes its
// owner only while nothing is due (HttpConnection::Upgrade).
void Socket::WaitReadable(std::shared_ptr<SocketOwner> owner) {
  if (read_due_ || !is_open()) return;
  read_due_ = true;
  handle_->descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                                 [this, owner = std::move(owner)](boost::system::error_code error) {
                                   if (error == asio::error::operation_aborted) return;
                                   read_due_ = false;
                                   owner->OnReadable();
                                 });
}

void Socket::WaitWritable(std::shared_ptr<SocketOwner> owner) {
  if (write_due_ || !is_open()) return;
  write_due_ = true;
  handle_->descriptor.async_wait(asio::posix::stream_descriptor::wait_write,
                                 [this, owner = std::move(owner)](boost::system::error_code error) {
                                   if (error == asio::error::operation_aborted) return;
                                   write_due_ = false;
                                   owner->OnWritable();
                                 });
}

void Socket::ShutdownWrites() { ::shutdown(handle_->descriptor.native_handle(), SHUT_WR); }

void Socket::Close() {
  boost::system::error_code ignored;
  handle_->descriptor.close(ignored);
}

bool Socket::is_open() const { return handle_->descriptor.is_open(); }

}  // namespace kalamdb::server
