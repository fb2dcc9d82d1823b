// Frames as strings, field by field in the order of the documentation.
#include "live/frames.h"

#include <utility>

namespace kalamdb::live {
namespace {

constexpr size_t kFrameOverhead = 4u << 10;  // room for the fields around the rows

std::string_view ChangeHead(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::kDelete: return R"(,"change_type":"delete")";
    case ChangeKind::kLeftFilter: return R"(,"change_type":"delete","reason":"left_filter")";
    case ChangeKind::kUpdate: return R"(,"change_type":"update")";
    case ChangeKind::kInsert: return R"(,"change_type":"insert")";
  }
  return "";
}

void AppendSeq(std::string_view field, Seq seq, std::string* out) {
  *out += ",\"";
  *out += field;
  *out += "\":\"" + std::to_string(seq.value) + '"';
}

void AppendColumns(const engine::LiveSelect& select, bool with_defaults, std::string* out) {
  *out += R"(,"schema":[)";
  for (size_t i = 0; i < select.columns().size(); ++i) {
    const engine::LiveColumn& column = select.columns()[i];
    if (i > 0) *out += ',';
    *out += R"({"name":)";
    row::AppendJsonString(column.name, out);
    *out += R"(,"data_type":)" + column.data_type_json + R"(,"index":)" + std::to_string(i);
    if (column.primary_key || column.not_null || with_defaults) {
      *out += R"(,"flags":[)";
      if (column.primary_key) *out += "\"pk\"";
      if (column.not_null) *out += column.primary_key ? ",\"nn\"" : "\"nn\"";
      *out += ']';
    }
    if (with_defaults) {
      *out += R"(,"initial_default":)";
      *out += column.initial_default_json.empty() ? "null" : column.initial_default_json;
    }
    *out += '}';
  }
  *out += ']';
}

std::string Head(std::string_view type, std::string_view id_json) {
  std::string out = R"({"type":")";
  out += type;
  out += R"(","subscription_id":)";
  out += id_json;
  return out;
}

std::string_view CloseReasonName(CloseReason reason) {
  switch (reason) {
    case CloseReason::kKilled: return "killed";
    case CloseReason::kColumnDropped: return "column_dropped";
    case CloseReason::kTableDropped: return "table_dropped";
    case CloseReason::kUnauthorized: return "unauthorized";
    case CloseReason::kPredicateError: return "predicate_error";
  }
  return "";
}

}  // namespace

void ChangeChunks::Add(ChangeKind kind, std::string_view row, std::string_view old_values) {
  std::vector<ChangeChunk>& chunks = chunks_[static_cast<size_t>(kind)];
  const size_t bytes = row.size() + old_values.size() + 2;
  if (chunks.empty() || chunks.back().count >= kMaxFrameRows ||
      chunks.back().rows.size() + chunks.back().old_values.size() + bytes > kMaxFrameBytes - kFrameOverhead) {
    chunks.push_back({.kind = kind});
  }
  ChangeChunk& chunk = chunks.back();
  if (!row.empty()) {
    if (!chunk.rows.empty()) chunk.rows += ',';
    chunk.rows += row;
  }
  if (!old_values.empty()) {
    if (!chunk.old_values.empty()) chunk.old_values += ',';
    chunk.old_values += old_values;
  }
  ++chunk.count;
}

bool ChangeChunks::empty() const {
  for (const auto& chunks : chunks_) {
    if (!chunks.empty()) return false;
  }
  return true;
}

std::vector<ChangeChunk> ChangeChunks::Take() {
  std::vector<ChangeChunk> all;
  for (auto& chunks : chunks_) {
    for (ChangeChunk& chunk : chunks) all.push_back(std::move(chunk));
    chunks.clear();
  }
  return all;
}

void ChangeChunks::Restore(ChangeChunk chunk) {
  std::vector<ChangeChunk>& chunks = chunks_[static_cast<size_t>(chunk.kind)];
  KALAM_CHECK(chunks.empty());
  chunks.push_back(std::move(chunk));
}

std::string_view ResyncReasonName(ResyncReason reason) {
  switch (reason) {
    case ResyncReason::kLogTruncated: return "log_truncated";
    case ResyncReason::kUnknownSequence: return "unknown_sequence";
    case ResyncReason::kSlowReader: return "slow_reader";
  }
  return "";
}

std::string AckFrame(const AckInfo& ack) {
  std::string out = Head("subscription_ack", ack.id_json);
  out += R"(,"total_rows":0)";
  AppendColumns(*ack.select, /*with_defaults=*/false, &out);
  out += R"(,"schema_version":)" + std::to_string(ack.select->table()->version().value);
  AppendSeq("seq", ack.seq, &out);
  out += ack.snapshot_follows
             ? R"(,"batch_control":{"batch_num":0,"has_more":true,"status":"loading","last_seq_id":null}})"
             : R"(,"batch_control":{"batch_num":0,"has_more":false,"status":"ready","last_seq_id":null}})";
  return out;
}

std::string BatchFrame(const BatchInfo& batch) {
  std::string out;
  out.reserve(batch.rows.size() + 256);
  out += Head("initial_data_batch", batch.id_json);
  out += R"(,"rows":[)";
  out += batch.rows;
  out += R"(],"batch_control":{"batch_num":)" + std::to_string(batch.number);
  out += batch.has_more ? R"(,"has_more":true,"status":"loading_batch")" : R"(,"has_more":false,"status":"ready")";
  AppendSeq("last_seq_id", batch.seq, &out);
  out += "}}";
  return out;
}

std::string ChangeTail(const ChangeChunk& chunk, Seq seq, bool more) {
  std::string out;
  out.reserve(chunk.rows.size() + chunk.old_values.size() + 160);
  out += ChangeHead(chunk.kind);
  if (chunk.kind == ChangeKind::kUpdate || chunk.kind == ChangeKind::kInsert) {
    out += R"(,"rows":[)";
    out += chunk.rows;
    out += ']';
  }
  if (chunk.kind != ChangeKind::kInsert) {
    out += R"(,"old_values":[)";
    out += chunk.old_values;
    out += ']';
  }
  AppendSeq("seq", seq, &out);
  out += more ? R"(,"more":true})" : "}";
  return out;
}

std::string ChangeFrame(std::string_view id_json, std::string_view tail) {
  constexpr std::string_view kHead = R"({"type":"change","subscription_id":)";
  std::string out;
  out.reserve(kHead.size() + id_json.size() + tail.size());
  out += kHead;
  out += id_json;
  out += tail;
  return out;
}

std::string SchemaChangeTail(const engine::LiveSelect& select, SchemaVersion old_version, Seq seq) {
  std::string out = R"(,"table":)";
  row::AppendJsonString(select.table()->QualifiedName(), &out);
  out += R"(,"old_version":)" + std::to_string(old_version.value);
  out += R"(,"new_version":)" + std::to_string(select.table()->version().value);
  AppendColumns(select, /*with_defaults=*/true, &out);
  AppendSeq("seq", seq, &out);
  out += '}';
  return out;
}

std::string SchemaChangeFrame(std::string_view id_json, std::string_view tail) {
  return Head("schema_change", id_json).append(tail);
}

std::string SchemaChangeFrame(std::string_view id_json, const engine::LiveSelect& select, SchemaVersion old_version,
                              Seq seq) {
  return SchemaChangeFrame(id_json, SchemaChangeTail(select, old_version, seq));
}

std::string ResyncFrame(std::string_view id_json, ResyncReason reason, Seq seq) {
  std::string out = Head("resync_required", id_json);
  out += R"(,"reason":")";
  out += ResyncReasonName(reason);
  out += '"';
  AppendSeq("seq", seq, &out);
  out += '}';
  return out;
}

std::string ClosedFrame(std::string_view id_json, CloseReason reason) {
  std::string out = Head("subscription_closed", id_json);
  out += R"(,"reason":")";
  out += CloseReasonName(reason);
  out += "\"}";
  return out;
}

Frame ErrorFrame(std::string_view subscription_id, const Error& error) {
  std::string out = R"({"type":"error")";
  if (!subscription_id.empty()) {
    out += R"(,"subscription_id":)";
    row::AppendJsonString(subscription_id, &out);
  }
  out += R"(,"code":")";
  out += ErrorCodeName(error.code);
  out += R"(","message":)";
  row::AppendJsonString(error.message, &out);
  if (!error.hint.empty()) {
    out += R"(,"hint":)";
    row::AppendJsonString(error.hint, &out);
  }
  if (error.position > 0) out += R"(,"position":)" + std::to_string(error.position);
  out += '}';
  return std::make_shared<const std::string>(std::move(out));
}

}  // namespace kalamdb::live
