// Cuts the stream of rows at batch boundaries.
#include "live/snapshot_spool.h"

#include <algorithm>
#include <utility>

namespace kalamdb::live {

uint64_t SpoolBudget::Reserve() {
  if (used_.fetch_add(kSpoolMemoryBytes) + kSpoolMemoryBytes <= kAllSpoolsMemoryBytes) return kSpoolMemoryBytes;
  used_.fetch_sub(kSpoolMemoryBytes);
  return 0;
}

SnapshotSpool::SnapshotSpool(SnapshotSpoolOptions options, SpoolBudget* budget)
    : options_(std::move(options)),
      budget_(budget),
      reserved_(budget->Reserve()),
      spool_({.memory_bytes = reserved_,
              .limit_bytes = options_.limit_bytes,
              .limit_name = "limits.snapshot_bytes",
              .directory = options_.directory}),
      starts_{0} {}

SnapshotSpool::~SnapshotSpool() { budget_->Release(reserved_); }

Status SnapshotSpool::OnSchema(const engine::ResultSchema&) {
  RETURN_IF_ERROR(spool_.Truncate(0));
  starts_ = {0};
  rows_in_batch_ = 0;
  return {};
}

Status SnapshotSpool::OnRows(std::string_view json, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const size_t end = std::min(json.find('\n'), json.size());
    RETURN_IF_ERROR(AddRow(json.substr(0, end)));
    json.remove_prefix(std::min(end + 1, json.size()));
  }
  return {};
}

Status SnapshotSpool::AddRow(std::string_view row) {
  const uint64_t in_batch = spool_.size() - starts_.back();
  if (rows_in_batch_ > 0 && (rows_in_batch_ >= options_.batch_rows || in_batch + row.size() > options_.batch_bytes)) {
    starts_.push_back(spool_.size());
    rows_in_batch_ = 0;
  }
  Status added = rows_in_batch_ > 0 ? spool_.Append(",") : Status();
  if (added.ok()) added = spool_.Append(row);
  if (!added.ok()) {
    if (added.error().code == ErrorCode::kTooLarge) added.error().hint = "ask for fewer rows with last_rows";
    return added;
  }
  ++rows_in_batch_;
  return {};
}

Result<std::string> SnapshotSpool::ReadBatch(size_t number) {
  const uint64_t start = starts_[number];
  const uint64_t end = number + 1 < starts_.size() ? starts_[number + 1] : spool_.size();
  std::string rows;
  RETURN_IF_ERROR(spool_.Read(start, end - start, &rows));
  return rows;
}

}  // namespace kalamdb::live
