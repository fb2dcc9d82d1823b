// What the tests of the bridge share: a database with Parquet in a temporary directory, tables, users, and SQL in one
// word.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/files.h"
#include "duckdb/parser/parser.hpp"
#include "engine/bridge/bridge.h"
#include "storage/database.h"

namespace kalamdb::engine {

// Gathers the rows of a statement as JSON arrays.
class TextSink final : public RowSink {
 public:
  Status OnSchema(const ResultSchema& result_schema) override {
    schema = result_schema;
    rows.clear();
    return {};
  }
  char separator() const override { return '\n'; }
  Status OnRows(std::string_view json, size_t count) override {
    if (!rows.empty()) rows.push_back('\n');
    rows.append(json);
    total += count;
    return {};
  }
  ResultSchema schema;
  std::string rows;
  size_t total = 0;
};

class BridgeFixture : public testing::Test {
 protected:
  void SetUp() override {
    Open();
    alice_.user = UserId(7);
    alice_.name = "alice";
    bob_.user = UserId(8);
    bob_.name = "bob";
    root_.user = UserId(1);
    root_.name = "root";
    root_.role = auth::Role::kSystem;
  }
  void TearDown() override { Close(); }

  void Open() {
    auto opened = storage::Database::Open({.data_dir = dir_.path()}, &clock_, &metrics_, &logger_);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    database_ = *std::move(opened);
    EngineOptions options;
    options.data_dir = dir_.path();
    options.transaction_rows = 20'000;
    options.memory_bytes = 128u << 20;
    auto bridge = Bridge::Open(options, database_.get(), &clock_, &ids_, &metrics_, &logger_);
    ASSERT_TRUE(bridge.ok()) << bridge.error().message;
    bridge_ = *std::move(bridge);
    database_->Connect(bridge_->format(), nullptr);
    ASSERT_TRUE(database_->Start().ok());
  }
  void Close() {
    if (database_ != nullptr) database_->Stop();
    bridge_.reset();
    database_.reset();
  }

  static row::Column Column(const std::string& name, row::Type type, bool key = false) {
    row::Column column;
    column.name = name;
    column.type = type;
    column.nullable = !key;
    column.key_position = key ? 1 : 0;
    return column;
  }
  catalog::TablePtr MakeTable(const std::string& name, catalog::TableKind kind, std::vector<row::Column> columns,
                              std::vector<std::pair<std::string, std::string>> checks = {},
                              std::vector<std::vector<std::string>> check_columns = {}) {
    catalog::CreateTableSpec spec;
    spec.id = database_->NewTableId();
    spec.namespace_name = "default";
    spec.name = name;
    spec.kind = kind;
    spec.options.flush_rows = 0;
    spec.options.flush_interval_s = 0;
    if (kind == catalog::TableKind::kShared) spec.options.access_level = catalog::AccessLevel::kPublicWrite;
    if (kind == catalog::TableKind::kStream) spec.options.ttl_seconds = 60;
    spec.columns = std::move(columns);
    spec.checks = std::move(checks);
    spec.check_columns = std::move(check_columns);
    spec.owner = root_.user;
    spec.owner_name = "root";
    auto made = catalog::MakeTable(std::move(spec));
    EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.error().message);
    Put(*made, SchemaVersion());
    return *made;
  }
  void Put(catalog::TablePtr table, SchemaVersion expected) {
    storage::CommitRequest request;
    catalog::Change change;
    change.table = std::move(table);
    change.expected_version = expected;
    request.catalog_changes.push_back(std::move(change));
    const auto outcome = database_->commits().Run(std::move(request));
    EXPECT_EQ(outcome.kind, storage::CommitOutcome::Kind::kCommitted) << outcome.error.message;
  }
  catalog::TablePtr Find(const std::string& name) { return database_->View()->catalog->FindTable("default", name); }
  void Alter(const std::string& name, const std::vector<catalog::AlterAction>& actions) {
    const auto table = Find(name);
    auto altered = catalog::ApplyAlter(*table, actions, {"root", clock_.NowMicros()});
    ASSERT_TRUE(altered.ok()) << altered.error().message;
    if (altered->table != nullptr) Put(altered->table, table->version());  // else nothing changes
  }
  void Flush(const std::string& name) {
    auto flushed = database_->FlushTable(Find(name)->id, true);
    ASSERT_TRUE(flushed.ok()) << flushed.error().message;
  }

  Result<StatementResult> Run(const auth::Identity& who, const std::string& sql, TextSink* sink,
                              std::vector<duckdb::Value> params = {}) {
    duckdb::Parser parser;
    parser.ParseQuery(sql);
    QueryInput input;
    input.statement = parser.statements[0].get();
    for (auto& param : params) input.params.push_back(param);
    ExecuteContext context;
    context.identity = who;
    context.now = clock_.NowMicros();
    context.durability = storage::Durability::kWal;
    return bridge_->runner().Run(input, context, sink);
  }
  // Rows, one a line; or "CODE: message".
  std::string Sql(const std::string& sql, std::vector<duckdb::Value> params = {}) {
    return SqlAs(alice_, sql, std::move(params));
  }
  std::string SqlAs(const auth::Identity& who, const std::string& sql, std::vector<duckdb::Value> params = {}) {
    TextSink sink;
    auto result = Run(who, sql, &sink, std::move(params));
    if (!result.ok()) return std::string(ErrorCodeName(result.error().code)) + ": " + result.error().message;
    return result->has_rows ? sink.rows : std::to_string(result->row_count);
  }

  TempDirectory dir_{"bridge"};
  SystemClock clock_;
  Metrics metrics_;
  Logger logger_;
  IdGenerators ids_{clock_, 1};
  std::unique_ptr<storage::Database> database_;
  std::unique_ptr<Bridge> bridge_;
  auth::Identity alice_, bob_, root_;
};

}  // namespace kalamdb::engine
