// Reading a segment ahead of its consumer.
#include "storage/segment_reader.h"

#include <utility>

#include "base/executor.h"
#include "row/key_codec.h"
#include "row/row_codec.h"

namespace kalamdb::storage {

std::string RowKeyOf(const row::Schema& schema, const row::RowLayout& layout, TableId table, UserId user,
                     std::string_view row) {
  std::string key = row::PartitionPrefix(table, user);
  for (uint16_t ordinal : schema.key_ordinals()) {
    row::AppendKeyValue(schema.column(ordinal).type, row::RowValue(schema, layout, row, ordinal), &key);
  }
  return key;
}

SegmentReader::SegmentReader(ColdFileFormat* format, catalog::TablePtr table, ColdSegment segment)
    : format_(format), table_(std::move(table)), segment_(std::move(segment)), thread_([this] { ReadAll(); }) {}

SegmentReader::~SegmentReader() {
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

void SegmentReader::ReadAll() {
  SetThreadName("compact-read");
  const row::Schema& schema = *table_->schemas[segment_.record->schema_version.value - 1];
  row::RowLayout layout(schema);
  Rows rows;
  bool go_on = true;
  Status status = format_->ReadAll(*table_, *segment_.record, [&](uint32_t number, UserId user, std::string_view row) {
    rows.push_back({.key = RowKeyOf(schema, layout, table_->id, user, row),
                    .row = std::string(row),
                    .dead = segment_.deleted->Test(number)});
    if (rows.size() >= kBatchRows) go_on = Push(std::exchange(rows, {}));
    return go_on;
  });
  if (go_on && !rows.empty()) (void)Push(std::move(rows));
  MutexLock lock(mutex_);
  status_ = std::move(status);
  ended_ = true;
  changed_.NotifyAll();
}

bool SegmentReader::Push(Rows rows) {
  MutexLock lock(mutex_);
  while (ready_.size() >= kMaxBatches && !stopped_) changed_.Wait(mutex_);
  if (stopped_) return false;
  ready_.push_back(std::move(rows));
  changed_.NotifyAll();
  return true;
}

Result<const SegmentReader::Row*> SegmentReader::Next() {
  if (next_ < current_.size()) return &current_[next_++];
  MutexLock lock(mutex_);
  while (ready_.empty() && !ended_) changed_.Wait(mutex_);
  if (ready_.empty()) {
    RETURN_IF_ERROR(status_);
    return nullptr;
  }
  current_ = std::move(ready_.front());
  ready_.pop_front();
  changed_.NotifyAll();
  next_ = 1;
  return &current_[0];
}

}  // namespace kalamdb::storage
