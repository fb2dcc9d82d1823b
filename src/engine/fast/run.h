// Runs compiled plans against one view: reads to JSON, writes to a commit request. Nothing here waits but for files.
//
// Stateless functions, thread-safe. Every step may say that it is not for the calling thread (kNotCached) or not for
// the fast path at all (kOther: a value that does not convert, too many rows); then nothing has happened and the caller
// goes another way.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/error.h"
#include "engine/bridge/functions.h"
#include "engine/engine.h"
#include "engine/fast/plan.h"
#include "engine/front/value_places.h"
#include "storage/database.h"

namespace kalamdb::engine {

inline constexpr size_t kFastRows = 1'000;        // a range that finds more, or
inline constexpr size_t kFastBytes = 256u << 10;  // more JSON, goes to a worker

struct FastServices {
  storage::Database* database = nullptr;
  IdGenerators* ids = nullptr;
  // Of one execution for a text of the plan's shape: what stands in the place of the plan's own literals.
  const std::vector<row::Value>* literals = nullptr;
};

enum class FastStep : uint8_t { kReady, kNotCached, kOther };

struct FastRows {
  std::string json;  // rows joined by the sink's separator
  size_t count = 0;
};

struct FastRunOptions {
  kv::ReadTier tier = kv::ReadTier::kCacheOnly;
  size_t max_rows = kFastRows;
  size_t max_bytes = kFastBytes;
  RowForm form = RowForm::kArray;
  char separator = ',';
};

Result<FastStep> FastSelect(const FastServices& services, const FastPlan& plan, const storage::ReadViewPtr& view,
                            const ExecuteContext& context, const FastRunOptions& options, FastRows* rows);

struct FastWrite {
  storage::CommitRequest request;  // empty where nothing changes
  uint64_t count = 0;              // inserted, updated, matched
  FastRows returning;
  std::optional<ValuePlace> violated;  // where FastPrepare failed because of one value
};

// Errors: of the first row in order that may not be written, as the other path words them.
Result<FastStep> FastPrepare(const FastServices& services, const FastPlan& plan, const storage::ReadViewPtr& view,
                             const ExecuteContext& context, const FastRunOptions& options, FastWrite* write);

// The operand as a value of `type`; false where it does not convert (the other path says why).
bool EvaluateOperand(const FastServices& services, const FastOperand& operand, const row::Type& type,
                     const ExecuteContext& context, row::Value* value);

// `table | user | equal columns of the key …`. false: an operand does not convert; *null: one is NULL (nothing can
// match).
bool KeyPrefix(const FastServices& services, const FastPlan& plan, const ExecuteContext& context, std::string* key,
               bool* null);

}  // namespace kalamdb::engine
