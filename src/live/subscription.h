// A connection and a subscription as the hub keeps them. Private to live/.
//
// Who may touch what:
//   (hub)   guarded by the hub's mutex
//   (out)   guarded by the connection's `out` mutex, taken after the hub's, never before it
//   (actor) belongs to the subscription's one running step; while it is live there is none, and the shard moves it only
//   under
//           the hub's mutex
// A subscription that is not live is an actor: at most one step runs at a time, on a worker
// (SubscriptionHub::Schedule).
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "live/frames.h"
#include "live/hub.h"
#include "live/snapshot_spool.h"

namespace kalamdb::live {

struct Subscription;
struct Group;
struct Partition;
using SubscriptionPtr = std::shared_ptr<Subscription>;

struct Connection {
  ConnectionId id = 0;
  std::shared_ptr<FrameSink> sink;
  auth::Identity identity;                                            // (hub)
  std::map<std::string, SubscriptionPtr, std::less<>> subscriptions;  // (hub)
  Mutex out;
  bool closed GUARDED_BY(out) = false;
  std::vector<SubscriptionPtr> drain_waiters GUARDED_BY(out);  // go on when the socket has drained
};
using ConnectionPtr = std::shared_ptr<Connection>;

// What the next step does.
enum class Phase : uint8_t {
  kStart,     // compile, register, load the view, ack
  kSnapshot,  // read it into the spool
  kBatches,   // hand the spool out as far as credit goes
  kCatchUp,   // read the change log up to now, then go live
  kLive,      // the shard delivers
};
std::string_view PhaseName(Phase phase);

struct Subscription {
  const uint64_t live_id;
  const ConnectionPtr connection;
  const SubscribeRequest request;
  const std::string id_json;
  const UserId user;
  const Micros created_at;

  Phase phase = Phase::kStart;     // (hub)
  engine::LiveSelectPtr select;    // (hub) to write, (actor) to read
  Partition* partition = nullptr;  // (hub) registered there from before its view was loaded
  Group* group = nullptr;          // (hub) while live
  size_t slot = 0;                 // (hub) its place among the group's members of this id
  Seq position;                    // (hub while live, else actor) everything up to here was sent or does not concern it
  bool slow = false;               // (hub) it fell behind: a truncated log is then its slowness

  std::atomic<bool> ended{false};  // written under (hub) and (out): nothing is sent afterwards
  std::atomic<uint32_t> pending_steps{0};
  std::atomic<uint32_t> credits{2};  // batches that may be sent: two go unasked
  std::atomic<uint64_t> changes{0};  // rows delivered
  std::atomic<Micros> last_event_at{0};

  // (actor)
  UserId partition_user;               // kSharedUser for shared tables; since it was registered
  storage::ReadViewPtr snapshot_view;  // kSnapshot only: given up when the spool is full
  Seq snapshot_seq;
  std::unique_ptr<SnapshotSpool> spool;
  size_t next_batch = 0;
  uint32_t live_attempts = 0;
  // A bulk commit of which a part was sent when the socket was full: changes already judged, and the frame held back.
  uint64_t skip_changes = 0;
  std::optional<ChangeChunk> held;
};

}  // namespace kalamdb::live
