// What the tests of class Engine share: a server's engine over a database in a temporary directory, users, and SQL in
// one word.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/files.h"
#include "engine/engine.h"
#include "storage/database.h"

namespace kalamdb::engine {

class EngineFixture : public testing::Test {
 protected:
  // Gathers the rows of a statement, one JSON array a line.
  class LineSink final : public RowSink {
   public:
    Status OnSchema(const ResultSchema& given) override {
      schema = given;
      rows.clear();
      return {};
    }
    char separator() const override { return '\n'; }
    Status OnRows(std::string_view json, size_t) override {
      if (!rows.empty()) rows.push_back('\n');
      rows.append(json);
      return {};
    }
    ResultSchema schema;
    std::string rows;
  };

  void SetUp() override {
    Open();
    root_ = {.user = UserId(1), .name = "root", .role = auth::Role::kSystem};
    alice_ = {.user = UserId(7), .name = "alice", .role = auth::Role::kUser};
    bob_ = {.user = UserId(8), .name = "bob", .role = auth::Role::kUser};
    service_ = {.user = UserId(9), .name = "svc", .role = auth::Role::kService};
    EXPECT_EQ(Sql("CREATE NAMESPACE IF NOT EXISTS app").substr(0, 2), "ok");
  }
  void TearDown() override { Close(); }

  void Open() {
    auto opened = storage::Database::Open({.data_dir = dir_.path()}, &clock_, &metrics_, &logger_);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    database_ = *std::move(opened);
    EngineOptions options;
    options.data_dir = dir_.path();
    options.copy_directories = {files_.path()};
    auto engine = Engine::Open(options, database_.get(), &clock_, &metrics_, &logger_);
    ASSERT_TRUE(engine.ok()) << engine.error().message;
    engine_ = *std::move(engine);
    database_->Connect(engine_->cold_file_format(), nullptr);
    ASSERT_TRUE(database_->Start().ok());
  }
  void Close() {
    if (database_ != nullptr) database_->Stop();
    engine_.reset();
    database_.reset();
  }

  ExecuteContext ContextOf(const auth::Identity& who, const std::vector<row::JsonParam>* params = nullptr) {
    ExecuteContext context;
    context.identity = who;
    context.namespace_name = "app";
    context.params = params;
    context.now = now_ != 0 ? now_ : clock_.NowMicros();
    context.durability = storage::Durability::kWal;
    return context;
  }

  // On the caller's thread only; "worker" where it is for a worker.
  std::string Fast(const auth::Identity& who, const std::string& sql, const std::vector<row::JsonParam>& params = {}) {
    auto script = engine_->Parse(sql);
    if (!script.ok()) return Shown(script.error());
    const ExecuteContext context = ContextOf(who, &params);
    LineSink sink;
    std::mutex mutex;
    std::condition_variable ready;
    std::optional<Result<StatementResult>> result;
    const FastOutcome outcome = engine_->TryFast((**script)[0], context, &sink, [&](Result<StatementResult> given) {
      const std::lock_guard lock(mutex);
      result = std::move(given);
      ready.notify_one();
    });
    if (outcome == FastOutcome::kNeedsWorker) return "worker";
    std::unique_lock lock(mutex);
    ready.wait(lock, [&] { return result.has_value(); });
    return Shown(*result, sink);
  }

  // All statements of a text, as a worker runs them; what the last one answers.
  std::string SqlAs(const auth::Identity& who, const std::string& sql, const std::vector<row::JsonParam>& params = {}) {
    auto script = engine_->Parse(sql);
    if (!script.ok()) return Shown(script.error());
    const ExecuteContext context = ContextOf(who, &params);
    std::string shown;
    for (const StatementPtr& statement : **script) {
      LineSink sink;
      auto result = engine_->Execute(statement, context, &sink);
      shown = Shown(result, sink);
      if (!result.ok()) break;
    }
    return shown;
  }
  std::string Sql(const std::string& sql, const std::vector<row::JsonParam>& params = {}) {
    return SqlAs(root_, sql, params);
  }

  static std::string Shown(const Error& error) { return std::string(ErrorCodeName(error.code)) + ": " + error.message; }
  static std::string Shown(const Result<StatementResult>& result, const LineSink& sink) {
    if (!result.ok()) return Shown(result.error());
    if (result->has_rows) return sink.rows;
    return "ok " + std::to_string(result->row_count);
  }
  static row::JsonParam Int(int64_t value) { return {row::JsonParam::Kind::kInteger, std::to_string(value)}; }
  static row::JsonParam Text(std::string value) { return {row::JsonParam::Kind::kString, std::move(value)}; }
  static row::JsonParam Null() { return {}; }

  TempDirectory dir_{"engine"}, files_{"copy"};
  SystemClock clock_;
  Micros now_ = 0;  // the start of every statement; 0 = what the clock says
  Metrics metrics_;
  Logger logger_;
  std::unique_ptr<storage::Database> database_;
  std::unique_ptr<Engine> engine_;
  auth::Identity root_, alice_, bob_, service_;
};

}  // namespace kalamdb::engine
