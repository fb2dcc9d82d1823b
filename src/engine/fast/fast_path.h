// The fast path: finds or compiles the plan of a statement, runs it on the caller's thread, commits, and runs lost
// races again.
//
// Thread-safe. Rights are asked at every execution: what is refused goes the other way and is refused there, in its
// words.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "base/executor.h"
#include "engine/engine.h"
#include "engine/fast/run.h"
#include "engine/front/statement.h"

namespace kalamdb::engine {

class FastPath {
 public:
  static constexpr int kMaxAttempts = 64;      // of one statement whose rows keep moving, then kWriteConflict
  static constexpr int kMaxSchemaChanges = 2;  // that it meets, then kSchemaChanged

  FastPath(FastServices services, Metrics* metrics);
  ~FastPath();

  // Never blocks. See Engine::TryFast.
  FastOutcome Try(const std::shared_ptr<const Statement>& statement, const ExecuteContext& context, RowSink* sink,
                  Completion completion);

  // On a worker: may read files and wait for the commit. nullopt: not for the fast path.
  std::optional<Result<StatementResult>> Run(const Statement& statement, const ExecuteContext& context, RowSink* sink);

  // A SELECT whose text has the shape of `model`'s with these literals. On the caller's thread, or on a worker, which
  // may read files. nullopt: not for the fast path, or not on this thread.
  std::optional<Result<StatementResult>> SelectLike(const Statement& model, const std::vector<duckdb::Value>& literals,
                                                    const ExecuteContext& context, RowSink* sink, bool worker);

  CacheRow stats() const;  // cache `plan`

 private:
  struct Pending;
  // The plan that fits the view and that the caller may run; nullptr: none.
  FastPlanPtr PlanFor(const Statement& statement, const ExecuteContext& context, const storage::ReadView& view);
  Result<StatementResult> Finish(const FastPlan& plan, const Statement& statement, RowSink* sink,
                                 const FastWrite& write, Seq seq) const;
  Result<StatementResult> FinishSelect(const FastPlan& plan, RowSink* sink, const FastRows& rows) const;
  void OnCommit(const std::shared_ptr<Pending>& pending, storage::CommitOutcome outcome);
  void Retry(const std::shared_ptr<Pending>& pending);
  // `schema_changed`: it has lost against an ALTER once.
  std::optional<Result<StatementResult>> RunWrite(const Statement& statement, const ExecuteContext& context,
                                                  RowSink* sink, bool schema_changed);

  const FastServices services_;
  Executor retries_;  // statements whose rows moved between observation and commit
  std::atomic<uint64_t> hits_{0}, misses_{0}, evictions_{0}, entries_{0}, bytes_{0};
};

}  // namespace kalamdb::engine
