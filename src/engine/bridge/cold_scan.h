// The cold side of a scan: one segment, read by row groups through DuckDB's Parquet reader, mapped by column id.
//
// ColdScan is shared by the threads of a scan (immutable after Open); a ColdCursor is one thread's. First the caller's
// row range and the deletion bits, inside the reader; then filters that the file's types can carry without a loss; the
// others, like those on absent columns, after the cast to today's types.
#pragma once

#include <memory>
#include <vector>

#include "base/error.h"
#include "engine/bridge/scan_state.h"
#include "storage/segment.h"

namespace kalamdb::engine {

duckdb::Value OwnerValue(const ScanShared& shared);

class ColdScan {
 public:
  virtual ~ColdScan() = default;
  // nullptr: no row can pass the filters. Errors: kStorageUnavailable naming the segment.
  static Result<std::shared_ptr<ColdScan>> Open(duckdb::ClientContext& context, ScanShared& shared,
                                                const storage::ColdSegment& segment);
  virtual size_t group_count() const = 0;  // those that hold rows of the caller
  virtual std::unique_ptr<ColdCursor> NewCursor(duckdb::ClientContext& context, size_t group) = 0;
};

class ColdCursor {
 public:
  virtual ~ColdCursor() = default;
  // Fills local.chunk with the next rows that are left. False at the end of the row group.
  virtual bool Next(duckdb::ClientContext& context, ScanLocal& local, size_t* count) = 0;
};

// The next rows of local.cold into local.chunk; *done at the end of the piece.
size_t ScanCold(duckdb::ClientContext& context, ScanShared& shared, ScanLocal& local, bool* done);

}  // namespace kalamdb::engine
