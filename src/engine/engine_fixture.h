// What the tests of class Engine share: a server's engine over a database, and SQL in one word.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/database_fixture.h"

namespace kalamdb::engine {

class EngineFixture : public DatabaseFixture {
 protected:
  void SetUp() override {
    Open();
    EXPECT_EQ(Sql("CREATE NAMESPACE IF NOT EXISTS app").substr(0, 2), "ok");
  }
  storage::ColdFileFormat* OpenEngine() override {
    EngineOptions options;
    options.data_dir = dir_.path();
    options.copy_directories = {files_.path()};
    auto engine = Engine::Open(options, database_.get(), &clock_, &metrics_, &logger_);
    EXPECT_TRUE(engine.ok()) << engine.error().message;
    if (!engine.ok()) return nullptr;
    engine_ = *std::move(engine);
    return engine_->cold_file_format();
  }
  void CloseEngine() override { engine_.reset(); }

  ExecuteContext ContextOf(const auth::Identity& who, const std::vector<row::JsonParam>* params = nullptr) {
    ExecuteContext context = DatabaseFixture::ContextOf(who, params);
    context.namespace_name = "app";
    if (now_ != 0) context.now = now_;
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

  using DatabaseFixture::Shown;
  static std::string Shown(const Result<StatementResult>& result, const LineSink& sink) {
    if (!result.ok()) return Shown(result.error());
    if (result->has_rows) return sink.rows;
    return "ok " + std::to_string(result->row_count);
  }
  static row::JsonParam Int(int64_t value) { return {row::JsonParam::Kind::kInteger, std::to_string(value)}; }
  static row::JsonParam Text(std::string value) { return {row::JsonParam::Kind::kString, std::move(value)}; }
  static row::JsonParam Null() { return {}; }

  TempDirectory files_{"copy"};
  Micros now_ = 0;  // the start of every statement; 0 = what the clock says
  std::unique_ptr<Engine> engine_;
};

}  // namespace kalamdb::engine
