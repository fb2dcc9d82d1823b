// What the tests of storage share: a database in a temporary directory, a table, and short words for its statements.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/failpoint.h"
#include "base/files.h"
#include "row/key_codec.h"
#include "row/row_codec.h"
#include "storage/database.h"
#include "storage/plain_cold_format.h"
#include "storage/rows.h"

namespace kalamdb::storage {

// Keeps every group it is given.
class RecordingSink final : public ChangeSink {
 public:
  void OnCommit(std::shared_ptr<const CommitGroup> group) override {
    std::lock_guard lock(mutex_);
    for (const auto& commit : group->commits) seqs_.push_back(commit->seq.value);
  }
  std::vector<uint64_t> seqs() const {
    std::lock_guard lock(mutex_);
    return seqs_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<uint64_t> seqs_;
};

class StorageFixture : public testing::Test {
 protected:
  void SetUp() override {
    ResetFailpoints();
    Open();
    table_ = MakeTable("t", catalog::TableKind::kShared);
  }
  void TearDown() override {
    Close();
    ResetFailpoints();
  }

  void Open() {
    // Tests say themselves when segments are merged.
    auto opened = Database::Open({.data_dir = directory_,
                                  .hot_bytes = hot_bytes_,
                                  .segment_target_bytes = segment_target_,
                                  .auto_compaction = false},
                                 &clock_, &metrics_, &logger_);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    db_ = *std::move(opened);
    format_ = std::make_unique<PlainColdFormat>(JoinPath(directory_, "cold"));
    db_->Connect(format_.get(), &sink_);
    ASSERT_TRUE(db_->Start().ok());
    if (table_ != nullptr) table_ = db_->View()->catalog->FindTable(table_->id);
  }
  void Close() {
    if (db_ != nullptr) db_->Stop();
    db_.reset();
  }
  void Reopen() {
    Close();
    Open();
  }
  // As after kill -9: the next start finds no mark of a clean stop. (Writes reach the kernel with each commit.)
  void CrashAndReopen() {
    Close();
    auto store = kv::Store::Open(JoinPath(directory_, "kv"), {});
    ASSERT_TRUE(store.ok());
    kv::Batch batch;
    batch.Delete(kv::Family::kSystem, ".clean");
    ASSERT_TRUE((*store)->Write(batch, {}).ok());
    store->reset();
    Open();
  }

  catalog::TablePtr MakeTable(const std::string& name, catalog::TableKind kind, uint64_t ttl_seconds = 0) {
    auto table = std::make_shared<catalog::Table>();
    table->id = db_->NewTableId();
    table->namespace_name = "default";
    table->name = name;
    table->kind = kind;
    table->options.flush_rows = 0;
    table->options.flush_interval_s = 0;
    table->options.ttl_seconds = ttl_seconds;
    std::vector<row::Column> columns(2);
    columns[0] = {.id = ColumnId(1),
                  .name = "id",
                  .type = row::Type::Of(row::TypeKind::kBigInt),
                  .nullable = false,
                  .key_position = 1,
                  .added_in = SchemaVersion(1)};
    columns[1] = {
        .id = ColumnId(2), .name = "v", .type = row::Type::Of(row::TypeKind::kText), .added_in = SchemaVersion(1)};
    table->next_column_id = ColumnId(3);
    table->schemas.push_back(std::make_shared<row::Schema>(SchemaVersion(1), std::move(columns)));
    table->versions.push_back({.version = SchemaVersion(1), .changes = "CREATE TABLE"});
    CommitOutcome made = Put(table, SchemaVersion());
    EXPECT_EQ(made.kind, CommitOutcome::Kind::kCommitted) << made.error.message;
    return table;
  }
  CommitOutcome Put(catalog::TablePtr table, SchemaVersion expected) {
    CommitRequest request;
    request.catalog_changes.push_back(
        {.kind = catalog::Change::Kind::kPutTable, .table = std::move(table), .expected_version = expected});
    return db_->commits().Run(std::move(request));
  }
  // A version of the table with one more column.
  catalog::TablePtr AddColumn(const std::string& name, row::Value initial_default) {
    auto next = std::make_shared<catalog::Table>(*table_);
    std::vector<row::Column> columns = table_->schema()->columns();
    columns.push_back({.id = next->next_column_id,
                       .name = name,
                       .type = row::Type::Of(row::TypeKind::kText),
                       .added_in = table_->version().Next(),
                       .initial_default = std::move(initial_default)});
    next->next_column_id = next->next_column_id.Next();
    next->schemas.push_back(std::make_shared<row::Schema>(table_->version().Next(), std::move(columns)));
    next->versions.push_back({.version = next->version(), .changes = "ADD COLUMN " + name});
    next->write_version = next->version();
    EXPECT_EQ(Put(next, table_->version()).kind, CommitOutcome::Kind::kCommitted);
    return next;
  }

  std::string Key(int64_t id, UserId user = kSharedUser) {
    std::string key = row::PartitionPrefix(table_->id, user);
    row::AppendKeyValue(row::Type::Of(row::TypeKind::kBigInt), row::Value::Int(id), &key);
    return key;
  }
  std::string Encode(int64_t id, const std::string& v) {
    std::vector<row::Value> values = {row::Value::Int(id), row::Value::String(v)};
    values.resize(table_->schema()->size());
    return row::EncodeRow(*table_->schema(), row::RowLayout(*table_->schema()), values);
  }
  CommitOutcome Commit(std::shared_ptr<BulkCommit> bulk) {
    CommitRequest request;
    request.bulk = std::move(bulk);
    return db_->commits().Run(std::move(request));
  }
  std::string TextOf(std::string_view row) {
    const row::Schema& schema = *table_->schemas[row::RowVersion(row).value - 1];
    row::RowLayout layout(schema);
    EXPECT_TRUE(row::CheckRow(layout, row).ok());
    return row::RowValue(schema, layout, row, 1).as_string();
  }

  FoundRow Find(const ReadView& view, const std::string& key) {
    FoundRow found;
    auto outcome = FindRow(view, db_->store(), db_->format(), key, kv::ReadTier::kAll, &found);
    EXPECT_TRUE(outcome.ok()) << outcome.error().message;
    return found;
  }

  // What an engine does: reads what is there and says so. nullopt: a delete.
  CommitRequest Prepare(int64_t id, std::optional<std::string> v, UserId user = kSharedUser) {
    ReadViewPtr view = db_->View();
    RowChange change{.key = Key(id, user)};
    FoundRow found = Find(*view, change.key);
    change.observed = found.place;
    bool there = found.place.kind != Place::Kind::kNone && !found.deleted;
    if (there) change.old_row = found.row;
    if (v) {
      change.kind = there ? ChangeKind::kUpdate : ChangeKind::kInsert;
      change.row = Encode(id, *v);
    } else {
      change.kind = ChangeKind::kDelete;
      change.row = change.old_row;
      if (there) row::SetRowDeleted(&change.row, true);
    }
    CommitRequest request;
    WriteSet write{
        .table = table_, .cold_generation = view->ColdOf(table_->id).generation, .keep_deleted = keep_deleted_};
    write.changes.push_back(std::move(change));
    request.writes.push_back(std::move(write));
    request.durability = durability_;
    return request;
  }
  // Writes until it is committed; false: a delete of what is not there.
  bool Write(int64_t id, std::optional<std::string> v, UserId user = kSharedUser) {
    for (;;) {
      CommitRequest request = Prepare(id, v, user);
      if (request.writes[0].changes[0].row.empty()) return false;
      CommitOutcome outcome = db_->commits().Run(std::move(request));
      if (outcome.kind == CommitOutcome::Kind::kCommitted) return true;
      EXPECT_EQ(outcome.kind, CommitOutcome::Kind::kMoved) << outcome.error.message;
      if (outcome.kind != CommitOutcome::Kind::kMoved) return false;
    }
  }
  bool Delete(int64_t id, UserId user = kSharedUser) { return Write(id, std::nullopt, user); }
  void Flush() {
    auto flushed = db_->FlushTable(table_->id, true);
    ASSERT_TRUE(flushed.ok()) << flushed.error().message;
  }

  // Every live row of a partition in a view, by range cursor; checks that finding each by key says the same.
  std::map<int64_t, std::string> Rows(const ReadViewPtr& view, UserId user = kSharedUser, bool reverse = false) {
    std::map<int64_t, std::string> rows;
    auto cursor =
        NewRangeCursor(view, &db_->store(), db_->format(), {.table = table_->id, .user = user, .reverse = reverse});
    std::string before;
    for (;;) {
      auto there = cursor->Next();
      EXPECT_TRUE(there.ok()) << there.error().message;
      if (!there.ok() || !*there) break;
      if (!before.empty()) EXPECT_EQ(before < cursor->key(), !reverse);
      before = cursor->key();
      FoundRow found = Find(*view, before);
      EXPECT_EQ(found.place, cursor->place());
      EXPECT_EQ(found.row, cursor->row());
      std::string_view primary = row::PrimaryKeyOf(cursor->key());
      int64_t id = row::ReadKeyValue(row::Type::Of(row::TypeKind::kBigInt), &primary)->as_int();
      EXPECT_TRUE(rows.emplace(id, TextOf(cursor->row())).second) << "key " << id << " twice";
    }
    return rows;
  }
  std::map<int64_t, std::string> Rows(UserId user = kSharedUser) { return Rows(db_->View(), user); }

  TempDirectory dir_{"storage"};
  std::string directory_ = dir_.path();  // of the database
  SystemClock clock_;
  Metrics metrics_;
  Logger logger_;
  RecordingSink sink_;
  uint64_t hot_bytes_ = 0;
  uint64_t segment_target_ = 128ull << 20;
  Durability durability_ = Durability::kWal;
  bool keep_deleted_ = true;
  std::unique_ptr<Database> db_;
  std::unique_ptr<PlainColdFormat> format_;
  catalog::TablePtr table_;
};

using RowMap = std::map<int64_t, std::string>;

}  // namespace kalamdb::storage
