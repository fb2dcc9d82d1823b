// One I/O thread: an event loop, its tick once a second, a scratch buffer for reads, and the sockets that live on it.
//
// A socket belongs to one thread for its whole life; everything about it happens there, so connections need no locks.
// Post and IsCurrent may be called from any thread, all else only on the thread itself (or before Start). Hides
// Boost.Asio.
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/task.h"

namespace kalamdb::server {

inline constexpr size_t kScratchBytes = 64 << 10;  // one read takes at most this much

// What a socket tells its owner. Calls come on the socket's thread.
class SocketOwner : public std::enable_shared_from_this<SocketOwner> {
 public:
  virtual ~SocketOwner() = default;
  virtual void OnReadable() = 0;
  virtual void OnWritable() = 0;
  virtual void OnTick(uint32_t now_s) = 0;  // about once a second
  virtual void OnStop() = 0;                // the thread ends: close

 private:
  friend class IoThread;
  size_t tick_slot_ = SIZE_MAX;
};

class IoThread {
 public:
  explicit IoThread(std::string name);
  ~IoThread();  // Stop()
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;

  void Start();
  void Stop();  // closes what is open, waits for the thread; posted tasks that did not run are dropped

  bool IsCurrent() const;
  void Post(Task task);
  void PostAfter(int64_t micros, Task task);  // on the thread itself

  // Calls `accepted` with each new connection (non-blocking, close-on-exec) of a listening socket, which it then owns.
  using Accepted = void (*)(void* context, int fd);
  void Accept(int listen_fd, void* context, Accepted accepted);
  void StopAccepting();

  // Ticks come from the next second on, until Leave.
  void Join(SocketOwner* owner);
  void Leave(SocketOwner* owner);

  uint32_t now_s() const { return now_s_; }  // seconds since Start, coarse
  char* scratch() { return scratch_.get(); }

 private:
  friend class Socket;
  struct Loop;
  void Run();
  void Tick();
  void AcceptReady();

  const std::string name_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<char[]> scratch_;
  uint32_t now_s_ = 0;
  std::vector<SocketOwner*> owners_;
  void* accept_context_ = nullptr;
  Accepted accepted_ = nullptr;
};

// A connected, non-blocking stream socket on an I/O thread. Closed when destroyed.
class Socket {
 public:
  Socket(IoThread* thread, int fd);
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // Bytes read or written; kWouldBlock; kClosed (end of stream, reset …).
  static constexpr int64_t kWouldBlock = -1, kClosed = -2;
  int64_t Read(char* data, size_t bytes);
  int64_t Write(const char* data, size_t bytes);
  int64_t WriteV(const iovec* parts, size_t count);

  // One call of OnReadable / OnWritable each; asking again while one is due does nothing. Keeps the owner alive until
  // then.
  void WaitReadable(std::shared_ptr<SocketOwner> owner);
  void WaitWritable(std::shared_ptr<SocketOwner> owner);

  void ShutdownWrites();  // the peer sees the end of the stream
  void Close();
  bool is_open() const;
  bool waits() const { return read_due_ || write_due_; }
  IoThread* thread() const { return thread_; }

 private:
  struct Handle;
  IoThread* const thread_;
  std::unique_ptr<Handle> handle_;
  bool read_due_ = false, write_due_ = false;
};

}  // namespace kalamdb::server
