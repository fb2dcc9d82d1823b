// Rows of any schema version into segments of the newest one: the writer of a flush and a compaction.
//
// A row with a value that the newest type cannot hold (a DATE beyond the range of TIMESTAMP) goes as it is into a
// segment of its own version: reading it is an error that names the column, and everything beside it goes on.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/segment_writer.h"
#include "storage/upgrader.h"

namespace kalamdb::storage {

// One thread's; the rules of SegmentWriter hold.
class UpgradingWriter {
 public:
  // `durable`: a view whose commits are on disk.
  UpgradingWriter(const StorageContext& context, catalog::TablePtr table, ReadViewPtr durable);

  // An encoded, stamped row of any version of the table. Users ascend.
  Status Append(std::string_view row_key, std::string_view row);
  Status Cut();     // the next row begins a new segment
  Status Finish();  // see SegmentWriter

  // After Finish().
  std::vector<SegmentId> ids() const;           // ascending
  std::vector<SegmentRecord> segments() const;  // with files(), in one order
  std::vector<std::shared_ptr<SegmentFile>> files() const;
  std::vector<SegmentId> kept_old() const;  // those of older versions
  uint64_t rows() const;
  uint64_t bytes() const;
  void Keep();

 private:
  template <typename Visit>
  void ForEach(Visit visit) const;

  const StorageContext& context_;
  const catalog::TablePtr table_;
  const ReadViewPtr durable_;
  Upgrader upgrader_;
  std::string scratch_;
  SegmentWriter newest_;
  std::map<uint32_t, std::unique_ptr<SegmentWriter>> old_;  // by version
};

}  // namespace kalamdb::storage
