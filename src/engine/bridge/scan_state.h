// The pieces of a running scan: what is shared by its threads, and what belongs to one.
#pragma once

#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "duckdb.hpp"
#include "duckdb/function/table_function.hpp"
#include "engine/bridge/chunk_codec.h"
#include "engine/bridge/run_state.h"
#include "engine/bridge/scan_filters.h"
#include "storage/rows.h"

namespace kalamdb::engine {

class ColdScan;

inline constexpr size_t kMorselRows = 10'240;  // hot rows in one piece; the first is one vector, for LIMIT
inline constexpr size_t kMorselBytes = 4u << 20;

// Hot rows taken from the cursor, not decoded yet.
struct HotMorsel {
  duckdb::buffer_ptr<RowBytesBuffer> buffer;
  std::vector<std::string_view> rows;
  size_t next = 0;
};

// A row group of a segment.
struct ColdPiece {
  std::shared_ptr<ColdScan> segment;
  size_t group = 0;
};

class ScanShared final : public duckdb::GlobalTableFunctionState {
 public:
  ScanShared(RunState& run_state, catalog::TablePtr table_ptr) : run(run_state), table(std::move(table_ptr)) {}

  RunState& run;
  const catalog::TablePtr table;
  UserId user;
  std::vector<ScanColumn> columns;
  std::vector<size_t> projection;  // empty = all columns in order
  duckdb::optional_ptr<duckdb::TableFilterSet> filters;
  bool with_deleted = false, needs_old = false;
  KeyBounds bounds;
  Micros expire_before = 0;
  size_t threads = 1;

  std::mutex mutex;  // guards what follows
  std::unique_ptr<storage::RangeCursor> hot;
  bool hot_done = false;
  size_t hot_morsels = 0;
  std::vector<const storage::ColdSegment*> segments;  // those that are left after pruning; owned by the view
  size_t next_segment = 0;
  std::shared_ptr<ColdScan> open_segment;
  size_t next_group = 0;
  size_t next_batch = 0;

  duckdb::idx_t MaxThreads() const override { return threads; }
};

class ScanLocal final : public duckdb::LocalTableFunctionState {
 public:
  ScanLocal(duckdb::ClientContext& context, ScanShared& shared);

  ScanFilters filters;
  duckdb::DataChunk chunk;  // all columns of the scan
  HotMorsel hot;
  ColdPiece cold;
  std::unique_ptr<class ColdCursor> cold_cursor;
  size_t batch_index = 0;
};

// Decodes and judges the next vector of the morsel into local.chunk. Returns the rows kept (0: all fell out, or the
// morsel is done).
size_t ScanHot(ScanShared& shared, ScanLocal& local);

}  // namespace kalamdb::engine
