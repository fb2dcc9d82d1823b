// What all tests of the engine share: a database in a temporary directory, users, and a sink that keeps the rows of a
// statement.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/files.h"
#include "engine/engine.h"
#include "storage/database.h"

namespace kalamdb::engine {

// Rows as JSON arrays, one a line.
class LineSink final : public RowSink {
 public:
  Status OnSchema(const ResultSchema& given) override {
    schema = given;
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

class DatabaseFixture : public testing::Test {
 protected:
  void TearDown() override { Close(); }

  // Makes what is tested over the open, not yet started database, and says which format its cold files have.
  virtual storage::ColdFileFormat* OpenEngine() = 0;
  virtual void CloseEngine() = 0;

  void Open() {
    auto opened = storage::Database::Open({.data_dir = dir_.path()}, &clock_, &metrics_, &logger_);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    database_ = *std::move(opened);
    storage::ColdFileFormat* format = OpenEngine();
    ASSERT_NE(format, nullptr);
    database_->Connect(format, nullptr);
    ASSERT_TRUE(database_->Start().ok());
  }
  void Close() {
    if (database_ != nullptr) database_->Stop();
    CloseEngine();
    database_.reset();
  }

  ExecuteContext ContextOf(const auth::Identity& who, const std::vector<row::JsonParam>* params = nullptr) {
    ExecuteContext context;
    context.identity = who;
    context.params = params;
    context.now = clock_.NowMicros();
    context.durability = storage::Durability::kWal;
    return context;
  }
  static std::string Shown(const Error& error) { return std::string(ErrorCodeName(error.code)) + ": " + error.message; }

  TempDirectory dir_{"engine"};
  SystemClock clock_;
  Metrics metrics_;
  Logger logger_;
  std::unique_ptr<storage::Database> database_;
  const auth::Identity root_{.user = UserId(1), .name = "root", .role = auth::Role::kSystem};
  const auth::Identity alice_{.user = UserId(7), .name = "alice", .role = auth::Role::kUser};
  const auth::Identity bob_{.user = UserId(8), .name = "bob", .role = auth::Role::kUser};
  const auth::Identity service_{.user = UserId(9), .name = "svc", .role = auth::Role::kService};
};

}  // namespace kalamdb::engine
