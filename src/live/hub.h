// Live queries: subscriptions of connections, fed by the commit order. Every step is the same step back to catch-up.
//
// A subscription is in one state: snapshot(S) → catch-up from the partition's change log → live. Registering enters the
// registry first, then loads the view V, so that S = V.seq has no gap and no overlap; deliveries <= S are discarded.
// Nothing is queued in memory for one that is not live; a full queue, a slow reader, a resume and a long snapshot are
// all: back to catch-up.
//
// Hub is thread-safe. Frames of one connection leave in order through its FrameSink. The committer hands a group over
// and goes on (OnCommit never blocks): one shard thread judges, serialises once a group of equal subscriptions, and
// shares the bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/identity.h"
#include "base/error.h"
#include "base/executor.h"
#include "base/log.h"
#include "base/metrics.h"
#include "engine/engine.h"
#include "row/json.h"
#include "storage/commit.h"
#include "storage/database.h"

namespace kalamdb::live {

inline constexpr size_t kMaxFrameRows = 1'000;
inline constexpr size_t kMaxFrameBytes = 1u << 20;
inline constexpr uint32_t kDefaultBatchRows = 500;
inline constexpr size_t kShardQueueBytes = 64u << 20;  // above it the shard's subscriptions go to catch-up

// One text frame, encoded once, shared by all its receivers.
using Frame = std::shared_ptr<const std::string>;

// A connection's way out; implemented by the server. Thread-safe. Send and QueuedBytes are called under the hub's
// locks: they must not call the hub, nor take a lock that is held while the hub is called.
class FrameSink {
 public:
  virtual ~FrameSink() = default;
  // Appends to the connection's output; never blocks, never drops. `type` is the message's, for metrics.
  virtual void Send(Frame frame, std::string_view type) = 0;
  // The same for one of many frames that go to many connections at once: others may have their turn first, but nothing
  // that is sent to this connection afterwards.
  virtual void SendInTurn(Frame frame, std::string_view type) { Send(std::move(frame), type); }
  virtual size_t QueuedBytes() const = 0;  // not yet in the socket
  // Calls back (once, from any thread) when QueuedBytes() has fallen to `below` or less; at once if it has already.
  virtual void WhenDrained(size_t below, std::function<void()> callback) = 0;
};

using ConnectionId = uint64_t;

struct SubscribeOptions {
  bool snapshot = false;  // `options` given and no `from`
  uint32_t batch_size = kDefaultBatchRows;
  uint64_t last_rows = 0;
  std::optional<Seq> from;
};
struct SubscribeRequest {
  std::string id, sql, namespace_name;
  std::vector<row::JsonParam> params;
  SubscribeOptions options;
};

struct HubOptions {
  size_t queue_bytes = 8u << 20;  // limits.live_queue_bytes (a connection)
  uint32_t subscriptions_per_connection = 10'000;
  uint32_t subscriptions_per_user = 100'000;
  uint64_t snapshot_bytes = 1ull << 30;
  std::string spool_directory;
  uint32_t workers = 2;  // snapshots and catch-ups
  std::function<std::optional<auth::Role>(UserId)> role_of =
      {};  // now; nothing = the user was dropped. For OnUserChanged
};

struct LiveQueryRow {  // system.live_queries
  std::string live_id, subscription_id, user_name, namespace_name, table_name, query, options, state;
  ConnectionId connection = 0;
  UserId user;
  uint64_t changes = 0, queued_bytes = 0;
  Micros created_at = 0, last_event_at = 0;
};

class Hub : public storage::ChangeSink, public engine::DependentSubscriptions {
 public:
  static std::unique_ptr<Hub> Create(HubOptions options, engine::Engine* engine, storage::Database* database,
                                     const Clock* clock, Metrics* metrics, Logger* logger);

  virtual void Start() = 0;
  virtual void Stop() = 0;  // waits for its threads; sends nothing afterwards

  virtual ConnectionId Open(auth::Identity identity, std::shared_ptr<FrameSink> sink) = 0;
  virtual void SetIdentity(ConnectionId connection,
                           auth::Identity identity) = 0;  // a renewed token, a changed role: access is asked again
  virtual void Close(ConnectionId connection) = 0;        // nothing is sent after this returns

  // Answers by frames: subscription_ack, or error. Never blocks: compiling and reading happen on workers.
  virtual void Subscribe(ConnectionId connection, SubscribeRequest request) = 0;
  virtual void NextBatch(ConnectionId connection, std::string_view id) = 0;
  virtual void Unsubscribe(ConnectionId connection, std::string_view id) = 0;

  // Every subscription of the user is asked again (role, drop). Called when auth says so.
  virtual void OnUserChanged(UserId user) = 0;

  virtual std::vector<LiveQueryRow> List() const = 0;
};

// {"type":"error",…}: for the server too (bad JSON, unknown type …). `subscription_id` empty = absent.
Frame ErrorFrame(std::string_view subscription_id, const Error& error);

}  // namespace kalamdb::live
