// What the tests of live share: a real database, an engine of which only CompileLive is there (a small predicate
// language over `id BIGINT, room TEXT, n BIGINT`), and clients that replay what they are sent and notice what may not
// come.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/failpoint.h"
#include "base/files.h"
#include "engine/access.h"
#include "live/hub.h"
#include "row/json_document.h"
#include "row/key_codec.h"
#include "row/row_codec.h"
#include "storage/bulk.h"
#include "storage/database.h"
#include "storage/plain_cold_format.h"
#include "storage/rows.h"

namespace kalamdb::live {

inline constexpr auto kPatience = std::chrono::seconds(10);  // a test that waits longer has failed

// `room = x`, `n > x`, `fail = x` (an error on rows with n = x), joined by blanks: "room=a n>5". Empty: every row.
struct Filter {
  std::optional<std::string> room;
  std::optional<int64_t> above, fail;
};

inline Filter ParseFilter(std::string_view text) {
  Filter filter;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string term(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (term.starts_with("room=")) filter.room = term.substr(5);
    if (term.starts_with("n>")) filter.above = std::stoll(term.substr(2));
    if (term.starts_with("fail=")) filter.fail = std::stoll(term.substr(5));
  }
  return filter;
}

class TestEvaluator final : public engine::LiveEvaluator {
 public:
  TestEvaluator(catalog::TablePtr table, Filter filter) : table_(std::move(table)), filter_(std::move(filter)) {}

  Status Match(std::span<const std::string_view> rows, std::vector<bool>* matched) override {
    matched->clear();
    for (std::string_view row : rows) {
      const row::Value room = Column(row, "room"), n = Column(row, "n");
      if (filter_.fail && n.as_int() == *filter_.fail) {
        return Error{.code = ErrorCode::kTypeMismatch, .message = "cannot be cast"};
      }
      matched->push_back((!filter_.room || (!room.is_null() && room.as_string() == *filter_.room)) &&
                         (!filter_.above || n.as_int() > *filter_.above));
    }
    return {};
  }
  Status AppendRow(std::string_view row, std::string* json) override { return Append(row, {}, json); }
  Status AppendOldValues(std::string_view old_row, std::string_view new_row, std::string* json) override {
    return Append(old_row, new_row, json);
  }

 private:
  row::Value Column(std::string_view row, std::string_view name) {
    const std::optional<size_t> ordinal = table_->schema()->FindByName(name);
    return *(*table_->ProjectionFrom(row::RowVersion(row)))->Read(row, *ordinal);
  }
  Status Append(std::string_view row, std::string_view other, std::string* json) {
    *json += '{';
    for (const row::Column& column : table_->schema()->columns()) {
      const row::Value value = Column(row, column.name);
      if (!other.empty() && !column.IsKey() && value == Column(other, column.name)) continue;
      row::AppendJsonString(column.name, json);
      *json += ':';
      row::AppendJsonValue(column.type, value, row::BytesForm::kBase64, json);
      *json += ',';
    }
    *json += R"("_seq":")" + std::to_string(row::RowSeq(row).value) + "\"}";
    return {};
  }

  const catalog::TablePtr table_;
  const Filter filter_;
};

class TestSelect final : public engine::LiveSelect {
 public:
  TestSelect(storage::Database* database, catalog::TablePtr table, std::string text)
      : database_(database), table_(std::move(table)), text_(std::move(text)), filter_(ParseFilter(text_)) {
    key_ = std::to_string(table_->id.value) + ":" + std::to_string(table_->version().value) + ":" + text_;
    for (const row::Column& column : table_->schema()->columns()) {
      engine::LiveColumn live{
          .name = column.name, .data_type_json = column.type.ToJson(), .primary_key = column.IsKey()};
      row::AppendJsonValue(column.type, column.initial_default, row::BytesForm::kBase64, &live.initial_default_json);
      columns_.push_back(std::move(live));
      if (column.name == "room" && filter_.room) {
        named_.push_back(column.id);
        equalities_.push_back({column.id, row::Value::String(*filter_.room)});
      }
    }
  }
  const catalog::TablePtr& table() const override { return table_; }
  const std::vector<engine::LiveColumn>& columns() const override { return columns_; }
  const std::vector<ColumnId>& named_columns() const override { return named_; }
  const std::vector<engine::EqualityTerm>& equalities() const override { return equalities_; }
  bool has_residual() const override { return filter_.above || filter_.fail; }
  const std::string& group_key() const override { return key_; }
  std::unique_ptr<engine::LiveEvaluator> NewEvaluator() const override {
    return std::make_unique<TestEvaluator>(table_, filter_);
  }
  Status ReadSnapshot(const storage::ReadViewPtr& view, const auth::Identity& identity, const SnapshotOptions&,
                      engine::RowSink* sink) const override {
    RETURN_IF_ERROR(sink->OnSchema({}));
    auto cursor = storage::NewRangeCursor(view, &database_->store(), database_->format(),
                                          {.table = table_->id, .user = engine::PartitionOf(identity, *table_)});
    const auto evaluator = NewEvaluator();
    for (;;) {
      ASSIGN_OR_RETURN(const bool there, cursor->Next());
      if (!there) return {};
      std::string row(cursor->row()), json;
      std::vector<bool> matched;
      const std::string_view one[] = {row};
      RETURN_IF_ERROR(evaluator->Match(one, &matched));
      if (!matched[0]) continue;
      RETURN_IF_ERROR(evaluator->AppendRow(row, &json));
      RETURN_IF_ERROR(sink->OnRows(json, 1));
    }
  }
  Result<engine::LiveSelectPtr> Rebind(catalog::TablePtr table) const override {
    for (ColumnId column : named_) {
      if (!table->schema()->FindById(column)) return Error{.code = ErrorCode::kColumnNotFound, .message = "gone"};
    }
    return engine::LiveSelectPtr(std::make_shared<TestSelect>(database_, std::move(table), text_));
  }

 private:
  storage::Database* const database_;
  const catalog::TablePtr table_;
  const std::string text_;
  const Filter filter_;
  std::string key_;
  std::vector<engine::LiveColumn> columns_;
  std::vector<ColumnId> named_;
  std::vector<engine::EqualityTerm> equalities_;
};

// "table|filter".
class TestEngine final : public engine::Engine {
 public:
  explicit TestEngine(storage::Database* database) : database_(database) {}
  storage::ColdFileFormat* cold_file_format() override { return nullptr; }
  void SetDependents(engine::DependentSubscriptions*) override {}
  void RegisterVirtualTable(engine::VirtualTable) override {}
  Result<engine::ScriptPtr> Parse(std::string_view) override { return Error{}; }
  engine::FastOutcome TryFast(const engine::StatementPtr&, const engine::ExecuteContext&, engine::RowSink*,
                              engine::Completion) override {
    return engine::FastOutcome::kNeedsWorker;
  }
  Result<engine::StatementResult> Execute(const engine::StatementPtr&, const engine::ExecuteContext&,
                                          engine::RowSink*) override {
    return Error{};
  }
  Result<engine::LiveSelectPtr> CompileLive(std::string_view sql, const engine::ExecuteContext& context) override {
    const size_t bar = std::min(sql.find('|'), sql.size());
    catalog::TablePtr table = database_->View()->catalog->FindTable("default", sql.substr(0, bar));
    if (table == nullptr || !engine::CanRead(context.identity, *table)) {
      return Error{.code = ErrorCode::kTableNotFound, .message = "no such table"};
    }
    return engine::LiveSelectPtr(std::make_shared<TestSelect>(database_, std::move(table),
                                                              std::string(sql.substr(std::min(bar + 1, sql.size())))));
  }
  std::vector<engine::CacheRow> CacheStats() const override { return {}; }

 private:
  storage::Database* const database_;
};

using Row = std::map<std::string, std::string>;  // column → JSON text

inline Row ParseRow(row::JsonView object) {
  Row row;
  for (const auto [name, value] : object.fields()) row[std::string(name)] = std::string(value.text());
  return row;
}

// One subscription as its client sees it. Every frame that may not come is a failure.
class Replica {
 public:
  void Apply(std::string_view frame) {
    const auto document = row::JsonDocument::Parse(frame);
    ASSERT_TRUE(document.ok()) << frame;
    const row::JsonView root = document->root();
    const std::string type(*root.Find("type")->AsString());
    types_.push_back(type);
    if (type == "subscription_ack") seq_ = std::stoull(std::string(root.Find("seq")->text()));
    if (type == "initial_data_batch") ApplyBatch(root, frame);
    if (type == "change") ApplyChange(root, frame);
    if (type == "resync_required") rows_.clear();
    if (type == "schema_change") ApplySchema(root, frame);
    if (type == "subscription_closed") closed_ = std::string(root.Find("reason")->text());
    if (type == "error") error_ = std::string(root.Find("code")->text());
  }
  const std::map<std::string, Row>& rows() const { return rows_; }
  uint64_t seq() const { return seq_; }  // to resume from
  bool ready() const { return ready_; }
  const std::vector<std::string>& types() const { return types_; }
  size_t Count(std::string_view type) const {
    return static_cast<size_t>(std::count(types_.begin(), types_.end(), type));
  }
  const std::string& closed() const { return closed_; }
  const std::string& error() const { return error_; }
  void StartFrom(const Replica& other) {  // a client that comes back
    rows_ = other.rows_;
    seq_ = other.seq_;
  }

 private:
  void ApplyBatch(row::JsonView root, std::string_view frame) {
    for (row::JsonView object : root.Find("rows")->items()) {
      Row row = ParseRow(object);
      const std::string id = row["id"];
      EXPECT_TRUE(rows_.emplace(id, std::move(row)).second) << "twice in the snapshot: " << frame;
    }
    const row::JsonView control = *root.Find("batch_control");
    seq_ = std::stoull(std::string(control.Find("last_seq_id")->text()));
    ready_ = control.Find("status")->text() == "ready";
  }
  void ApplyChange(row::JsonView root, std::string_view frame) {
    const std::string kind(root.Find("change_type")->text());
    const uint64_t seq = std::stoull(std::string(root.Find("seq")->text()));
    EXPECT_GE(seq, seq_) << "out of order: " << frame;
    seq_ = seq;
    const row::JsonView changed = *root.Find(kind == "delete" ? "old_values" : "rows");
    for (row::JsonView object : changed.items()) {
      Row row = ParseRow(object);
      const std::string id = row["id"];
      if (kind == "insert") {
        EXPECT_FALSE(rows_.contains(id)) << "is there already: " << frame;
      } else {
        EXPECT_TRUE(rows_.contains(id)) << "is not there: " << frame;
      }
      if (kind == "delete") {
        EXPECT_EQ(rows_[id]["_seq"], row["_seq"]) << frame;
        rows_.erase(id);
      } else {
        rows_[id] = std::move(row);
      }
    }
  }
  void ApplySchema(row::JsonView root, std::string_view frame) {
    EXPECT_LT(*root.Find("old_version")->AsInt64(), *root.Find("new_version")->AsInt64()) << frame;
    for (row::JsonView column : root.Find("schema")->items()) {
      const std::string name(column.Find("name")->text());
      for (auto& [id, row] : rows_) row.try_emplace(name, column.Find("initial_default")->text());
    }
  }

  std::map<std::string, Row> rows_;
  std::vector<std::string> types_;
  std::string closed_, error_;
  uint64_t seq_ = 0;
  bool ready_ = false;
};

// A socket: its frames are replayed by subscription; Stall() makes it a slow one.
class TestSink final : public FrameSink {
 public:
  void Send(Frame frame, std::string_view) override {
    std::lock_guard lock(mutex_);
    if (stalled_) queued_ += frame->size();
    const auto document = row::JsonDocument::Parse(*frame);
    const auto id = document->root().Find("subscription_id");
    frames_.push_back(*frame);
    replicas_[id ? std::string(id->text()) : ""].Apply(*frame);
    changed_.notify_all();
  }
  size_t QueuedBytes() const override {
    std::lock_guard lock(mutex_);
    return queued_;
  }
  void WhenDrained(size_t below, std::function<void()> callback) override {
    {
      std::lock_guard lock(mutex_);
      changed_.notify_all();
      ++drain_waits_;
      if (queued_ > below) {
        callbacks_.push_back(std::move(callback));
        return;
      }
    }
    callback();
  }
  void Stall(size_t queued) {
    std::lock_guard lock(mutex_);
    stalled_ = true;
    queued_ += queued;
  }
  void Drain() {
    std::vector<std::function<void()>> callbacks;
    {
      std::lock_guard lock(mutex_);
      stalled_ = false;
      queued_ = 0;
      callbacks.swap(callbacks_);
    }
    for (auto& callback : callbacks) callback();
  }
  // Waits until the condition holds for what was received.
  bool WaitUntil(const std::function<bool(TestSink&)>& condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return condition(*this); });
  }
  bool WaitFor(const std::string& id, const std::function<bool(const Replica&)>& condition) {
    return WaitUntil([&](TestSink& sink) { return condition(sink.replicas_[id]); });
  }
  Replica Of(const std::string& id) const {
    std::lock_guard lock(mutex_);
    const auto found = replicas_.find(id);
    return found == replicas_.end() ? Replica() : found->second;
  }
  void Begin(const std::string& id, const Replica& from) {
    std::lock_guard lock(mutex_);
    replicas_[id].StartFrom(from);
  }
  std::vector<std::string> frames() const {
    std::lock_guard lock(mutex_);
    return frames_;
  }
  size_t drain_waits_ = 0;  // within WaitUntil

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Replica> replicas_;
  std::vector<std::string> frames_;
  std::vector<std::function<void()>> callbacks_;
  size_t queued_ = 0;
  bool stalled_ = false;
};

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
    EXPECT_TRUE(client.sink->WaitFor(id, [&](const Replica& replica) { return replica.rows() == expected; }))
        << id << " " << sql << ": has " << client.sink->Of(id).rows().size() << " rows, expected " << expected.size();
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
