// Checking keys of a bulk statement and writing its rows.
#include "storage/bulk_writer.h"

#include <algorithm>
#include <unordered_set>

#include "row/key_codec.h"
#include "storage/flush.h"
#include "storage/rows.h"
#include "storage/segment_writer.h"

namespace kalamdb::storage {
namespace {

class SegmentBulkWriter final : public BulkWriter {
 public:
  SegmentBulkWriter(const StorageContext& context, catalog::TablePtr table, UserId user, ReadViewPtr view,
                    std::shared_ptr<Watch> watch)
      : context_(context),
        table_(std::move(table)),
        user_(user),
        view_(std::move(view)),
        watch_(std::move(watch)),
        writer_(std::make_shared<SegmentWriter>(
            context_,
            SegmentWriterOptions{.table = table_, .schema = table_->schema(), .durable = view_, .bulk = true})) {}

  // True if the partition has no row at all, dead keys neither: then only keys of the statement itself can collide.
  Status LookForRows() {
    auto cursor =
        NewHotCursor(view_, context_.store, {.table = table_->id, .user = user_, .include_deleted = true}, false);
    ASSIGN_OR_RETURN(bool there, cursor->Next());
    partition_is_empty_ = !there && view_->ColdOf(table_->id).segments.empty();
    return {};
  }

  Status Append(std::string_view row_key, std::string_view row, bool keys_are_fresh) override {
    if (!keys_are_fresh) RETURN_IF_ERROR(CheckKey(row_key));
    if (row_key > greatest_key_) greatest_key_ = row_key;
    RETURN_IF_ERROR(writer_->Append(row_key, row, keys_are_fresh));
    if (writer_->unwritten_index().empty()) unwritten_.clear();
    return {};
  }

  uint64_t rows() const override { return writer_->rows(); }

  Result<std::shared_ptr<BulkCommit>> Finish() override {
    RETURN_IF_ERROR(writer_->Finish());
    RETURN_IF_ERROR(CatchUpWithWatch());
    auto commit = std::make_shared<BulkCommit>();
    commit->table = table_;
    commit->user = user_;
    commit->segments = writer_->segments();
    commit->files = writer_->files();
    commit->replaced = std::move(replaced_);
    commit->watch = std::move(watch_);
    commit->rows = writer_->rows();
    commit->writer = std::move(writer_);
    return commit;
  }

 private:
  // Keys that changed meanwhile: one of ours among them means that the statement has to look again.
  Status CatchUpWithWatch() {
    while (watch_->size() > kMaxCaughtUpInCommit) {
      DeadRows ours;
      RETURN_IF_ERROR(FindDeadRows(*context_.store, writer_->ids(), watch_->Take(), &ours));
      if (!ours.empty()) watch_->Overflow();
    }
    return {};
  }

  Error Duplicate(std::string_view row_key) const {
    return {ErrorCode::kUniqueViolation,
            "duplicate key in table " + table_->QualifiedName() + ": " +
                row::DescribeKey(*table_->schema(), row::PrimaryKeyOf(row_key)),
            "give each row a key of its own"};
  }

  Status CheckKey(std::string_view row_key) {
    bool ascending = row_key > greatest_key_;
    if (!ascending && IsAmongUnwritten(row_key)) return Duplicate(row_key);
    if (ascending && partition_is_empty_) return {};
    // The index of now: a row of this statement whose entry is written, or a cold row of before. A place that has gone
    // since the view was taken is in the watch.
    ASSIGN_OR_RETURN(kv::Lookup found,
                     context_.store->Get(kv::Family::kKeys, row_key, nullptr, kv::ReadTier::kAll, &pinned_));
    bool may_be_cold = found == kv::Lookup::kFound;
    if (may_be_cold && FindPlaceIn(writer_->ids(), pinned_.view())) return Duplicate(row_key);
    FoundRow row;
    if (may_be_cold) {
      auto outcome = FindRow(*view_, *context_.store, context_.format, row_key, kv::ReadTier::kAll, &row);
      if (!outcome.ok()) return std::move(outcome).error();
    } else {
      RETURN_IF_ERROR(FindHotRow(*view_, *context_.store, row_key, &row));
    }
    if (row.place.kind == Place::Kind::kNone) return {};
    if (!row.deleted) return Duplicate(row_key);
    if (replaced_.size() >= kMaxBulkReplaced) {
      return Error{
          ErrorCode::kTooLarge,
          "one bulk statement replaces at most " + std::to_string(kMaxBulkReplaced) + " rows that were deleted before",
          "set DELETED_RETENTION = 'off', or load in parts"};
    }
    replaced_.emplace_back(std::string(row_key), row.place);
    return {};
  }

  // Keys whose index entries still wait in the writer; gathered only once keys stop ascending.
  bool IsAmongUnwritten(std::string_view row_key) {
    const KeyIndex::Entries& waiting = writer_->unwritten_index();
    for (size_t i = unwritten_.size(); i < waiting.size(); ++i) unwritten_.insert(waiting[i].first);
    return unwritten_.contains(std::string(row_key));
  }

  const StorageContext context_;
  const catalog::TablePtr table_;
  const UserId user_;
  const ReadViewPtr view_;
  std::shared_ptr<Watch> watch_;
  std::shared_ptr<SegmentWriter> writer_;
  std::string greatest_key_;
  std::unordered_set<std::string> unwritten_;
  std::vector<std::pair<std::string, Place>> replaced_;
  bool partition_is_empty_ = false;
  kv::Pinned pinned_;
};

}  // namespace

Result<std::unique_ptr<BulkWriter>> MakeBulkWriter(const StorageContext& context, catalog::TablePtr table,
                                                   UserId user) {
  auto [view, watch] = context.committer->ViewWithWatch(table->id);
  RETURN_IF_ERROR(context.store->SyncWal());  // the view is what index entries are judged by
  auto writer = std::make_unique<SegmentBulkWriter>(context, std::move(table), user, view, watch);
  RETURN_IF_ERROR(writer->LookForRows());
  return std::unique_ptr<BulkWriter>(std::move(writer));
}

}  // namespace kalamdb::storage
