// Row bytes to chunks, chunks through the engine's executor.
#include "duckdb/planner/expression_iterator.hpp"
#include "engine/bridge/chunk_codec.h"
#include "engine/live/live_evaluator.h"

namespace kalamdb::engine {

Status RowOpener::Open(std::string_view row, OpenRow* out) {
  if (row.size() < row::kRowHeaderBytes)
    return Error{ErrorCode::kStorageUnavailable, "a row of table " + table_.QualifiedName() + " is damaged"};
  const SchemaVersion version = row::RowVersion(row);
  const size_t place = version.value - 1;
  if (place >= projections_.size() || projections_[place] == nullptr) {
    ASSIGN_OR_RETURN(row::ProjectionPtr projection, table_.ProjectionFrom(version));
    if (place >= projections_.size()) projections_.resize(place + 1);
    projections_[place] = std::move(projection);
  }
  out->bytes = row;
  out->projection = projections_[place].get();
  return row::CheckRow(out->projection->from_layout(), row);
}

LiveProgramRunner::LiveProgramRunner(const LiveProgram& program, duckdb::ClientContext& context, std::string owner_name)
    : program_(program), context_(context), owner_name_(std::move(owner_name)) {
  for (const auto& expression : program_.expressions) {
    executors_.push_back(std::make_unique<duckdb::ExpressionExecutor>(context_, *expression));
  }
}

Status LiveProgramRunner::Load(std::span<const OpenRow> rows) {
  KALAM_CHECK(rows.size() <= STANDARD_VECTOR_SIZE);
  if (!program_.inputs.empty()) {
    if (rows.size() >
        capacity_) {  // most batches are one change: a chunk of full size for each evaluator would be a lot of memory
      capacity_ = rows.size() <= 16 ? 16 : STANDARD_VECTOR_SIZE;
      duckdb::vector<duckdb::LogicalType> types;
      for (const LiveInput& input : program_.inputs) types.push_back(input.type);
      chunk_.Destroy();
      chunk_.Initialize(duckdb::Allocator::Get(context_), types, capacity_);
    } else {
      chunk_.Reset();
    }
    for (size_t i = 0; i < program_.inputs.size(); ++i) RETURN_IF_ERROR(Fill(program_.inputs[i], rows, chunk_.data[i]));
  }
  chunk_.SetCardinality(rows.size());
  return {};
}

Status LiveProgramRunner::Fill(const LiveInput& input, std::span<const OpenRow> rows, duckdb::Vector& out) const {
  if (!input.system) {
    std::vector<std::string_view> bytes;
    for (size_t begin = 0; begin < rows.size();) {
      const row::Projection* projection = rows[begin].projection;
      size_t end = begin;
      bytes.clear();
      while (end < rows.size() && rows[end].projection == projection) bytes.push_back(rows[end++].bytes);
      RETURN_IF_ERROR(DecodeColumn(*projection, input.ordinal, bytes, out, begin));
      begin = end;
    }
    return {};
  }
  if (*input.system == SystemColumn::kUserId) {
    out.Reference(owner_name_.empty() ? duckdb::Value(duckdb::LogicalType::VARCHAR) : duckdb::Value(owner_name_));
  } else if (*input.system == SystemColumn::kVersion) {
    auto* data = duckdb::FlatVector::GetData<int32_t>(out);
    for (size_t i = 0; i < rows.size(); ++i)
      data[i] = static_cast<int32_t>(row::RowWrittenVersion(rows[i].bytes).value);
  } else {
    auto* data = duckdb::FlatVector::GetData<int64_t>(out);
    const bool seq = *input.system == SystemColumn::kSeq;
    for (size_t i = 0; i < rows.size(); ++i) {
      data[i] = seq ? static_cast<int64_t>(row::RowSeq(rows[i].bytes).value) : row::RowUpdated(rows[i].bytes);
    }
  }
  return {};
}

size_t LiveProgramRunner::Select(duckdb::SelectionVector* selected) {
  size_t count = chunk_.size();
  bool all = true;  // none of them judged yet
  for (const auto& executor : executors_) {
    if (count == 0) break;
    duckdb::SelectionVector passed(count);
    count =
        all ? executor->SelectExpression(chunk_, passed) : executor->SelectExpression(chunk_, passed, selected, count);
    selected->Initialize(passed);
    all = false;
  }
  return count;
}

duckdb::Value LiveProgramRunner::Evaluate(size_t expression) {
  duckdb::Vector result(program_.expressions[expression]->return_type, 16);
  executors_[expression]->ExecuteExpression(chunk_, result);
  return result.GetValue(0);
}

namespace {

constexpr size_t kRunnerBytes = 4u << 10;
constexpr size_t kNodeBytes = STANDARD_VECTOR_SIZE * 16;  // each function, cast … has a vector of full size

size_t BytesOf(const duckdb::Expression& expression) {
  size_t bytes = 0;
  duckdb::ExpressionIterator::EnumerateChildren(expression, [&](const duckdb::Expression& child) {
    const bool leaf = child.GetExpressionClass() == duckdb::ExpressionClass::BOUND_REF ||
                      child.GetExpressionClass() == duckdb::ExpressionClass::BOUND_CONSTANT;
    bytes += (leaf ? 0 : kNodeBytes) + BytesOf(child);
  });
  return bytes;
}

}  // namespace

LiveRunnerSlot::LiveRunnerSlot(const BoundLiveQuery& bound, const LiveProgram& program)
    : bound_(bound), program_(program) {
  for (const auto& expression : program_.expressions) bytes_ += kRunnerBytes + BytesOf(*expression);
}

LiveProgramRunner& LiveRunnerSlot::Use() {
  if (runner_ == nullptr) {
    runner_ = std::make_unique<LiveProgramRunner>(program_, bound_.session->evaluation(), bound_.query->owner_name);
    if (bound_.session->Reserve(bytes_)) reserved_ = bytes_;
  }
  return *runner_;
}

void LiveRunnerSlot::Drop() {
  runner_.reset();
  bound_.session->Release(reserved_);
  reserved_ = 0;
}

}  // namespace kalamdb::engine
