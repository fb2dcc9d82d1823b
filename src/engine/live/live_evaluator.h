// Judges and writes encoded rows for one live select. Sees DuckDB: private to engine/.
//
// Equality terms and plain columns never reach the engine: they work on row bytes. The rest goes through the engine's
// own expression executor, in batches of up to STANDARD_VECTOR_SIZE rows; its state is made when first needed.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "duckdb/execution/expression_executor.hpp"
#include "engine/live/live_binding.h"
#include "row/row_codec.h"

namespace kalamdb::engine {

// A row that was checked, and how it reads under the table's newest version.
struct OpenRow {
  std::string_view bytes;
  const row::Projection* projection = nullptr;
};

// Rows of any version, checked; remembers the projections it has met. One thread's.
class RowOpener {
 public:
  explicit RowOpener(const catalog::Table& table) : table_(table) {}
  // Errors: kStorageUnavailable: damaged, or of an unknown version.
  Status Open(std::string_view row, OpenRow* out);

 private:
  const catalog::Table& table_;
  std::vector<row::ProjectionPtr> projections_;  // by version - 1
};

// Runs a program over batches of rows. One thread's.
class LiveProgramRunner {
 public:
  LiveProgramRunner(const LiveProgram& program, duckdb::ClientContext& context, std::string owner_name);

  // Decodes the program's columns of `rows`, at most STANDARD_VECTOR_SIZE; they stay valid as long as the rows' bytes.
  // Errors: kTypeMismatch (a widened value out of range).
  Status Load(std::span<const OpenRow> rows);
  // Indexes of the loaded rows for which all expressions are true. The engine's exceptions pass through.
  size_t Select(duckdb::SelectionVector* selected);
  // The value of one expression for the first loaded row. The engine's exceptions pass through.
  duckdb::Value Evaluate(size_t expression);

 private:
  Status Fill(const LiveInput& input, std::span<const OpenRow> rows, duckdb::Vector& out) const;

  const LiveProgram& program_;
  duckdb::ClientContext& context_;
  const std::string owner_name_;
  duckdb::DataChunk chunk_;
  size_t capacity_ = 0;
  std::vector<std::unique_ptr<duckdb::ExpressionExecutor>> executors_;  // one an expression
};

// A runner that is kept between batches as long as the session has memory for it. One thread's.
class LiveRunnerSlot {
 public:
  LiveRunnerSlot(const BoundLiveQuery& bound, const LiveProgram& program);
  ~LiveRunnerSlot() { Drop(); }
  LiveRunnerSlot(const LiveRunnerSlot&) = delete;
  LiveRunnerSlot& operator=(const LiveRunnerSlot&) = delete;

  LiveProgramRunner& Use();  // makes it where there is none
  void Done() {              // with this batch or row
    if (reserved_ == 0) runner_.reset();
  }
  void Drop();  // after an exception its state may be half way

 private:
  const BoundLiveQuery& bound_;
  const LiveProgram& program_;
  size_t bytes_ = 0;  // an estimate
  size_t reserved_ = 0;
  std::unique_ptr<LiveProgramRunner> runner_;
};

std::unique_ptr<LiveEvaluator> MakeLiveEvaluator(std::shared_ptr<const BoundLiveQuery> bound);

}  // namespace kalamdb::engine
