// Metrics and connection limits shared by all connections.
#include "server/core.h"

namespace kalamdb::server {

Core::Core(ServerOptions server_options, std::string server_version, const Clock* c, Metrics* m, Logger* l)
    : options(std::move(server_options)),
      version(std::move(server_version)),
      origins(options.origins),
      clock(c),
      metrics(m),
      logger(l),
      slow({.name = "server_slow", .threads = 1, .queue_limit = 64, .metrics = m}) {
  const std::string connections = "kalamdb_connections";
  const std::string connections_help = "Open connections by kind";
  http_connections = metrics->AddGauge(connections, connections_help, {{"kind", "http"}});
  websocket_connections = metrics->AddGauge(connections, connections_help, {{"kind", "websocket"}});
  const std::string rejections = "kalamdb_rate_limit_rejections_total";
  const std::string rejections_help = "Requests, messages and connections refused by a limit";
  rate_limited_connections = metrics->AddCounter(rejections, rejections_help, {{"limit", "limits.connections"}});
  rate_limited_messages = metrics->AddCounter(rejections, rejections_help, {{"limit", "limits.messages_per_second"}});
  too_large_messages = metrics->AddCounter(rejections, rejections_help, {{"limit", "limits.message_bytes"}});
  const std::string messages = "kalamdb_websocket_messages_total";
  const std::string messages_help = "WebSocket messages by direction and type";
  for (size_t i = 0; i < kMessageTypes.size(); ++i) {
    const std::string type(kMessageTypes[i]);
    messages_in[i] = metrics->AddCounter(messages, messages_help, {{"direction", "in"}, {"type", type}});
    messages_out[i] = metrics->AddCounter(messages, messages_help, {{"direction", "out"}, {"type", type}});
  }
}

size_t Core::MessageSlot(std::string_view type) {
  for (size_t i = 1; i < kMessageTypes.size(); ++i) {
    if (kMessageTypes[i] == type) return i;
  }
  return 0;
}

bool Core::Admit(const std::string& address) {
  if (open_.fetch_add(1) >= options.connections && options.connections != 0) {
    open_.fetch_sub(1);
    return false;
  }
  if (options.connections_per_address == 0) return true;
  MutexLock lock(mutex_);
  uint32_t& open = by_address_[address];
  if (open >= options.connections_per_address) {
    open_.fetch_sub(1);
    return false;
  }
  ++open;
  return true;
}

void Core::Release(const std::string& address) {
  open_.fetch_sub(1);
  if (options.connections_per_address == 0) return;
  MutexLock lock(mutex_);
  auto it = by_address_.find(address);
  if (it != by_address_.end() && --it->second == 0) by_address_.erase(it);
}

void Core::SessionBegan() {
  websocket_connections.Add();
  MutexLock lock(mutex_);
  ++sessions_;
}

void Core::SessionEnded() {
  websocket_connections.Subtract();
  MutexLock lock(mutex_);
  --sessions_;
  session_ended_.NotifyAll();
}

void Core::WaitForSessions(Micros longest) {
  const Micros end = clock->MonotonicMicros() + longest;
  MutexLock lock(mutex_);
  for (Micros now = clock->MonotonicMicros(); sessions_ > 0 && now < end; now = clock->MonotonicMicros()) {
    session_ended_.WaitFor(mutex_, end - now);
  }
}

}  // namespace kalamdb::server
