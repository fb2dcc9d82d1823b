// Judges the changes of one commit on old and new row: what enters the filter, stays in it, leaves it.
//
// Pure but for the evaluator, which is one thread's.
#pragma once

#include <span>
#include <string_view>

#include "engine/live_select.h"
#include "live/frames.h"

namespace kalamdb::live {

struct ChangeRows {
  std::string_view old_row;  // empty: there was none
  std::string_view new_row;  // empty: the row was deleted
};

// Appends what the subscription is told. Errors: the predicate or a column's expression failed on a row.
Status JudgeChanges(engine::LiveEvaluator& evaluator, std::span<const ChangeRows> changes, ChangeChunks* chunks);

}  // namespace kalamdb::live
