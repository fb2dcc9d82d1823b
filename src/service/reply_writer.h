// Turns the statements of one request into the bytes of its reply: the JSON envelope, or NDJSON lines.
//
// One thread at a time; may_block says whether that thread may wait for disk or client. What a statement wrote before
// it failed, or before it was run again, is forgotten.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/spool.h"
#include "engine/result.h"
#include "service/sql_service.h"

namespace kalamdb::service {

inline constexpr size_t kFastReplyBytes = 1u
                                          << 20;  // a SELECT that gives more moves from the network thread to a worker
inline constexpr size_t kStreamChunkBytes = 64u << 10;

struct ReplyOutcome {
  double took_ms = 0;
  const Error* error = nullptr;  // nullptr: success
  int statement = 0;             // that failed; 0 = none in particular
  int64_t retry_after_s = 0;
};

class ReplyWriter : public engine::RowSink {
 public:
  // `must_stay_small`: a SELECT on a network thread; OnRows fails above kFastReplyBytes and too_large_for_fast() is
  // set.
  void BeginStatement(bool may_block, bool must_stay_small);
  bool too_large_for_fast() const { return too_large_for_fast_; }
  bool saw_schema() const { return saw_schema_; }

  virtual Status FinishStatement(const engine::StatementResult& result, std::string_view as_user) = 0;
  virtual Status AbandonStatement() = 0;  // it failed: what it wrote goes
  // Finish must run where it may block.
  virtual bool NeedsWorkerToFinish() const = 0;
  virtual void Finish(const ReplyOutcome& outcome) = 0;

 protected:
  virtual void MarkStatement() = 0;
  bool may_block_ = false, must_stay_small_ = false, too_large_for_fast_ = false, saw_schema_ = false;
};

// A reply that went to disk is given up `write_limit` after its first byte: a client that reads by drops holds no
// worker longer.
std::unique_ptr<ReplyWriter> NewJsonReply(std::shared_ptr<ReplyStream> stream, SpoolOptions spool, const Clock* clock,
                                          Micros write_limit);
// Rows leave while the statement reads. It ends with kSnapshotTooOld where the client makes no room within
// `idle_limit`.
std::unique_ptr<ReplyWriter> NewNdjsonReply(std::shared_ptr<ReplyStream> stream, Micros idle_limit);

// {"status":"error","results":[…],"took":…,"error":{…}} for a request of which no statement ran.
std::string ErrorEnvelope(const ReplyOutcome& outcome);
// [{"name":"id","data_type":"BigInt","index":0,"flags":["pk","nn"]},…]
void AppendSchemaJson(const engine::ResultSchema& schema, std::string* out);

}  // namespace kalamdb::service
