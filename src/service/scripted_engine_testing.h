// An engine for the tests of service whose statements do what their text says, and replies that are kept.
//
// Statements are split at ';'. "fast 3": three rows on the calling thread; "pending 2": two rows, done later by
// Finish(); "slow 4": four rows on a worker; "write": a message; "fail": an error at position 6; "wait": on a worker
// until cancelled; "big": 2 MiB on the calling thread if allowed; "commit": transaction control; "use x", "as u
// <statement>", "flush t", "create u", "drop u", "role u r": commands. "$n" anywhere names a parameter.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "service/sql_service.h"

namespace kalamdb::service {

class ScriptedStatement final : public engine::ParsedStatement {
 public:
  ScriptedStatement(std::string text, int64_t offset) : text_(std::move(text)), offset_(offset) {
    std::istringstream words(text_);
    words >> verb_ >> argument_;
    for (size_t at = 0; (at = text_.find('$', at)) != std::string::npos; ++at) {
      parameters_.push_back(static_cast<uint32_t>(std::stoul(text_.substr(at + 1))));
    }
    if (verb_ == "use") command_ = engine::UseNamespace{argument_};
    if (verb_ == "flush") command_ = engine::StorageJob{.name = {.name = argument_}, .wait = true};
    if (verb_ == "drop") command_ = engine::DropUser{argument_};
    if (verb_ == "create") {
      command_ =
          engine::CreateUser{.name = argument_, .password = "long enough 1", .email = "", .role = auth::Role::kUser};
    }
    if (verb_ == "role") {
      std::string role;
      words >> role;
      command_ = engine::AlterUser{.name = argument_, .role = auth::ParseRole(role)};
    }
    if (verb_ == "as") {
      const size_t inner = text_.find(' ', 3) + 1;
      command_ = engine::ExecuteAs{
          argument_, std::make_shared<ScriptedStatement>(text_.substr(inner), offset + static_cast<int64_t>(inner))};
    }
  }
  const engine::Command* command() const override { return command_ ? &*command_ : nullptr; }
  bool returns_rows() const override {
    return verb_ == "fast" || verb_ == "pending" || verb_ == "slow" || verb_ == "wait" || verb_ == "big" ||
           verb_ == "flush";
  }
  engine::QueryType query_type() const override {
    return returns_rows() ? engine::QueryType::kSelect : engine::QueryType::kInsert;
  }
  std::string_view text() const override { return text_; }
  const std::vector<uint32_t>& parameters() const override { return parameters_; }
  int64_t offset() const override { return offset_; }
  bool is_transaction_control() const override { return verb_ == "commit"; }
  const std::string& verb() const { return verb_; }
  int64_t rows() const { return argument_.empty() || argument_[0] == '$' ? 0 : std::stoll(argument_); }

 private:
  const std::string text_;
  const int64_t offset_;
  std::string verb_, argument_;
  std::optional<engine::Command> command_;
  std::vector<uint32_t> parameters_;
};

class ScriptedEngine final : public engine::Engine {
 public:
  storage::ColdFileFormat* cold_file_format() override { return nullptr; }
  void SetDependents(engine::DependentSubscriptions*) override {}
  void RegisterVirtualTable(engine::VirtualTable table) override { tables.push_back(std::move(table)); }
  Result<engine::LiveSelectPtr> CompileLive(std::string_view, const engine::ExecuteContext&) override {
    return Error{};
  }
  std::vector<engine::CacheRow> CacheStats() const override { return {}; }

  Result<engine::ScriptPtr> Parse(std::string_view sql) override {
    auto script = std::make_shared<std::vector<engine::StatementPtr>>();
    for (size_t at = 0; at <= sql.size();) {
      const size_t end = std::min(sql.find(';', at), sql.size());
      std::string text(sql.substr(at, end - at));
      if (text == "syntax")
        return Error{.code = ErrorCode::kInvalidSql, .message = "syntax", .position = static_cast<int64_t>(at) + 1};
      if (!text.empty()) script->push_back(std::make_shared<ScriptedStatement>(text, static_cast<int64_t>(at)));
      at = end + 1;
    }
    if (script->empty()) return Error{.code = ErrorCode::kEmptySql, .message = "no statement"};
    return engine::ScriptPtr(script);
  }

  engine::FastOutcome TryFast(const engine::StatementPtr& statement, const engine::ExecuteContext& context,
                              engine::RowSink* sink, engine::Completion completion) override {
    const auto& scripted = static_cast<const ScriptedStatement&>(*statement);
    if (scripted.verb() == "slow" || scripted.verb() == "wait") return engine::FastOutcome::kNeedsWorker;
    Result<engine::StatementResult> result = Run(scripted, context, sink);
    if (scripted.verb() == "pending") {
      std::lock_guard lock(mutex_);
      pending_.push_back([completion = std::move(completion), result]() mutable { completion(std::move(result)); });
      changed_.notify_all();
      return engine::FastOutcome::kPending;
    }
    completion(std::move(result));
    return engine::FastOutcome::kDone;
  }

  Result<engine::StatementResult> Execute(const engine::StatementPtr& statement, const engine::ExecuteContext& context,
                                          engine::RowSink* sink) override {
    const auto& scripted = static_cast<const ScriptedStatement&>(*statement);
    if (scripted.verb() == "wait") {
      {
        std::lock_guard lock(mutex_);
        ++waiting_;
        changed_.notify_all();
      }
      while (!context.cancelled->load() && !released_.load()) std::this_thread::yield();
      if (context.cancelled->load()) return Error{.code = ErrorCode::kCancelled, .message = "cancelled"};
    }
    return Run(scripted, context, sink);
  }

  // Completes the oldest pending statement on this thread, as the commit thread would.
  void Finish() {
    std::function<void()> finish;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return !pending_.empty(); });
      finish = std::move(pending_.front());
      pending_.erase(pending_.begin());
    }
    finish();
  }
  void AwaitWaiting(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_ >= count; });
  }
  void Release() { released_.store(true); }

  std::vector<engine::VirtualTable> tables;
  std::vector<std::string> ran;  // user, role, namespace and text; guarded by mutex_

 private:
  Result<engine::StatementResult> Run(const ScriptedStatement& statement, const engine::ExecuteContext& context,
                                      engine::RowSink* sink) {
    {
      std::lock_guard lock(mutex_);
      ran.push_back(context.identity.name + " " + std::string(auth::RoleName(context.identity.role)) + " " +
                    context.namespace_name + ": " + std::string(statement.text()));
    }
    engine::StatementResult result;
    result.query_type = statement.query_type();
    if (statement.verb() == "fail") return Error{.code = ErrorCode::kTypeMismatch, .message = "failed", .position = 6};
    if (statement.verb() == "bug") return Error{.code = ErrorCode::kInternal, .message = "secret detail"};
    if (!statement.returns_rows()) {
      result.row_count = 1;
      result.message = "Inserted 1 row(s)";
      return result;
    }
    result.has_rows = true;
    engine::ResultSchema schema;
    schema.columns = {{.name = "id", .data_type_json = "\"BigInt\"", .primary_key = true, .not_null = true},
                      {.name = "v", .data_type_json = "\"Text\""}};
    RETURN_IF_ERROR(sink->OnSchema(schema));
    const int64_t rows = statement.verb() == "big" ? 20'000 : statement.rows();
    for (int64_t i = 0; i < rows; ++i) {
      const std::string text = statement.verb() == "big" ? std::string(100, 'x') : "v" + std::to_string(i);
      RETURN_IF_ERROR(sink->OnRows("[\"" + std::to_string(i) + "\",\"" + text + "\"]", 1));
    }
    result.row_count = static_cast<uint64_t>(rows);
    return result;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::function<void()>> pending_;
  int waiting_ = 0;
  std::atomic<bool> released_{false};
};

class KeptReply final : public ReplyStream {
 public:
  void Complete(const Head& head, std::string body) override { Done(head, std::move(body)); }
  void Begin(const Head& head) override { head_ = head; }
  bool WaitForRoom(Micros) override { return !cancelled_.load() && !full.load(); }
  bool Write(std::string chunk) override {
    ++writes;
    text_ += chunk;
    return !cancelled_.load();
  }
  void End() override { Done(head_, std::move(text_)); }
  const std::atomic<bool>& cancelled() const override { return cancelled_; }

  void GoAway() { cancelled_.store(true); }
  std::atomic<bool> full{false};  // a client that takes nothing
  // The body; waits for it.
  std::string Body() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(10), [&] { return done_; }));
    return body_;
  }
  bool done() {
    std::lock_guard lock(mutex_);
    return done_;
  }
  std::optional<ErrorCode> error() {
    Body();
    return head_.error;
  }
  std::thread::id thread() {
    Body();
    return thread_;
  }
  int64_t retry_after_s() { return head_.retry_after_s; }
  std::string_view content_type() { return head_.content_type; }
  int writes = 0;

 private:
  void Done(const Head& head, std::string body) {
    std::lock_guard lock(mutex_);
    EXPECT_FALSE(done_) << "answered twice";
    head_ = head;
    body_ = std::move(body);
    thread_ = std::this_thread::get_id();
    done_ = true;
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  Head head_;
  std::string text_, body_;
  bool done_ = false;
  std::thread::id thread_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace kalamdb::service
