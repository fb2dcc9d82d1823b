// What all connections of a server share: options, state, services, metrics. Private to server/.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/executor.h"
#include "base/mutex.h"
#include "server/origins.h"
#include "server/server.h"

namespace kalamdb::server {

enum class Phase : uint8_t { kStarting, kServing, kDraining };

// Types of WebSocket messages that metrics tell apart; all others count as `other`.
inline constexpr std::array<std::string_view, 16> kMessageTypes = {"other",
                                                                   "authenticate",
                                                                   "auth_success",
                                                                   "auth_error",
                                                                   "auth_expiring",
                                                                   "subscribe",
                                                                   "next_batch",
                                                                   "unsubscribe",
                                                                   "ping",
                                                                   "pong",
                                                                   "subscription_ack",
                                                                   "initial_data_batch",
                                                                   "change",
                                                                   "schema_change",
                                                                   "error",
                                                                   "subscription_closed"};

// Constant after construction but for the atomics; `services` is set before `phase` says kServing.
struct Core {
  Core(ServerOptions server_options, std::string server_version, const Clock* c, Metrics* m, Logger* l);

  const ServerOptions options;
  const std::string version;
  const Origins origins;
  const Clock* const clock;
  Metrics* const metrics;
  Logger* const logger;
  Services services;
  std::atomic<Phase> phase{Phase::kStarting};

  Executor slow;  // /metrics: reading counters of other libraries may take locks
  Gauge http_connections, websocket_connections;
  Counter rate_limited_connections, rate_limited_messages, too_large_messages;
  std::array<Counter, kMessageTypes.size()> messages_in, messages_out;
  static size_t MessageSlot(std::string_view type);

  // Limits of connections; every Admit that was true is followed by one Release.
  bool Admit(const std::string& address);
  void Release(const std::string& address);

  // Sessions of sockets, so that a stop can wait until their close frames were answered.
  void SessionBegan() EXCLUDES(mutex_);
  void SessionEnded() EXCLUDES(mutex_);
  void WaitForSessions(Micros longest) EXCLUDES(mutex_);

 private:
  std::atomic<uint32_t> open_{0};
  Mutex mutex_;
  std::map<std::string, uint32_t> by_address_ GUARDED_BY(mutex_);
  CondVar session_ended_;
  size_t sessions_ GUARDED_BY(mutex_) = 0;
};

}  // namespace kalamdb::server
