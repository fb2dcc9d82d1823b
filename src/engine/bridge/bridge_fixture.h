// What the tests of the bridge share: a database with Parquet, tables, and SQL in one word.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "duckdb/parser/parser.hpp"
#include "engine/bridge/bridge.h"
#include "engine/database_fixture.h"

namespace kalamdb::engine {

class BridgeFixture : public DatabaseFixture {
 protected:
  void SetUp() override { Open(); }
  storage::ColdFileFormat* OpenEngine() override {
    EngineOptions options;
    options.data_dir = dir_.path();
    options.transaction_rows = 20'000;
    options.memory_bytes = 128u << 20;
    auto bridge = Bridge::Open(options, database_.get(), &clock_, &ids_, &metrics_, &logger_);
    EXPECT_TRUE(bridge.ok()) << bridge.error().message;
    if (!bridge.ok()) return nullptr;
    bridge_ = *std::move(bridge);
    return bridge_->format();
  }
  void CloseEngine() override { bridge_.reset(); }

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

  Result<StatementResult> Run(const auth::Identity& who, const std::string& sql, LineSink* sink,
                              std::vector<duckdb::Value> params = {}) {
    return RunIn(ContextOf(who), sql, sink, std::move(params));
  }
  // For what an ExecuteContext says: the time, a deadline, a cancellation.
  Result<StatementResult> RunIn(const ExecuteContext& context, const std::string& sql, LineSink* sink,
                                std::vector<duckdb::Value> params = {}) {
    duckdb::Parser parser;
    parser.ParseQuery(sql);
    QueryInput input;
    input.statement = parser.statements[0].get();
    for (auto& param : params) input.params.push_back(param);
    return bridge_->runner().Run(input, context, sink);
  }
  // Rows, one a line; or "CODE: message".
  std::string Sql(const std::string& sql, std::vector<duckdb::Value> params = {}) {
    return SqlAs(alice_, sql, std::move(params));
  }
  std::string SqlAs(const auth::Identity& who, const std::string& sql, std::vector<duckdb::Value> params = {}) {
    LineSink sink;
    auto result = Run(who, sql, &sink, std::move(params));
    if (!result.ok()) return Shown(result.error());
    return result->has_rows ? sink.rows : std::to_string(result->row_count);
  }

  IdGenerators ids_{clock_, 1};
  std::unique_ptr<Bridge> bridge_;
};

}  // namespace kalamdb::engine
