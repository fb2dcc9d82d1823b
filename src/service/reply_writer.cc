// The two forms of a reply.
#include "service/reply_writer.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "row/json.h"
#include "service/error_table.h"

namespace kalamdb::service {
namespace {

constexpr std::string_view kJsonType = "application/json";
constexpr std::string_view kNdjsonType = "application/x-ndjson";

void AppendTook(double ms, std::string* out) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3f", ms);
  *out += text;
}

Error TooLargeForFast() {
  return Error{.code = ErrorCode::kTooLarge, .message = "more than a network thread may hold"};
}

ReplyStream::Head HeadOf(const ReplyOutcome& outcome, std::string_view content_type) {
  ReplyStream::Head head{.error = std::nullopt, .content_type = content_type, .retry_after_s = outcome.retry_after_s};
  if (outcome.error != nullptr) head.error = outcome.error->code;
  return head;
}

std::string EnvelopeStart(bool failed) {
  return failed ? R"({"status":"error","results":[)" : R"({"status":"success","results":[)";
}

std::string EnvelopeEnd(const ReplyOutcome& outcome) {
  std::string end = R"(],"took":)";
  AppendTook(outcome.took_ms, &end);
  if (outcome.error != nullptr) {
    end += R"(,"error":)";
    end += ErrorJson(*outcome.error, outcome.statement);
  }
  end += '}';
  return end;
}

class JsonReply final : public ReplyWriter {
 public:
  JsonReply(std::shared_ptr<ReplyStream> stream, SpoolOptions spool, const Clock* clock, Micros write_limit)
      : stream_(std::move(stream)), spool_(std::move(spool)), clock_(clock), write_limit_(write_limit) {}

  Status OnSchema(const engine::ResultSchema& schema) override {
    RETURN_IF_ERROR(spool_.Truncate(mark_));
    rows_ = 0;
    saw_schema_ = true;
    std::string text = elements_ > 0 ? R"(,{"schema":)" : R"({"schema":)";
    AppendSchemaJson(schema, &text);
    text += R"(,"rows":[)";
    return spool_.Append(text);
  }

  Status OnRows(std::string_view json, size_t count) override {
    if (must_stay_small_ && spool_.size() - mark_ + json.size() > kFastReplyBytes) {
      too_large_for_fast_ = true;
      return TooLargeForFast();
    }
    if (rows_ > 0) RETURN_IF_ERROR(spool_.Append(","));
    rows_ += count;
    return spool_.Append(json);
  }

  Status FinishStatement(const engine::StatementResult& result, std::string_view as_user) override {
    std::string text;
    if (saw_schema_) {
      text = "],";
    } else {
      text = elements_ > 0 ? ",{" : "{";
    }
    text += R"("row_count":)" + std::to_string(result.row_count);
    if (!result.message.empty()) {
      text += R"(,"message":)";
      row::AppendJsonString(result.message, &text);
    }
    text += R"(,"as_user":)";
    row::AppendJsonString(as_user, &text);
    text += '}';
    ++elements_;
    return spool_.Append(text);
  }

  Status AbandonStatement() override { return spool_.Truncate(mark_); }
  bool NeedsWorkerToFinish() const override { return !spool_.in_memory(); }

  void Finish(const ReplyOutcome& outcome) override {
    std::string body = EnvelopeStart(outcome.error != nullptr);
    if (spool_.in_memory()) {
      body += spool_.TakeMemory();
      body += EnvelopeEnd(outcome);
      stream_->Complete(HeadOf(outcome, kJsonType), std::move(body));
      return;
    }
    stream_->Begin(HeadOf(outcome, kJsonType));
    const Micros until = clock_->MonotonicMicros() + write_limit_;
    bool open = stream_->Write(std::move(body));
    for (uint64_t at = 0; open && at < spool_.size(); at += kStreamChunkBytes) {
      std::string chunk;
      const Status read = spool_.Read(at, std::min<uint64_t>(kStreamChunkBytes, spool_.size() - at), &chunk);
      // Otherwise the body ends in the middle, and the client sees that it is not whole.
      open = read.ok() && stream_->WaitForRoom(until - clock_->MonotonicMicros()) && stream_->Write(std::move(chunk));
    }
    if (open) stream_->Write(EnvelopeEnd(outcome));
    stream_->End();
  }

 private:
  void MarkStatement() override {
    mark_ = spool_.size();
    rows_ = 0;
  }

  const std::shared_ptr<ReplyStream> stream_;
  Spool spool_;
  const Clock* const clock_;
  const Micros write_limit_;
  uint64_t mark_ = 0;  // where the current statement's element begins
  size_t rows_ = 0;
  int elements_ = 0;
};

class NdjsonReply final : public ReplyWriter {
 public:
  NdjsonReply(std::shared_ptr<ReplyStream> stream, Micros idle_limit)
      : stream_(std::move(stream)), idle_limit_(idle_limit) {}

  char separator() const override { return '\n'; }

  Status OnSchema(const engine::ResultSchema& schema) override {
    if (begun_) return Error{.code = ErrorCode::kInternal, .message = "a statement that streams was run again"};
    saw_schema_ = true;
    buffer_ = R"({"schema":)";
    AppendSchemaJson(schema, &buffer_);
    buffer_ += "}\n";
    return {};
  }

  Status OnRows(std::string_view json, size_t) override {
    if (must_stay_small_ && buffer_.size() + json.size() > kFastReplyBytes) {
      too_large_for_fast_ = true;
      return TooLargeForFast();
    }
    buffer_ += json;
    buffer_ += '\n';
    if (!may_block_ || buffer_.size() < kStreamChunkBytes) return {};
    if (!begun_) stream_->Begin({.error = std::nullopt, .content_type = kNdjsonType, .retry_after_s = 0});
    begun_ = true;
    if (!stream_->WaitForRoom(idle_limit_) && !stream_->cancelled().load()) {
      return Error{.code = ErrorCode::kSnapshotTooOld,
                   .message = "the client has taken no rows for limits.view_idle_ms (" +
                              std::to_string(idle_limit_ / kMicrosPerMilli) + ")",
                   .hint = "read the reply as it comes, or ask for less at a time"};
    }
    if (stream_->Write(std::exchange(buffer_, std::string()))) return {};
    return Error{.code = ErrorCode::kCancelled, .message = "the client went away"};
  }

  Status FinishStatement(const engine::StatementResult& result, std::string_view) override {
    row_count_ = result.row_count;
    return {};
  }

  Status AbandonStatement() override {
    if (!begun_) buffer_.clear();
    return {};
  }

  bool NeedsWorkerToFinish() const override { return begun_; }

  void Finish(const ReplyOutcome& outcome) override {
    if (!begun_ && outcome.error != nullptr) {
      stream_->Complete(HeadOf(outcome, kJsonType), ErrorEnvelope(outcome));
      return;
    }
    if (outcome.error != nullptr) {
      buffer_ += R"({"error":)" + ErrorJson(*outcome.error, outcome.statement) + "}\n";
    } else {
      buffer_ += R"({"row_count":)" + std::to_string(row_count_) + R"(,"took":)";
      AppendTook(outcome.took_ms, &buffer_);
      buffer_ += "}\n";
    }
    if (!begun_) {
      stream_->Complete(HeadOf(outcome, kNdjsonType), std::move(buffer_));
      return;
    }
    stream_->Write(std::move(buffer_));
    stream_->End();
  }

 private:
  void MarkStatement() override { buffer_.clear(); }

  const std::shared_ptr<ReplyStream> stream_;
  const Micros idle_limit_;
  std::string buffer_;
  uint64_t row_count_ = 0;
  bool begun_ = false;
};

}  // namespace

void ReplyWriter::BeginStatement(bool may_block, bool must_stay_small) {
  may_block_ = may_block;
  must_stay_small_ = must_stay_small;
  too_large_for_fast_ = false;
  saw_schema_ = false;
  MarkStatement();
}

std::unique_ptr<ReplyWriter> NewJsonReply(std::shared_ptr<ReplyStream> stream, SpoolOptions spool, const Clock* clock,
                                          Micros write_limit) {
  return std::make_unique<JsonReply>(std::move(stream), std::move(spool), clock, write_limit);
}

std::unique_ptr<ReplyWriter> NewNdjsonReply(std::shared_ptr<ReplyStream> stream, Micros idle_limit) {
  return std::make_unique<NdjsonReply>(std::move(stream), idle_limit);
}

std::string ErrorEnvelope(const ReplyOutcome& outcome) { return EnvelopeStart(true) + EnvelopeEnd(outcome); }

void AppendSchemaJson(const engine::ResultSchema& schema, std::string* out) {
  *out += '[';
  for (size_t i = 0; i < schema.columns.size(); ++i) {
    const engine::ResultColumn& column = schema.columns[i];
    if (i > 0) *out += ',';
    *out += R"({"name":)";
    row::AppendJsonString(column.name, out);
    *out += R"(,"data_type":)";
    *out += column.data_type_json;
    *out += R"(,"index":)" + std::to_string(i);
    if (column.primary_key) {
      *out += column.not_null ? R"(,"flags":["pk","nn"])" : R"(,"flags":["pk"])";
    } else if (column.not_null) {
      *out += R"(,"flags":["nn"])";
    }
    *out += '}';
  }
  *out += ']';
}

}  // namespace kalamdb::service
