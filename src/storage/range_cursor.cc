// Cursors over a key range: hot rows from `rows`, cold ones in the order of the key index, merged.
#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "row/key_codec.h"
#include "row/row_codec.h"
#include "storage/cold_file.h"
#include "storage/key_index.h"
#include "storage/rows.h"

namespace kalamdb::storage {
namespace {

// Cold rows are read in batches of one look into each file; the first is small, for LIMITs.
constexpr size_t kFirstBatch = 16;
constexpr size_t kLargestBatch = 1024;

constexpr uint64_t kAskTime = 4096;  // rows between two looks at the clock

void FillBounds(RangeOptions* options, bool all_users) {
  std::string prefix =
      all_users ? row::TablePrefix(options->table) : row::PartitionPrefix(options->table, options->user);
  if (options->lower.empty()) options->lower = prefix;
  if (options->upper.empty()) options->upper = row::PrefixEnd(prefix);
}

// Steps of an iterator in the direction of the scan.
class Walker {
 public:
  Walker(const kv::Store& store, kv::Family family, const ReadView& view, const RangeOptions& options)
      : reverse_(options.reverse),
        iterator_(store.NewIterator(
            family,
            {.lower = options.lower, .upper = options.upper, .snapshot = view.snapshot.get(), .tier = options.tier})) {}

  // Onto the first entry, then from each to the next.
  void Advance() {
    if (!started_) {
      started_ = true;
      reverse_ ? iterator_->SeekToLast() : iterator_->SeekToFirst();
    } else {
      reverse_ ? iterator_->Prev() : iterator_->Next();
    }
  }
  const kv::Iterator& at() const { return *iterator_; }

 private:
  const bool reverse_;
  const std::unique_ptr<kv::Iterator> iterator_;
  bool started_ = false;
};

// Hot rows above the floor.
class HotSource {
 public:
  HotSource(const kv::Store& store, const ReadView& view, const RangeOptions& options)
      : floor_(view.ColdOf(options.table).floor),
        include_deleted_(options.include_deleted),
        expire_before_(options.expire_before),
        walker_(store, kv::Family::kRows, view, options) {}

  // To the next visible row; false at the end.
  Result<bool> Advance() {
    for (walker_.Advance(); walker_.at().Valid(); walker_.Advance()) {
      std::string_view row = walker_.at().value();
      if (row.size() < row::kRowHeaderBytes) return Error{ErrorCode::kStorageUnavailable, "a hot row is damaged"};
      if (row::RowSeq(row) <= floor_ || (row::RowIsDeleted(row) && !include_deleted_)) continue;
      if (expire_before_ != 0 && row::RowUpdated(row) < expire_before_) continue;
      return true;
    }
    RETURN_IF_ERROR(walker_.at().status());
    return false;
  }
  std::string_view key() const { return walker_.at().key(); }
  std::string_view row() const { return walker_.at().value(); }
  bool not_cached() const { return walker_.at().not_cached(); }

 private:
  const Seq floor_;
  const bool include_deleted_;
  const Micros expire_before_;
  Walker walker_;
};

// Live cold rows in key order. The key of the next one is known from the index alone; its file is read when it is
// taken.
class ColdSource {
 public:
  ColdSource(const kv::Store& store, const ReadView& view, ColdFileFormat* format, const RangeOptions& options)
      : cold_(view.ColdOf(options.table)),
        table_(view.catalog->FindTable(options.table)),
        format_(format),
        include_deleted_(options.include_deleted),
        expire_before_(options.expire_before),
        cache_only_(options.tier == kv::ReadTier::kCacheOnly),
        walker_(store, kv::Family::kKeys, view, options) {}

  struct Candidate {
    std::string key;
    ColdPlace place;
    std::string row;
    bool fetched = false;
  };

  // The next key, deleted or not; nullptr at the end.
  Result<const Candidate*> Peek() {
    if (candidates_.empty()) RETURN_IF_ERROR(Gather(1));
    return candidates_.empty() ? nullptr : &candidates_.front();
  }

  // Takes the row of the key that Peek() showed; nothing where it is not visible.
  Result<std::optional<Candidate>> Take() {
    if (!candidates_.front().fetched) {
      if (cache_only_) {
        not_cached_ = true;
        return std::optional<Candidate>();
      }
      RETURN_IF_ERROR(Gather(batch_));
      RETURN_IF_ERROR(Fetch());
      batch_ = std::min(batch_ * 4, kLargestBatch);
    }
    Candidate taken = std::move(candidates_.front());
    candidates_.pop_front();
    bool hidden = row::RowIsDeleted(taken.row) && !include_deleted_;
    if (expire_before_ != 0 && row::RowUpdated(taken.row) < expire_before_) hidden = true;
    if (hidden) return std::optional<Candidate>();
    return std::optional(std::move(taken));
  }
  bool not_cached() const { return not_cached_; }

 private:
  // Reads the index until `count` candidates are there or it ends.
  Status Gather(size_t count) {
    while (candidates_.size() < count && !ended_) {
      walker_.Advance();
      if (!walker_.at().Valid()) {
        ended_ = true;
        not_cached_ = walker_.at().not_cached();
        return walker_.at().status();
      }
      ASSIGN_OR_RETURN(std::optional<ColdPlace> place, FindLivePlace(cold_, walker_.at().value()));
      if (place) candidates_.push_back({.key = std::string(walker_.at().key()), .place = *place});
    }
    return {};
  }

  Status Fetch() {
    std::map<SegmentId, std::map<uint32_t, Candidate*>> wanted;
    for (Candidate& candidate : candidates_) {
      if (!candidate.fetched) wanted[candidate.place.segment][candidate.place.row] = &candidate;
    }
    for (auto& [segment, by_number] : wanted) {
      std::vector<uint32_t> numbers;
      for (const auto& [number, candidate] : by_number) numbers.push_back(number);
      std::vector<std::string> rows;
      RETURN_IF_ERROR(format_->ReadRows(*table_, *cold_.Find(segment)->record, numbers, &rows));
      KALAM_CHECK(rows.size() == numbers.size());
      size_t next = 0;
      for (auto& [number, candidate] : by_number) {
        candidate->row = std::move(rows[next++]);
        candidate->fetched = true;
        if (candidate->row.size() < row::kRowHeaderBytes) {
          return Error{ErrorCode::kStorageUnavailable,
                       "a row of segment " + std::to_string(segment.value) + " is damaged"};
        }
      }
    }
    return {};
  }

  const TableCold& cold_;
  const catalog::TablePtr table_;
  ColdFileFormat* const format_;
  const bool include_deleted_;
  const Micros expire_before_;
  const bool cache_only_;
  Walker walker_;
  std::deque<Candidate> candidates_;
  size_t batch_ = kFirstBatch;
  bool ended_ = false;
  bool not_cached_ = false;
};

class MergeCursor final : public RangeCursor {
 public:
  MergeCursor(ReadViewPtr view, const kv::Store& store, ColdFileFormat* format, RangeOptions options, bool with_cold)
      : view_(std::move(view)), reverse_(options.reverse), hot_(store, *view_, options) {
    with_cold = with_cold && !view_->ColdOf(options.table).segments.empty() &&
                view_->catalog->FindTable(options.table) != nullptr;
    if (with_cold) cold_.emplace(store, *view_, format, options);
  }

  Result<bool> Next() override {
    if (not_cached_) return false;
    if (++steps_ % kAskTime == 0) RETURN_IF_ERROR(CheckAge());
    if (hot_taken_ && !hot_ended_) {
      ASSIGN_OR_RETURN(bool there, hot_.Advance());
      hot_ended_ = !there;
      hot_taken_ = false;
      if (hot_ended_ && hot_.not_cached()) return StopNotCached();
    }
    while (cold_) {
      ASSIGN_OR_RETURN(const ColdSource::Candidate* candidate, cold_->Peek());
      if (candidate == nullptr) {
        if (cold_->not_cached()) return StopNotCached();
        break;
      }
      if (!hot_ended_ && (hot_.key() < candidate->key) != reverse_) break;
      ASSIGN_OR_RETURN(std::optional<ColdSource::Candidate> taken, cold_->Take());
      if (cold_->not_cached()) return StopNotCached();
      if (taken) return ShowCold(*std::move(taken));
    }
    if (hot_ended_) return false;
    key_ = hot_.key();
    row_ = hot_.row();
    place_ = {.kind = Place::Kind::kHot, .hot_seq = row::RowSeq(row_)};
    hot_taken_ = true;
    return true;
  }
  std::string_view key() const override { return key_; }
  const Place& place() const override { return place_; }
  std::string_view row() const override { return row_; }
  bool deleted() const override { return row::RowIsDeleted(row_); }
  bool not_cached() const override { return not_cached_; }

 private:
  Status CheckAge() const {
    if (StopwatchNanos() - started_ns_ < kMaxScanMicros * 1000) return {};
    return Error{ErrorCode::kSnapshotTooOld, "the scan has taken more than 10 minutes", "read in ranges of the key"};
  }
  bool StopNotCached() {
    not_cached_ = true;
    return false;
  }
  bool ShowCold(ColdSource::Candidate taken) {
    shown_ = std::move(taken);
    key_ = shown_.key;
    row_ = shown_.row;
    place_ = {.kind = Place::Kind::kCold, .segment = shown_.place.segment, .row = shown_.place.row};
    return true;
  }

  const ReadViewPtr view_;
  const bool reverse_;
  const int64_t started_ns_ = StopwatchNanos();
  uint64_t steps_ = 0;
  HotSource hot_;
  std::optional<ColdSource> cold_;
  bool hot_taken_ = true;  // the hot row in front was given out (or none was read yet)
  bool hot_ended_ = false;
  bool not_cached_ = false;
  ColdSource::Candidate shown_;
  std::string_view key_, row_;
  Place place_;
};

}  // namespace

std::unique_ptr<RangeCursor> NewRangeCursor(ReadViewPtr view, kv::Store* store, ColdFileFormat* format,
                                            RangeOptions options) {
  FillBounds(&options, false);
  return std::make_unique<MergeCursor>(std::move(view), *store, format, std::move(options), true);
}

std::unique_ptr<RangeCursor> NewHotCursor(ReadViewPtr view, kv::Store* store, RangeOptions options, bool all_users) {
  FillBounds(&options, all_users);
  return std::make_unique<MergeCursor>(std::move(view), *store, nullptr, std::move(options), false);
}

}  // namespace kalamdb::storage
