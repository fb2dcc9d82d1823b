// One batch of rows a call, old ones first.
#include "live/change_judge.h"

#include <string>
#include <vector>

namespace kalamdb::live {
namespace {

Status AppendJudged(engine::LiveEvaluator& evaluator, const ChangeRows& change, bool was, bool is,
                    ChangeChunks* chunks) {
  std::string row, old_values;
  if (was && is) {
    RETURN_IF_ERROR(evaluator.AppendRow(change.new_row, &row));
    RETURN_IF_ERROR(evaluator.AppendOldValues(change.old_row, change.new_row, &old_values));
    chunks->Add(ChangeKind::kUpdate, row, old_values);
  } else if (was) {
    RETURN_IF_ERROR(evaluator.AppendRow(change.old_row, &old_values));
    chunks->Add(change.new_row.empty() ? ChangeKind::kDelete : ChangeKind::kLeftFilter, {}, old_values);
  } else if (is) {
    RETURN_IF_ERROR(evaluator.AppendRow(change.new_row, &row));
    chunks->Add(ChangeKind::kInsert, row, {});
  }
  return {};
}

}  // namespace

Status JudgeChanges(engine::LiveEvaluator& evaluator, std::span<const ChangeRows> changes, ChangeChunks* chunks) {
  std::vector<std::string_view> rows;
  rows.reserve(changes.size() * 2);
  for (const ChangeRows& change : changes) {
    if (!change.old_row.empty()) rows.push_back(change.old_row);
    if (!change.new_row.empty()) rows.push_back(change.new_row);
  }
  std::vector<bool> matched;
  RETURN_IF_ERROR(evaluator.Match(rows, &matched));
  size_t at = 0;
  for (const ChangeRows& change : changes) {
    const bool was = !change.old_row.empty() && matched[at++];
    const bool is = !change.new_row.empty() && matched[at++];
    RETURN_IF_ERROR(AppendJudged(evaluator, change, was, is, chunks));
  }
  return {};
}

}  // namespace kalamdb::live
