// The change log as one object: its floor, the epochs, the segments it keeps, and reading it.
#pragma once

#include <atomic>
#include <map>
#include <vector>

#include "base/mutex.h"
#include "storage/change_log.h"
#include "storage/cold_file.h"
#include "storage/recovery.h"

namespace kalamdb::storage {

// Thread-safe.
class LogReader final : public ChangeLog {
 public:
  LogReader(kv::Store* store, Seq floor, std::vector<Epoch> epochs, std::map<SegmentId, LogSegment> segments)
      : store_(store), epochs_(std::move(epochs)), floor_(floor.value), segments_(std::move(segments)) {}

  void Connect(ColdFileFormat* format) { format_ = format; }  // before any Read
  void SetPresent(std::function<Seq()> present) { present_ = std::move(present); }

  Status Read(const ReadViewPtr& view, const catalog::Table& table, UserId user, Seq from, Seq to,
              const std::function<bool(const LoggedChange&)>& visit) override;
  Seq FloorOf(TableId table) const override;
  bool KnowsSequence(Seq seq) const override;

  // The floor is on disk already; from now on nothing at or below it is read, and compaction may drop it.
  void RaiseFloor(Seq floor) { floor_ = floor.value; }

  // Segments of bulk commits stay on disk while the log names them.
  void KeepSegment(SegmentId id, LogSegment segment) EXCLUDES(mutex_);
  // Bytes of files that are there for the log alone: their segments have left the view.
  uint64_t BytesKept(const ReadView& view) const EXCLUDES(mutex_);
  // Takes out those of commits up to `floor`, or of a table.
  std::vector<std::pair<SegmentId, LogSegment>> ReleaseSegments(Seq floor) EXCLUDES(mutex_);
  std::vector<std::pair<SegmentId, LogSegment>> ReleaseSegmentsOf(TableId table) EXCLUDES(mutex_);
  std::vector<std::pair<SegmentId, LogSegment>> ReleaseSegments(const std::vector<SegmentId>& ids) EXCLUDES(mutex_);

 private:
  using Released = std::vector<std::pair<SegmentId, LogSegment>>;
  Released ReleaseWhere(const std::function<bool(SegmentId, const LogSegment&)>& goes) EXCLUDES(mutex_);
  Status ReadBulk(const catalog::Table& table, Seq seq, std::string_view records,
                  const std::function<bool(const LoggedChange&)>& visit, bool* go_on) const;

  std::shared_ptr<SegmentFile> FileOf(SegmentId id) const EXCLUDES(mutex_);

  kv::Store* const store_;
  const std::vector<Epoch> epochs_;  // constant: an epoch begins with a start
  ColdFileFormat* format_ = nullptr;
  std::function<Seq()> present_;
  std::atomic<uint64_t> floor_;
  mutable Mutex mutex_;
  std::map<SegmentId, LogSegment> segments_ GUARDED_BY(mutex_);
};

}  // namespace kalamdb::storage
