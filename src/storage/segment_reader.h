// Pulls the live rows of one segment in file order, while a thread of its own reads ahead.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "storage/cold_file.h"
#include "storage/segment.h"

namespace kalamdb::storage {

// One thread's, but for its own reader.
class SegmentReader {
 public:
  static constexpr size_t kBatchRows = 512;
  static constexpr size_t kMaxBatches = 4;  // read ahead

  SegmentReader(ColdFileFormat* format, catalog::TablePtr table, ColdSegment segment);
  ~SegmentReader();  // stops reading

  struct Row {
    std::string key;    // row key
    std::string row;    // as in the file, header complete
    bool dead = false;  // its bit is set
  };
  // The next row, dead ones too (their keys have index entries); nullptr at the end. Valid until the next call.
  Result<const Row*> Next() EXCLUDES(mutex_);

 private:
  using Rows = std::vector<Row>;
  void ReadAll() EXCLUDES(mutex_);
  bool Push(Rows rows) EXCLUDES(mutex_);

  ColdFileFormat* const format_;
  const catalog::TablePtr table_;
  const ColdSegment segment_;
  Rows current_;
  size_t next_ = 0;
  Mutex mutex_;
  CondVar changed_;
  std::deque<Rows> ready_ GUARDED_BY(mutex_);
  bool ended_ GUARDED_BY(mutex_) = false;
  bool stopped_ GUARDED_BY(mutex_) = false;
  Status status_ GUARDED_BY(mutex_);
  std::thread thread_;  // last: it uses the others
};

// Row key of an encoded row.
std::string RowKeyOf(const row::Schema& schema, const row::RowLayout& layout, TableId table, UserId user,
                     std::string_view row);

}  // namespace kalamdb::storage
