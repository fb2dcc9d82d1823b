// A subscription's snapshot between its reading and its last batch: rows as JSON, cut into batches.
//
// Filled at once by LiveSelect::ReadSnapshot, emptied by the client's credit. One thread at a time. In memory while
// small and while all spools together have room (SpoolBudget), else in an unlinked file.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/spool.h"
#include "engine/result.h"

namespace kalamdb::live {

inline constexpr uint64_t kSpoolMemoryBytes = 256u << 10;       // of one snapshot
inline constexpr uint64_t kAllSpoolsMemoryBytes = 64ull << 20;  // of all

// Counts the memory that spools may use. Thread-safe.
class SpoolBudget {
 public:
  uint64_t Reserve();  // kSpoolMemoryBytes, or 0 where all is in use
  void Release(uint64_t bytes) { used_.fetch_sub(bytes); }

 private:
  std::atomic<uint64_t> used_{0};
};

struct SnapshotSpoolOptions {
  uint32_t batch_rows = 500;
  size_t batch_bytes = 1u << 20;
  uint64_t limit_bytes = 1ull << 30;  // limits.snapshot_bytes
  std::string directory;
};

class SnapshotSpool final : public engine::RowSink {
 public:
  SnapshotSpool(SnapshotSpoolOptions options, SpoolBudget* budget);
  ~SnapshotSpool() override;

  engine::RowForm form() const override { return engine::RowForm::kObject; }
  char separator() const override { return '\n'; }  // never within a JSON object, so rows can be told apart
  Status OnSchema(const engine::ResultSchema&) override;
  Status OnRows(std::string_view json, size_t count) override;

  // REQUIRES: nothing is added any more. At least one batch, perhaps empty.
  size_t batch_count() const { return starts_.size(); }
  Result<std::string> ReadBatch(size_t number);  // rows joined by commas

 private:
  Status AddRow(std::string_view row);

  const SnapshotSpoolOptions options_;
  SpoolBudget* const budget_;
  const uint64_t reserved_;
  Spool spool_;
  std::vector<uint64_t> starts_;  // where each batch begins; the first at 0
  uint32_t rows_in_batch_ = 0;
};

}  // namespace kalamdb::live
