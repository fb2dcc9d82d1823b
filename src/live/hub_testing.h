// What the tests of live share: a real database, the small engine of select_testing.h, and the clients of
// client_testing.h.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/failpoint.h"
#include "base/files.h"
#include "catalog/alter.h"
#include "live/client_testing.h"
#include "live/hub.h"
#include "live/select_testing.h"
#include "row/key_codec.h"
#include "storage/bulk.h"
#include "storage/database.h"
#include "storage/plain_cold_format.h"

namespace kalamdb::live {

class LiveFixture : public testing::Test {
 protected:
  void SetUp() override {
    ResetFailpoints();
    Open();
    table_ = MakeTable("t", catalog::TableKind::kShared);
    own_table_ = MakeTable("own", catalog::TableKind::kUser);
  }
  void TearDown() override {
    Close();
    ResetFailpoints();
  }

  void Open() {
    auto opened = storage::Database::Open({.data_dir = dir_.path()}, &clock_, &metrics_, &logger_);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    db_ = *std::move(opened);
    format_ = std::make_unique<storage::PlainColdFormat>(dir_.File("cold"));
    engine_ = std::make_unique<TestEngine>(db_.get());
    HubOptions options;
    options.queue_bytes = queue_bytes_;
    options.spool_directory = dir_.File("tmp");
    options.role_of = [this](UserId user) -> std::optional<auth::Role> {
      if (user == dropped_) return std::nullopt;
      return auth::Role::kService;
    };
    hub_ = Hub::Create(options, engine_.get(), db_.get(), &clock_, &metrics_, &logger_);
    db_->Connect(format_.get(), hub_.get());
    ASSERT_TRUE(db_->Start().ok());
    hub_->Start();
  }
  void Close() {
    if (db_ != nullptr) db_->Stop();
    if (hub_ != nullptr) hub_->Stop();
    hub_.reset();
    engine_.reset();
    db_.reset();
  }

  catalog::TablePtr MakeTable(const std::string& name, catalog::TableKind kind) {
    catalog::CreateTableSpec spec;
    spec.id = db_->NewTableId();
    spec.namespace_name = "default";
    spec.name = name;
    spec.kind = kind;
    spec.columns.resize(3);
    spec.columns[0] = {
        .name = "id", .type = row::Type::Of(row::TypeKind::kBigInt), .nullable = false, .key_position = 1};
    spec.columns[1] = {.name = "room", .type = row::Type::Of(row::TypeKind::kText)};
    spec.columns[2] = {.name = "n", .type = row::Type::Of(row::TypeKind::kBigInt)};
    auto table = catalog::MakeTable(std::move(spec));
    EXPECT_TRUE(table.ok());
    EXPECT_EQ(Put(*table, SchemaVersion()), storage::CommitOutcome::Kind::kCommitted);
    return *table;
  }
  storage::CommitOutcome::Kind Put(catalog::TablePtr table, SchemaVersion expected) {
    storage::CommitRequest request;
    request.catalog_changes.push_back(
        {.kind = catalog::Change::Kind::kPutTable, .table = std::move(table), .expected_version = expected});
    request.durability = storage::Durability::kWal;
    return db_->commits().Run(std::move(request)).kind;
  }
  void Drop(const catalog::TablePtr& table) {
    storage::CommitRequest request;
    request.catalog_changes.push_back({.kind = catalog::Change::Kind::kDropTable,
                                       .table = Newest(table),
                                       .expected_version = Newest(table)->version()});
    ASSERT_EQ(db_->commits().Run(std::move(request)).kind, storage::CommitOutcome::Kind::kCommitted);
  }
  catalog::TablePtr Newest(const catalog::TablePtr& table) { return db_->View()->catalog->FindTable(table->id); }
  void Alter(const catalog::TablePtr& table, catalog::AlterAction action) {
    const catalog::TablePtr before = Newest(table);
    auto altered = catalog::ApplyAlter(*before, {std::move(action)}, {.user_name = "root", .now = clock_.NowMicros()});
    ASSERT_TRUE(altered.ok()) << altered.error().message;
    ASSERT_EQ(Put(altered->table, before->version()), storage::CommitOutcome::Kind::kCommitted);
  }
  catalog::AlterAction AddColumn(const std::string& name, int64_t value) {
    return {.kind = catalog::AlterAction::Kind::kAddColumn,
            .column = name,
            .type = row::Type::Of(row::TypeKind::kBigInt),
            .default_sql = std::to_string(value),
            .default_value = row::Value::Int(value)};
  }

  struct Change {
    int64_t id = 0;
    std::optional<std::pair<std::string, int64_t>> value;  // room and n; nothing: a delete
  };
  // One commit; a delete of what is not there is left out. Runs again where rows have moved.
  void Write(const catalog::TablePtr& table, const std::vector<Change>& changes, UserId user = kSharedUser) {
    for (;;) {
      storage::CommitRequest request = Prepare(table, changes, user);
      if (request.writes[0].changes.empty()) return;
      const storage::CommitOutcome outcome = db_->commits().Run(std::move(request));
      if (outcome.kind == storage::CommitOutcome::Kind::kCommitted) return;
      ASSERT_NE(outcome.kind, storage::CommitOutcome::Kind::kFailed) << outcome.error.message;
    }
  }
  void Put(int64_t id, const std::string& room, int64_t n) { Write(table_, {{id, std::pair(room, n)}}); }
  void Delete(int64_t id) { Write(table_, {{id, std::nullopt}}); }

  storage::CommitRequest Prepare(const catalog::TablePtr& created, const std::vector<Change>& changes, UserId user) {
    const storage::ReadViewPtr view = db_->View();
    const catalog::TablePtr table = view->catalog->FindTable(created->id);
    storage::WriteSet write{.table = table, .cold_generation = view->ColdOf(table->id).generation};
    for (const Change& change : changes) {
      storage::RowChange out{.key = Key(table, change.id, user)};
      storage::FoundRow found;
      EXPECT_TRUE(storage::FindRow(*view, db_->store(), db_->format(), out.key, kv::ReadTier::kAll, &found).ok());
      out.observed = found.place;
      const bool there = found.place.kind != storage::Place::Kind::kNone && !found.deleted;
      if (there) out.old_row = found.row;
      if (change.value) {
        out.kind = there ? storage::ChangeKind::kUpdate : storage::ChangeKind::kInsert;
        out.row = Encode(*table, change.id, change.value->first, change.value->second);
      } else {
        if (!there) continue;
        out.kind = storage::ChangeKind::kDelete;
        out.row = out.old_row;
        row::SetRowDeleted(&out.row, true);
      }
      write.changes.push_back(std::move(out));
    }
    storage::CommitRequest request;
    request.writes.push_back(std::move(write));
    request.durability = storage::Durability::kWal;
    return request;
  }
  static std::string Key(const catalog::TablePtr& table, int64_t id, UserId user) {
    std::string key = row::PartitionPrefix(table->id, user);
    row::AppendKeyValue(row::Type::Of(row::TypeKind::kBigInt), row::Value::Int(id), &key);
    return key;
  }
  static std::string Encode(const catalog::Table& table, int64_t id, const std::string& room, int64_t n) {
    std::vector<row::Value> values(table.schema()->size());
    values[0] = row::Value::Int(id);
    values[1] = row::Value::String(room);
    values[2] = row::Value::Int(n);
    return row::EncodeRow(*table.schema(), row::RowLayout(*table.schema()), values);
  }
  void Bulk(const catalog::TablePtr& created, int64_t first_id, int64_t count, const std::string& room) {
    const storage::ReadViewPtr view = db_->View();
    const catalog::TablePtr table = view->catalog->FindTable(created->id);
    auto writer = db_->NewBulkWriter(view, table, kSharedUser);
    if (!writer.ok() && writer.error().code == ErrorCode::kUnsupported) GTEST_SKIP() << writer.error().message;
    ASSERT_TRUE(writer.ok()) << writer.error().message;
    for (int64_t id = first_id; id < first_id + count; ++id) {
      ASSERT_TRUE((*writer)->Append(Key(table, id, kSharedUser), Encode(*table, id, room, id), false).ok());
    }
    auto finished = (*writer)->Finish();
    ASSERT_TRUE(finished.ok()) << finished.error().message;
    storage::CommitRequest request;
    request.bulk = *finished;
    const storage::CommitOutcome outcome = db_->commits().Run(std::move(request));
    ASSERT_EQ(outcome.kind, storage::CommitOutcome::Kind::kCommitted) << outcome.error.message;
  }

  static auth::Identity IdentityOf(UserId user, auth::Role role = auth::Role::kService) {
    return {.user = user, .name = "user" + std::to_string(user.value), .role = role};
  }
  struct Client {
    std::shared_ptr<TestSink> sink = std::make_shared<TestSink>();
    ConnectionId id = 0;
    UserId user{7};
  };
  Client Connect(UserId user = UserId(7)) {
    Client client;
    client.user = user;
    client.id = hub_->Open(IdentityOf(user), client.sink);
    return client;
  }
  static SubscribeRequest Request(const std::string& id, const std::string& sql, bool snapshot = true) {
    SubscribeRequest request;
    request.id = id;
    request.sql = sql;
    request.options.snapshot = snapshot;
    return request;
  }
  // The rows that a SELECT gives now.
  std::map<std::string, Row> Select(const std::string& sql, UserId user) {
    struct Sink final : engine::RowSink {
      std::map<std::string, Row> rows;
      engine::RowForm form() const override { return engine::RowForm::kObject; }
      Status OnSchema(const engine::ResultSchema&) override { return {}; }
      Status OnRows(std::string_view json, size_t) override {
        Row row = ParseRow(row::JsonDocument::Parse(json)->root());
        rows[row["id"]] = row;
        return {};
      }
    } sink;
    engine::ExecuteContext context;
    context.identity = IdentityOf(user);
    auto select = engine_->CompileLive(sql, context);
    EXPECT_TRUE(select.ok());
    EXPECT_TRUE((*select)->ReadSnapshot(db_->View(), context.identity, {}, &sink).ok());
    return sink.rows;
  }
  bool WaitLive(const Client& client, const std::string& id) {
    // The phase is not told to clients; a change that comes is. Polls without a clock: List takes the hub's lock.
    for (int i = 0; i < 1'000'000; ++i) {
      for (const LiveQueryRow& row : hub_->List()) {
        if (row.connection == client.id && row.subscription_id == id && row.state == "live") return true;
      }
      std::this_thread::yield();
    }
    return false;
  }
  void ExpectSame(const Client& client, const std::string& id, const std::string& sql) {
    const std::map<std::string, Row> expected = Select(sql, client.user);
    if (client.sink->WaitFor(id, [&](const Replica& replica) { return replica.rows() == expected; })) return;
    const std::map<std::string, Row> rows = client.sink->Of(id).rows();
    ADD_FAILURE() << id << " " << sql << ": has " << rows.size() << " rows at " << client.sink->Of(id).seq()
                  << ", expected " << expected.size() << " at " << db_->View()->seq.value;
    for (const auto& [key, row] : expected) {
      if (!rows.contains(key)) ADD_FAILURE() << "missing " << key << " of " << row.at("_seq");
      if (rows.contains(key) && rows.at(key) != row) ADD_FAILURE() << "old " << key << " of " << row.at("_seq");
    }
    for (const auto& [key, row] : rows) {
      if (!expected.contains(key)) ADD_FAILURE() << "too many: " << key << " of " << row.at("_seq");
    }
  }

  TempDirectory dir_{"live"};
  SystemClock clock_;
  Metrics metrics_;
  Logger logger_;
  size_t queue_bytes_ = 8u << 20;
  UserId dropped_;
  std::unique_ptr<storage::Database> db_;
  std::unique_ptr<storage::PlainColdFormat> format_;
  std::unique_ptr<TestEngine> engine_;
  std::unique_ptr<Hub> hub_;
  catalog::TablePtr table_, own_table_;
};

}  // namespace kalamdb::live
