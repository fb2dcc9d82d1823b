// The hub over a real database: snapshot and changes, in and out of filters, resume, isolation, schema changes, limits.
#include <thread>

#include "live/hub_testing.h"

namespace kalamdb::live {
namespace {

class HubTest : public LiveFixture {};

TEST_F(HubTest, SnapshotThenChangesInOrder) {
  Put(1, "a", 1);
  Put(2, "b", 2);
  Client client = Connect();
  hub_->Subscribe(client.id, Request("s", "t|"));
  ASSERT_TRUE(client.sink->WaitFor("s", [](const Replica& r) { return r.ready(); }));
  EXPECT_EQ(client.sink->Of("s").rows().size(), 2u);
  Put(3, "a", 3);
  Put(1, "a", 10);
  Delete(2);
  ExpectSame(client, "s", "t|");
  const Replica replica = client.sink->Of("s");
  const std::vector<std::string> expected = {"subscription_ack", "initial_data_batch", "change", "change", "change"};
  EXPECT_EQ(replica.types(), expected);
}

TEST_F(HubTest, FramesHaveTheSpecifiedShape) {
  Client client = Connect();
  hub_->Subscribe(client.id, Request("s\"1", "t|room=a"));
  ASSERT_TRUE(client.sink->WaitFor("s\"1", [](const Replica& r) { return r.ready(); }));
  Put(1, "a", 1);
  Put(1, "a", 2);
  Put(1, "b", 2);
  ASSERT_TRUE(client.sink->WaitFor("s\"1", [](const Replica& r) { return r.Count("change") == 3; }));
  const std::vector<std::string> frames = client.sink->frames();
  const uint64_t last = client.sink->Of("s\"1").seq();
  const auto seq = [&](uint64_t back) { return std::to_string(last - back); };
  EXPECT_EQ(frames[0],
            R"({"type":"subscription_ack","subscription_id":"s\"1","total_rows":0,"schema":[)"
            R"({"name":"id","data_type":"BigInt","index":0,"flags":["pk"]},)"
            R"({"name":"room","data_type":"Text","index":1},{"name":"n","data_type":"BigInt","index":2}],)"
            R"("schema_version":1,"seq":")" +
                seq(3) + R"(","batch_control":{"batch_num":0,"has_more":true,"status":"loading","last_seq_id":null}})");
  EXPECT_EQ(frames[1], R"({"type":"initial_data_batch","subscription_id":"s\"1","rows":[],)"
                       R"("batch_control":{"batch_num":0,"has_more":false,"status":"ready","last_seq_id":")" +
                           seq(3) + R"("}})");
  EXPECT_EQ(frames[2], R"({"type":"change","subscription_id":"s\"1","change_type":"insert",)"
                       R"("rows":[{"id":"1","room":"a","n":"1","_seq":")" +
                           seq(2) + R"("}],"seq":")" + seq(2) + "\"}");
  EXPECT_EQ(frames[3], R"({"type":"change","subscription_id":"s\"1","change_type":"update",)"
                       R"("rows":[{"id":"1","room":"a","n":"2","_seq":")" +
                           seq(1) + R"("}],"old_values":[{"id":"1","n":"1","_seq":")" + seq(2) + R"("}],"seq":")" +
                           seq(1) + "\"}");
  EXPECT_EQ(frames[4], R"({"type":"change","subscription_id":"s\"1","change_type":"delete","reason":"left_filter",)"
                       R"("old_values":[{"id":"1","room":"a","n":"2","_seq":")" +
                           seq(1) + R"("}],"seq":")" + seq(0) + "\"}");
}

TEST_F(HubTest, OneCommitComesAsOneFrameAKindDeletesFirst) {
  Write(table_, {{1, std::pair("a", 1)}, {2, std::pair("a", 2)}, {3, std::pair("a", 3)}});
  Client client = Connect();
  hub_->Subscribe(client.id, Request("s", "t|room=a"));
  ASSERT_TRUE(WaitLive(client, "s"));
  Write(table_, {{1, std::nullopt}, {2, std::pair("b", 2)}, {3, std::pair("a", 4)}, {4, std::pair("a", 4)}});
  ExpectSame(client, "s", "t|room=a");
  std::vector<std::string> frames = client.sink->frames();
  ASSERT_EQ(frames.size(), 6u);
  EXPECT_NE(frames[2].find(R"("change_type":"delete","old_values")"), std::string::npos);
  EXPECT_NE(frames[3].find(R"("reason":"left_filter")"), std::string::npos);
  EXPECT_NE(frames[4].find(R"("change_type":"update")"), std::string::npos);
  EXPECT_NE(frames[5].find(R"("change_type":"insert")"), std::string::npos);
  const std::string last = std::to_string(client.sink->Of("s").seq());
  const std::string before = std::to_string(client.sink->Of("s").seq() - 1);
  for (int i = 2; i < 5; ++i) EXPECT_NE(frames[i].find(R"("seq":")" + before + R"(","more":true})"), std::string::npos);
  EXPECT_TRUE(frames[5].ends_with(R"("seq":")" + last + "\"}")) << frames[5];
}

TEST_F(HubTest, LargeCommitIsCutAtAThousandRows) {
  Client client = Connect();
  hub_->Subscribe(client.id, Request("s", "t|", /*snapshot=*/false));
  ASSERT_TRUE(WaitLive(client, "s"));
  std::vector<Change> changes;
  for (int64_t i = 0; i < 2'500; ++i) changes.push_back({i, std::pair("a", i)});
  Write(table_, changes);
  ExpectSame(client, "s", "t|");
  EXPECT_EQ(client.sink->Of("s").Count("change"), 3u);
}

TEST_F(HubTest, ManyGroupsAndSameBytesForMembers) {
  std::vector<Client> clients;
  for (uint64_t i = 0; i < 20; ++i) {
    clients.push_back(Connect(UserId(i + 1)));
    for (int room = 0; room < 50; ++room) {
      hub_->Subscribe(clients.back().id, Request("r" + std::to_string(room), "t|room=" + std::to_string(room), false));
    }
  }
  for (Client& client : clients) {
    for (int room = 0; room < 50; ++room) ASSERT_TRUE(WaitLive(client, "r" + std::to_string(room)));
  }
  for (int64_t i = 0; i < 50; ++i) Put(i, std::to_string(i), i);
  Put(7, "8", 1);  // leaves one room, enters another
  for (Client& client : clients) {
    for (const char* room : {"7", "8", "49"}) {
      ExpectSame(client, std::string("r") + room, std::string("t|room=") + room);
    }
    EXPECT_EQ(client.sink->Of("r7").Count("change"), 2u);
    EXPECT_EQ(client.sink->Of("r8").Count("change"), 2u);
    EXPECT_EQ(client.sink->Of("r9").Count("change"), 1u);
  }
}

TEST_F(HubTest, EachUserSeesOnlyTheirOwnPartition) {
  Client alice = Connect(UserId(1)), bob = Connect(UserId(2));
  hub_->Subscribe(alice.id, Request("s", "own|"));
  hub_->Subscribe(bob.id, Request("s", "own|"));
  ASSERT_TRUE(WaitLive(alice, "s") && WaitLive(bob, "s"));
  Write(own_table_, {{1, std::pair("a", 1)}}, UserId(1));
  Write(own_table_, {{1, std::pair("b", 2)}}, UserId(2));
  ExpectSame(alice, "s", "own|");
  ExpectSame(bob, "s", "own|");
  EXPECT_EQ(alice.sink->Of("s").rows().at("1").at("room"), "a");
  EXPECT_EQ(bob.sink->Of("s").rows().at("1").at("room"), "b");
  EXPECT_EQ(alice.sink->Of("s").Count("change"), 1u);
}

TEST_F(HubTest, ResumesWithDeletes) {
  Put(1, "a", 1);
  Put(2, "a", 2);
  Client client = Connect();
  hub_->Subscribe(client.id, Request("s", "t|"));
  ASSERT_TRUE(client.sink->WaitFor("s", [](const Replica& r) { return r.ready(); }));
  const Replica before = client.sink->Of("s");
  hub_->Close(client.id);
  Delete(1);
  Put(3, "a", 3);
  Client again = Connect();
  again.sink->Begin("s", before);
  SubscribeRequest request = Request("s", "t|");
  request.options.snapshot = false;
  request.options.from = Seq(before.seq());
  hub_->Subscribe(again.id, request);
  ExpectSame(again, "s", "t|");
  EXPECT_EQ(again.sink->Of("s").Count("initial_data_batch"), 0u);
}

TEST_F(HubTest, ResumeTokenOfTheFutureGetsAResync) {
  Put(1, "a", 1);
  Client client = Connect();
  SubscribeRequest request = Request("s", "t|");
  request.options.from = Seq(1'000'000);
  hub_->Subscribe(client.id, request);
  ExpectSame(client, "s", "t|");
  const std::vector<std::string> expected = {"subscription_ack", "resync_required", "initial_data_batch"};
  EXPECT_EQ(client.sink->Of("s").types(), expected);
  EXPECT_NE(client.sink->frames()[1].find(R"("reason":"unknown_sequence")"), std::string::npos);
}

// resume_token_from_lost_epoch: a power cut ended an epoch before the sequence that a client has seen.
TEST_F(HubTest, ResumeTokenFromLostEpochGetsAResync) {
  Put(1, "a", 1);
  const uint64_t seen = db_->View()->seq.value + 5;  // what the lost future held
  Close();
  auto store = kv::Store::Open(dir_.File("kv"), {});
  ASSERT_TRUE(store.ok());
  kv::Batch batch;
  batch.Delete(kv::Family::kSystem, ".clean");
  ASSERT_TRUE((*store)->Write(batch, {}).ok());
  store->reset();
  Open();
  Put(2, "a", 2);
  ASSERT_GT(db_->View()->seq.value, seen);
  Client client = Connect();
  SubscribeRequest request = Request("s", "t|");
  request.options.from = Seq(seen);
  hub_->Subscribe(client.id, request);
  ExpectSame(client, "s", "t|");
  EXPECT_EQ(client.sink->Of("s").Count("resync_required"), 1u);
}

TEST_F(HubTest, SchemaChangeComesAtItsPlace) {
  Put(1, "a", 1);
  Client client = Connect();
  hub_->Subscribe(client.id, Request("s", "t|"));
  ASSERT_TRUE(WaitLive(client, "s"));
  Put(2, "a", 2);
  Alter(table_, AddColumn("extra", 9));
  Put(3, "a", 3);
  ExpectSame(client, "s", "t|");
  const std::vector<std::string> expected = {"subscription_ack", "initial_data_batch", "change", "schema_change",
                                             "change"};
  EXPECT_EQ(client.sink->Of("s").types(), expected);
  EXPECT_EQ(client.sink->Of("s").rows().at("1").at("extra"), "9");
}

// All that asks the same moves as one, whatever else there is in the partition, and is found by rows of each version.
TEST_F(HubTest, GroupsMoveToEachVersionInTheirPlace) {
  constexpr int kRooms = 40;
  const auto room = [](int i) { return "room" + std::to_string(i); };
  std::vector<Client> clients;
  for (int i = 0; i < kRooms; ++i) {
    Put(i, room(i), i);
    clients.push_back(Connect());
    hub_->Subscribe(clients.back().id, Request("s", "t|room=" + room(i)));
    hub_->Subscribe(clients.back().id, Request("first", "t|room=room0"));  // one group of many
    hub_->Subscribe(clients.back().id, Request("above", "t|n>" + std::to_string(i)));
    for (const char* id : {"s", "first", "above"}) ASSERT_TRUE(WaitLive(clients.back(), id));
  }
  const std::vector<catalog::AlterAction> actions = {AddColumn("extra", 9), AddColumn("more", 8), AddColumn("most", 7)};
  for (size_t round = 0; round < actions.size(); ++round) {
    for (int i = 0; i < kRooms; i += 2) Put(i, room(i), static_cast<int64_t>(round));
    Alter(table_, actions[round]);
    hub_->Unsubscribe(clients[round].id, "s");
    for (int i = 0; i < kRooms; ++i) Put(i + 1'000, room(i), static_cast<int64_t>(round) * 100);
  }
  for (int i = 0; i < kRooms; ++i) {
    ExpectSame(clients[i], "above", "t|n>" + std::to_string(i));
    ExpectSame(clients[i], "first", "t|room=room0");
    if (i >= 3) ExpectSame(clients[i], "s", "t|room=" + room(i));
    if (i < 3) continue;
    const std::vector<std::string> types = clients[i].sink->Of("s").types();
    std::vector<std::string> expected = {"subscription_ack", "initial_data_batch"};
    for (size_t round = 0; round < actions.size(); ++round) {
      if (i % 2 == 0) expected.emplace_back("change");
      expected.insert(expected.end(), {"schema_change", "change"});
    }
    EXPECT_EQ(types, expected) << i;
    for (const char* id : {"s", "first", "above"}) EXPECT_EQ(clients[i].sink->Of(id).Count("schema_change"), 3u);
  }
  EXPECT_LE(clients[0].sink->Of("s").Count("schema_change"), 1u) << "it went when the first was made";
}

TEST_F(HubTest, WhoMayNotReadOrIsSlowLeavesItsGroupAsItMoves) {
  const auto access = [](const char* level) {
    return catalog::AlterAction{.kind = catalog::AlterAction::Kind::kSetOptions, .options = {{"ACCESS_LEVEL", level}}};
  };
  Alter(table_, access("PUBLIC"));
  std::vector<Client> clients;
  for (uint64_t user = 7; user < 10; ++user) {
    clients.push_back(Connect(UserId(user)));
    if (user == 9) hub_->SetIdentity(clients.back().id, IdentityOf(UserId(user), auth::Role::kUser));
    hub_->Subscribe(clients.back().id, Request("s", "t|room=a"));
    ASSERT_TRUE(WaitLive(clients.back(), "s"));
  }
  clients[1].sink->Stall(queue_bytes_ + 1);
  Alter(table_, AddColumn("extra", 9));
  Put(1, "a", 1);
  clients[1].sink->Drain();
  for (const Client& client : clients) {
    ExpectSame(client, "s", "t|room=a");
    const std::vector<std::string> expected = {"subscription_ack", "initial_data_batch", "schema_change", "change"};
    EXPECT_EQ(client.sink->Of("s").types(), expected);
    ASSERT_TRUE(WaitLive(client, "s"));
  }
  Alter(table_, access("PRIVATE"));
  Put(2, "a", 2);
  for (const Client& client : {clients[0], clients[1]}) {
    ExpectSame(client, "s", "t|room=a");
    EXPECT_EQ(client.sink->Of("s").Count("schema_change"), 2u);
  }
  ASSERT_TRUE(clients[2].sink->WaitFor("s", [](const Replica& r) { return r.closed() == "unauthorized"; }));
  EXPECT_EQ(clients[2].sink->Of("s").Count("schema_change"), 1u);
}

TEST_F(HubTest, ASlowReaderIsToldEachVersionAtItsPlace) {
  Client client = Connect();
  hub_->Subscribe(client.id, Request("s", "t|"));
  ASSERT_TRUE(WaitLive(client, "s"));
  client.sink->Stall(queue_bytes_ + 1);
  Put(1, "a", 1);
  Alter(table_, AddColumn("extra", 9));
  Put(2, "a", 2);
  Alter(table_, AddColumn("more", 8));
  Put(3, "a", 3);
  client.sink->Drain();
  ExpectSame(client, "s", "t|");
  const std::vector<std::string> expected = {"subscription_ack", "initial_data_batch", "change", "schema_change",
                                             "change",           "schema_change",      "change"};
  EXPECT_EQ(client.sink->Of("s").types(), expected);
}

TEST_F(HubTest, WhoWasThereBeforeTheTableMustForget) {
  Client client = Connect();
  const Seq seen = db_->View()->seq;
  hub_->Subscribe(client.id, Request("old", "t|"));
  ASSERT_TRUE(WaitLive(client, "old"));
  const std::string name = table_->name;
  Drop(table_);
  table_ = MakeTable(name, catalog::TableKind::kShared);
  Put(1, "a", 1);
  SubscribeRequest request = Request("s", "t|");
  request.options.from = seen;
  hub_->Subscribe(client.id, request);
  ExpectSame(client, "s", "t|");
  EXPECT_EQ(client.sink->Of("s").Count("resync_required"), 1u);
}

TEST_F(HubTest, ResumeAcrossASchemaChangeTellsItFirst) {
  Put(1, "a", 1);
  Client client = Connect();
  hub_->Subscribe(client.id, Request("s", "t|"));
  ASSERT_TRUE(client.sink->WaitFor("s", [](const Replica& r) { return r.ready(); }));
  const Replica before = client.sink->Of("s");
  hub_->Unsubscribe(client.id, "s");
  Put(2, "a", 2);
  Alter(table_, AddColumn("extra", 9));
  Alter(table_, AddColumn("more", 8));
  Put(3, "a", 3);
  Client again = Connect();
  again.sink->Begin("s", before);
  SubscribeRequest request = Request("s", "t|");
  request.options.from = Seq(before.seq());
  hub_->Subscribe(again.id, request);
  ExpectSame(again, "s", "t|");
  const std::vector<std::string> expected = {"subscription_ack", "schema_change", "change", "change"};
  EXPECT_EQ(again.sink->Of("s").types(), expected);
}

TEST_F(HubTest, DroppedColumnAndTableCloseTheirSubscriptions) {
  Client client = Connect();
  hub_->Subscribe(client.id, Request("named", "t|room=a"));
  hub_->Subscribe(client.id, Request("all", "t|"));
  ASSERT_TRUE(WaitLive(client, "named") && WaitLive(client, "all"));
  const ColumnId room = table_->schema()->column(1).id;
  EXPECT_EQ(hub_->NamingColumn(table_->id, room).size(), 1u);
  EXPECT_TRUE(hub_->NamingColumn(table_->id, table_->schema()->column(2).id).empty());
  Alter(table_, {.kind = catalog::AlterAction::Kind::kDropColumn, .column = "room", .cascade = true});
  ASSERT_TRUE(client.sink->WaitFor("named", [](const Replica& r) { return r.closed() == "column_dropped"; }));
  ASSERT_TRUE(client.sink->WaitFor("all", [](const Replica& r) { return r.Count("schema_change") == 1; }));
  Drop(table_);
  ASSERT_TRUE(client.sink->WaitFor("all", [](const Replica& r) { return r.closed() == "table_dropped"; }));
  EXPECT_TRUE(hub_->List().empty());
}

// predicate_that_throws_on_one_row: live, then in a snapshot.
TEST_F(HubTest, PredicateThatThrowsOnOneRowEndsOnlyItsSubscription) {
  Client client = Connect();
  hub_->Subscribe(client.id, Request("bad", "t|fail=13"));
  hub_->Subscribe(client.id, Request("good", "t|"));
  ASSERT_TRUE(WaitLive(client, "bad") && WaitLive(client, "good"));
  Put(1, "a", 12);
  Put(2, "a", 13);
  Put(3, "a", 14);
  ASSERT_TRUE(client.sink->WaitFor("bad", [](const Replica& r) { return r.closed() == "predicate_error"; }));
  ExpectSame(client, "good", "t|");
  EXPECT_EQ(client.sink->Of("bad").error(), "TYPE_MISMATCH");
  EXPECT_EQ(client.sink->Of("bad").Count("change"), 1u);
  hub_->Subscribe(client.id, Request("late", "t|fail=13"));
  ASSERT_TRUE(client.sink->WaitFor("late", [](const Replica& r) { return r.closed() == "predicate_error"; }));
  EXPECT_EQ(client.sink->Of("late").Count("initial_data_batch"), 0u);
}

// snapshot_client_that_never_asks: two batches come, no view is held, changes wait, and the rest comes when asked.
TEST_F(HubTest, SnapshotClientThatNeverAsksHoldsNoView) {
  std::vector<Change> changes;
  for (int64_t i = 0; i < 95; ++i) changes.push_back({i, std::pair("a", i)});
  Write(table_, changes);
  Client client = Connect();
  SubscribeRequest request = Request("s", "t|");
  request.options.batch_size = 10;
  hub_->Subscribe(client.id, request);
  ASSERT_TRUE(client.sink->WaitFor("s", [](const Replica& r) { return r.Count("initial_data_batch") == 2; }));
  const std::weak_ptr<const storage::ReadView> view = db_->View();
  Put(1'000, "a", 1);
  Delete(94);
  for (int i = 0; i < 1'000'000 && !view.expired(); ++i) std::this_thread::yield();
  EXPECT_TRUE(view.expired());
  EXPECT_EQ(client.sink->Of("s").Count("change"), 0u);
  for (int i = 0; i < 8; ++i) hub_->NextBatch(client.id, "s");
  ExpectSame(client, "s", "t|");
  EXPECT_EQ(client.sink->Of("s").Count("initial_data_batch"), 10u);
}

TEST_F(HubTest, SlowReaderCatchesUpAndOthersDoNotNotice) {
  Client slow = Connect(UserId(1)), fast = Connect(UserId(2));
  hub_->Subscribe(slow.id, Request("s", "t|"));
  hub_->Subscribe(fast.id, Request("s", "t|"));
  ASSERT_TRUE(WaitLive(slow, "s") && WaitLive(fast, "s"));
  slow.sink->Stall(queue_bytes_ + 1);
  for (int64_t i = 0; i < 500; ++i) Put(i % 50, "a", i);
  ExpectSame(fast, "s", "t|");
  EXPECT_EQ(slow.sink->Of("s").Count("change"), 0u);
  ASSERT_TRUE(slow.sink->WaitUntil([](TestSink& sink) { return sink.drain_waits_ > 0; }));
  slow.sink->Drain();
  ExpectSame(slow, "s", "t|");
  EXPECT_EQ(slow.sink->Of("s").Count("change"), 500u);
  EXPECT_EQ(slow.sink->Of("s").Count("resync_required"), 0u);
}

TEST_F(HubTest, BulkCommitArrivesWholeInBoundedFrames) {
  Client client = Connect();
  hub_->Subscribe(client.id, Request("s", "t|"));
  ASSERT_TRUE(WaitLive(client, "s"));
  Put(-1, "a", 1);
  Bulk(table_, 0, 25'000, "a");
  if (IsSkipped()) return;
  Put(-2, "a", 1);
  ASSERT_TRUE(client.sink->WaitFor("s", [](const Replica& r) { return r.rows().size() == 25'002; }));
  size_t more = 0;
  for (const std::string& frame : client.sink->frames()) {
    EXPECT_LE(frame.size(), kMaxFrameBytes);
    more += frame.ends_with(R"("more":true})");
  }
  EXPECT_EQ(more, 24u);
  const std::string bulk_seq = std::to_string(client.sink->Of("s").seq() - 1);
  EXPECT_EQ(client.sink->Of("s").rows().at("17").at("_seq"), bulk_seq);
}

TEST_F(HubTest, BulkCommitWaitsInTheMiddleForASlowSocket) {
  Client client = Connect();
  hub_->Subscribe(client.id, Request("s", "t|"));
  ASSERT_TRUE(WaitLive(client, "s"));
  int waits = 0;
  ScopedFailpoint point("live.catch_up", [&]() -> Status {
    // Each slice finds a socket that takes some 100 KB and is then full until it is drained.
    if (waits < 5) client.sink->Stall(queue_bytes_ - 100'000);
    ++waits;
    return {};
  });
  Bulk(table_, 0, 25'000, "a");
  if (IsSkipped()) return;
  for (size_t drained = 0; drained < 5; ++drained) {
    ASSERT_TRUE(client.sink->WaitUntil([&](TestSink& sink) { return sink.drain_waits_ > drained; }));
    client.sink->Drain();
  }
  Put(-1, "a", 1);
  ExpectSame(client, "s", "t|");
  EXPECT_EQ(client.sink->Of("s").Count("change"), 26u);
}

TEST_F(HubTest, RefusesDoubleIdsAndTooMany) {
  Client client = Connect();
  hub_->Subscribe(client.id, Request("s", "t|", false));
  hub_->Subscribe(client.id, Request("s", "t|", false));
  ASSERT_TRUE(client.sink->WaitFor("s", [](const Replica& r) { return r.error() == "ALREADY_EXISTS"; }));
  hub_->Subscribe(client.id, Request("x", "nowhere|"));
  ASSERT_TRUE(client.sink->WaitFor("x", [](const Replica& r) { return r.error() == "TABLE_NOT_FOUND"; }));
  ASSERT_TRUE(WaitLive(client, "s"));
  EXPECT_EQ(hub_->List().size(), 1u);
}

TEST_F(HubTest, ARoleThatIsTakenAwayEndsSubscriptions) {
  Client client = Connect(UserId(3));
  hub_->Subscribe(client.id, Request("shared", "t|"));
  hub_->Subscribe(client.id, Request("own", "own|"));
  ASSERT_TRUE(WaitLive(client, "shared") && WaitLive(client, "own"));
  hub_->SetIdentity(client.id, IdentityOf(UserId(3), auth::Role::kUser));  // may not read PRIVATE tables
  ASSERT_TRUE(client.sink->WaitFor("shared", [](const Replica& r) { return r.closed() == "unauthorized"; }));
  EXPECT_EQ(hub_->List().size(), 1u);
  dropped_ = UserId(3);
  hub_->OnUserChanged(UserId(3));
  ASSERT_TRUE(client.sink->WaitFor("own", [](const Replica& r) { return r.closed() == "unauthorized"; }));
}

}  // namespace
}  // namespace kalamdb::live
