// Interleavings of registering, committing and going live, fixed by sync points; and a random model of many
// subscriptions.
#include <atomic>
#include <thread>

#include "base/random.h"
#include "live/hub_testing.h"
#include "row/byte_order.h"

namespace kalamdb::live {
namespace {

class HubRaceTest : public LiveFixture {
 protected:
  // A commit runs to its end while a subscription stands at `place`.
  void CommitWhileSubscriptionIsAt(const char* place, bool other_is_live) {
    SCOPED_TRACE(place);
    Put(1, "a", 1);
    Client client = Connect();
    if (other_is_live) {  // then the partition is known and its commits go through the shard
      hub_->Subscribe(client.id, Request("other", "t|"));
      ASSERT_TRUE(WaitLive(client, "other"));
    }
    {
      std::atomic<bool> done{false};
      ScopedFailpoint point(place, [&]() -> Status {
        if (!done.exchange(true)) {
          Put(2, "a", 2);
          Put(1, "b", 3);
        }
        return {};
      });
      hub_->Subscribe(client.id, Request("s", "t|room=a"));
      ASSERT_TRUE(WaitLive(client, "s"));
    }
    Put(3, "a", 4);
    ExpectSame(client, "s", "t|room=a");
    Delete(1);
    Delete(2);
    Delete(3);
    ExpectSame(client, "s", "t|room=a");
    hub_->Close(client.id);
  }
};

// register_during_commit_no_gap_no_overlap: the commit falls between any two steps of the subscription.
TEST_F(HubRaceTest, RegisterDuringCommitNoGapNoOverlap) {
  for (const char* place : {"live.before_register", "live.after_register", "live.after_view", "live.before_snapshot",
                            "live.catch_up", "live.before_go_live"}) {
    CommitWhileSubscriptionIsAt(place, /*other_is_live=*/false);
    CommitWhileSubscriptionIsAt(place, /*other_is_live=*/true);
  }
}

// A DROP COLUMN between its check and its commit: who would name the column waits, and starts when that is over.
TEST_F(HubRaceTest, SubscriptionWaitsWhileItsColumnIsHeld) {
  Put(1, "a", 1);
  Client client = Connect();
  const ColumnId room = table_->schema()->column(1).id;
  std::shared_ptr<void> hold = hub_->HoldColumns(table_->id, {room});
  {
    ScopedFailpoint point("live.held", "signal:held");
    hub_->Subscribe(client.id, Request("named", "t|room=a"));
    WaitForPoint("held");
  }
  hub_->Subscribe(client.id, Request("all", "t|"));
  ASSERT_TRUE(WaitLive(client, "all")) << "it names no column";
  EXPECT_TRUE(hub_->NamingColumn(table_->id, room).empty());
  hold.reset();
  ASSERT_TRUE(WaitLive(client, "named"));
  EXPECT_EQ(hub_->NamingColumn(table_->id, room).size(), 1u);
  ExpectSame(client, "named", "t|room=a");

  hold = hub_->HoldColumns(table_->id, {room});
  hub_->Subscribe(client.id, Request("late", "t|room=a"));
  hub_->Close(client.id);  // while it waits, or before
  hold.reset();
  EXPECT_TRUE(hub_->List().empty());
}

// The other order: the view is swapped, then a whole subscription runs, then the shard gets the group.
TEST_F(HubRaceTest, RegisterBetweenSwapAndHandOver) {
  Put(1, "a", 1);
  Client client = Connect();
  hub_->Subscribe(client.id, Request("other", "t|"));
  ASSERT_TRUE(WaitLive(client, "other"));
  for (const char* place : {"live.on_commit", "live.before_deliver"}) {
    SCOPED_TRACE(place);
    const std::string id = std::string("s") + place;
    {
      std::atomic<bool> done{false};
      ScopedFailpoint point(place, [&]() -> Status {
        if (done.exchange(true)) return {};
        hub_->Subscribe(client.id, Request(id, "t|"));
        EXPECT_TRUE(client.sink->WaitFor(id, [](const Replica& r) { return r.ready(); }));
        return {};
      });
      Put(2, "a", static_cast<int64_t>(id.size()));
      ASSERT_TRUE(WaitLive(client, id));
    }
    Put(3, "a", static_cast<int64_t>(id.size()));
    ExpectSame(client, id, "t|");
    ExpectSame(client, "other", "t|");
  }
}

// An ALTER moves groups in turns: who comes, goes, writes or alters between two of them is right at once and after.
TEST_F(HubRaceTest, BetweenTheTurnsOfAnAlter) {
  constexpr int kRooms = 150;
  const auto room = [](int i) { return "room" + std::to_string(i); };
  std::vector<Client> clients;
  for (int i = 0; i < kRooms; ++i) {
    clients.push_back(Connect());
    hub_->Subscribe(clients.back().id, Request("s", "t|room=" + room(i)));
    ASSERT_TRUE(WaitLive(clients.back(), "s"));
  }
  Client late = Connect();
  std::atomic<int> turns{0};
  {
    ScopedFailpoint point("live.move_turn", [&]() -> Status {
      if (turns.fetch_add(1) != 1) return {};
      for (int i = 0; i < 20; ++i) hub_->Unsubscribe(clients[i].id, "s");
      for (int i = 20; i < 40; ++i) hub_->Close(clients[i].id);
      hub_->Subscribe(late.id, Request("late", "t|"));
      EXPECT_TRUE(late.sink->WaitFor("late", [](const Replica& r) { return r.ready(); }));
      for (int i = 40; i < kRooms; ++i) {  // asks what a group does that has moved, or has not
        hub_->Subscribe(late.id, Request(room(i), "t|room=" + room(i)));
        EXPECT_TRUE(WaitLive(late, room(i)));
      }
      for (int i = 0; i < kRooms; ++i) Put(i, room(i), i);
      Alter(table_, AddColumn("more", 8));
      for (int i = 0; i < kRooms; ++i) Put(i, room(i), i + 1);
      return {};
    });
    Alter(table_, AddColumn("extra", 9));
    for (int i = 40; i < kRooms; ++i) {
      ASSERT_TRUE(clients[i].sink->WaitFor("s", [](const Replica& r) { return r.Count("change") == 2; })) << i;
    }
  }
  for (int i = 40; i < kRooms; ++i) ExpectSame(clients[i], "s", "t|room=" + room(i));
  EXPECT_GE(turns.load(), 4) << "the groups of an ALTER are more than a turn";
  const std::vector<std::string> expected = {"subscription_ack", "initial_data_batch", "schema_change",
                                             "change",           "schema_change",      "change"};
  const std::vector<std::string> expected_late = {"subscription_ack", "initial_data_batch", "change", "schema_change",
                                                  "change"};
  for (int i = 40; i < kRooms; ++i) {
    ExpectSame(late, room(i), "t|room=" + room(i));
    EXPECT_EQ(clients[i].sink->Of("s").types(), expected) << i;
    EXPECT_EQ(late.sink->Of(room(i)).types(), expected_late) << i;
  }
  for (int i = 0; i < 40; ++i) EXPECT_LE(clients[i].sink->Of("s").Count("schema_change"), 1u) << i;
  ExpectSame(late, "late", "t|");
  EXPECT_EQ(late.sink->Of("late").Count("schema_change"), 1u) << "its first version is that of the ALTER under way";
}

// A subscription that loses the race for going live again and again is taken over by the shard.
TEST_F(HubRaceTest, GoesLiveUnderSteadyWrites) {
  Client client = Connect();
  hub_->Subscribe(client.id, Request("other", "t|"));
  ASSERT_TRUE(WaitLive(client, "other"));
  std::atomic<int64_t> n{0};
  ScopedFailpoint point("live.before_go_live", [&]() -> Status {
    if (n.load() >= 40) return {};
    Put(n % 5, "a", n);
    ++n;
    for (int i = 0; i < 100'000; ++i) {  // until the shard has judged it
      if (client.sink->Of("other").seq() >= db_->View()->seq.value) break;
      std::this_thread::yield();
    }
    return {};
  });
  SubscribeRequest request = Request("s", "t|");
  request.options.snapshot = false;
  request.options.from = db_->View()->seq;
  client.sink->Begin("s", client.sink->Of("other"));
  Put(1, "a", 1);
  hub_->Subscribe(client.id, request);
  ASSERT_TRUE(WaitLive(client, "s"));
  EXPECT_GE(n.load(), 1);
  Put(99, "a", 1);
  ExpectSame(client, "s", "t|");
}

// The shard stands still until its queue has dropped groups; what they held comes from the log.
TEST_F(HubRaceTest, AFullDeliveryQueueSendsAllBackToCatchUp) {
  Client client = Connect();
  hub_->Subscribe(client.id, Request("s", "t|n>10"));
  ASSERT_TRUE(WaitLive(client, "s"));
  std::atomic<bool> blocked{true};
  {
    ScopedFailpoint point("live.before_deliver", [&]() -> Status {
      while (blocked.load()) std::this_thread::yield();
      return {};
    });
    for (int64_t i = 0; i < 70; ++i) Put(i, std::string(1u << 20, 'x'), i % 10);
    Put(100, "a", 100);
    for (int64_t i = 0; i < 70; ++i) Put(i, std::string(1u << 20, 'y'), i % 10);
    Put(101, "a", 101);
    blocked.store(false);
    ExpectSame(client, "s", "t|n>10");
  }
  EXPECT_EQ(client.sink->Of("s").Count("change"), 2u);
  EXPECT_EQ(client.sink->Of("s").Count("resync_required"), 0u);
  EXPECT_EQ(metrics_.Serialize().find("kalamdb_live_shard_overflows_total 0"), std::string::npos);
}

// Writers, slow sockets, resumes, ALTERs and flushes at random: each client's replay equals a SELECT in the end.
class HubModelTest : public LiveFixture {
 protected:
  HubModelTest() { queue_bytes_ = 20'000; }

  struct Watch {
    Client client;
    std::string id, sql;
    bool own = false;
  };

  void WriteSome(uint64_t seed, UserId user, int commits) {
    SeededRandom random(seed);
    for (int i = 0; i < commits; ++i) {
      std::vector<Change> changes;
      std::map<int64_t, bool> ids;
      const uint64_t count = random.Below(12) == 0 ? 300 : 1 + random.Below(4);
      for (uint64_t c = 0; c < count; ++c) {
        const auto id = static_cast<int64_t>(random.Below(400));
        if (!ids.emplace(id, true).second) continue;
        Change change{id, std::nullopt};
        if (random.Below(4) != 0) {
          change.value = {std::string(1, static_cast<char>('a' + random.Below(4))),
                          static_cast<int64_t>(random.Below(20))};
        }
        changes.push_back(std::move(change));
      }
      const bool own = random.Below(3) == 0;
      Write(own ? own_table_ : table_, changes, own ? user : kSharedUser);
    }
  }

  Watch NewWatch(SeededRandom& random, int number) {
    static constexpr const char* kFilters[] = {"", "room=a", "room=b", "n>10", "room=c n>5"};
    Watch watch;
    watch.client = Connect(UserId(1 + random.Below(3)));
    watch.id = "s" + std::to_string(number);
    watch.own = random.Below(3) == 0;
    watch.sql = std::string(watch.own ? "own|" : "t|") + kFilters[random.Below(5)];
    SubscribeRequest request = Request(watch.id, watch.sql);
    request.options.batch_size = 1'000;
    hub_->Subscribe(watch.client.id, request);
    return watch;
  }

  // The client goes away and comes back with what it has.
  void Resume(Watch& watch) {
    const Replica before = watch.client.sink->Of(watch.id);
    if (!before.ready()) return;
    const UserId user = watch.client.user;
    hub_->Close(watch.client.id);
    const Replica last = watch.client.sink->Of(watch.id);  // nothing came after Close
    watch.client = Connect(user);
    watch.client.sink->Begin(watch.id, last);
    SubscribeRequest request = Request(watch.id, watch.sql);
    request.options.snapshot = false;
    request.options.from = Seq(last.seq());
    hub_->Subscribe(watch.client.id, request);
  }
};

TEST_F(HubModelTest, EachReplayEqualsASelect) {
  uint8_t bytes[8];
  SystemRandom().Fill(bytes);
  const uint64_t seed = row::LoadLittle<uint64_t>(reinterpret_cast<const char*>(bytes));
  SCOPED_TRACE("seed " + std::to_string(seed));
  SeededRandom random(seed);
  std::atomic<int> running{3};
  std::vector<std::thread> writers;
  for (uint64_t user = 1; user <= 3; ++user) {
    writers.emplace_back([this, &running, seed, user] {
      WriteSome(seed + user, UserId(user), 300);
      --running;
    });
  }
  std::vector<Watch> watches;
  int alters = 0;
  for (int round = 0; running.load() > 0; ++round) {
    if (watches.size() < 40) watches.push_back(NewWatch(random, round));
    Watch& watch = watches[random.Below(watches.size())];
    const uint64_t what = random.Below(20);
    if (what < 4) watch.client.sink->Stall(queue_bytes_ + 1);
    if (what >= 4 && what < 12) watch.client.sink->Drain();
    if (what == 12 || what == 13) Resume(watch);
    if (what == 14 && alters < 5) {
      Alter(table_, AddColumn("c" + std::to_string(alters), alters));
      ++alters;
    }
    if (what == 15) ASSERT_TRUE(db_->FlushTable(table_->id, true).ok());
    std::this_thread::yield();
  }
  for (std::thread& writer : writers) writer.join();
  for (Watch& watch : watches) watch.client.sink->Drain();
  for (Watch& watch : watches) {
    ASSERT_TRUE(WaitLive(watch.client, watch.id)) << watch.id;
    ExpectSame(watch.client, watch.id, watch.sql);
  }
}

}  // namespace
}  // namespace kalamdb::live
