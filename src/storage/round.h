// One commit round: the requests of a group compared, numbered and gathered into one batch.
//
// A Round lives for one group on the committing thread. It starts from the newest view, never reads a file, and changes
// nothing outside itself: the committer writes the batch and publishes the view that Finish() makes.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "kv/store.h"
#include "storage/commit.h"
#include "storage/erased_users.h"
#include "storage/read_view.h"

namespace kalamdb::storage {

class Round {
 public:
  struct Input {
    ReadViewPtr base;
    const kv::Store* store = nullptr;
    kv::ReadTier tier = kv::ReadTier::kAll;  // kCacheOnly on threads that must not block
    Micros now = 0;
    const ErasedUsers* erased = nullptr;
    bool alone = false;  // one request only: nothing to compare it with but the store
  };
  explicit Round(Input input);

  enum class Verdict : uint8_t { kAdded, kMoved, kSchema, kFailed, kNotCached };
  // Compares the whole request, then adds it; unless kAdded the round and the request are as before. kFailed: *error
  // says why.
  Verdict Add(CommitRequest& request, Error* error);

  // For jobs, which are alone in their round: direct access to what is built.
  const ReadView& base() const { return *input_.base; }
  const kv::Store& store() const { return *input_.store; }
  kv::Batch& batch() { return batch_; }
  TableCold& MutableCold(TableId table);
  void EraseCold(TableId table);
  void SetBit(TableId table, SegmentId segment, uint32_t row) { bits_[{table.value, segment.value}].push_back(row); }
  const TableCold& Cold(TableId table) const;

  bool empty() const { return commits_.empty() && batch_.Count() == 0 && bits_.empty(); }
  size_t rows() const { return rows_; }
  const std::vector<UserId>& erased() const { return erased_; }  // dropped by these commits
  const std::vector<std::shared_ptr<const Commit>>& commits() const { return commits_; }

  // Completes the batch and makes the view that follows it, but for its snapshot. Once, at the end.
  std::unique_ptr<ReadView> Finish();

 private:
  Verdict Compare(const CommitRequest& request, const catalog::Snapshot& catalog, Error* error);
  Verdict CompareWrite(const WriteSet& write, const catalog::Snapshot& catalog, Error* error);
  Verdict CompareKey(const TableCold& cold, uint64_t observed_generation, std::string_view key, const Place& observed,
                     Error* error);
  Verdict CompareBulk(const BulkCommit& bulk, const catalog::Snapshot& catalog, Error* error);
  void AddWrite(WriteSet& write, uint32_t* ordinal);
  void AddCatalogChanges(CommitRequest& request, Commit* commit, uint32_t* ordinal);
  void AddBulk(const std::shared_ptr<BulkCommit>& bulk, uint32_t* ordinal);
  bool IsErased(UserId user) const;
  void LeavePlace(TableId table, const Place& observed);
  void FlipBits(TableId table, SegmentId segment, const std::vector<uint32_t>& rows);

  const Input input_;
  kv::Batch batch_;
  Seq seq_;
  Micros updated_ = 0;
  catalog::SnapshotPtr catalog_;
  std::map<uint32_t, std::unique_ptr<TableCold>> cold_;                  // changed in this round; nullptr: gone
  std::map<std::pair<uint32_t, uint64_t>, std::vector<uint32_t>> bits_;  // (table, segment) → rows that died
  std::unordered_map<std::string_view, bool> overlay_;  // keys changed in this round → there is a hot row now
  std::vector<std::shared_ptr<const Commit>> commits_;
  std::vector<UserId> erased_;
  size_t rows_ = 0;
  kv::Pinned pinned_;
  std::string scratch_;
};

}  // namespace kalamdb::storage
