// Statements that change the catalog or show it: each takes one view, decides, and commits by compare-and-set.
//
// Thread-safe. All block: workers only. Rights by role are asked before a table is looked up.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "base/error.h"
#include "catalog/alter.h"
#include "engine/command.h"
#include "engine/engine.h"
#include "engine/front/expressions.h"

namespace kalamdb::engine {

// What the commands need; outlives them.
struct CommandServices {
  const EngineOptions* options = nullptr;
  storage::Database* database = nullptr;
  Expressions* expressions = nullptr;
  QueryRunner* runner = nullptr;
  Logger* logger = nullptr;
  const std::atomic<DependentSubscriptions*>* dependents = nullptr;
  // Runs a statement that we made ourselves, with the caller's rights.
  std::function<Result<StatementResult>(const std::string& sql, const ExecuteContext& context, RowSink* sink)> run_sql;
  // The same, and it may read files: COPY, once the path is checked.
  std::function<Result<StatementResult>(const std::string& sql, const ExecuteContext& context, RowSink* sink)> run_copy;
};

// Commits changes of the catalog. *retry: the catalog has moved since `changes` were decided; nothing happened.
// not_null: watches of Database::WatchNulls that must not have seen a NULL (else kNotNullViolation).
Result<Seq> CommitCatalog(const CommandServices& services, std::vector<catalog::Change> changes,
                          const ExecuteContext& context, bool* retry,
                          std::vector<std::shared_ptr<storage::Watch>> not_null = {});

// Decides and commits, once more where the catalog moved in between; then kSchemaChanged.
Result<StatementResult> DecideAndCommit(const std::function<Result<StatementResult>(bool* retry)>& attempt);

Result<StatementResult> RunCreateNamespace(const CommandServices& services, const CreateNamespace& command,
                                           const ExecuteContext& context);
Result<StatementResult> RunAlterNamespace(const CommandServices& services, const AlterNamespace& command,
                                          const ExecuteContext& context);
Result<StatementResult> RunDropNamespace(const CommandServices& services, const DropNamespace& command,
                                         const ExecuteContext& context);
// `select_at`: characters before its SELECT, for positions.
Result<StatementResult> RunCreateTable(const CommandServices& services, const CreateTable& command, int64_t select_at,
                                       const ExecuteContext& context);
Result<StatementResult> RunDropTable(const CommandServices& services, const DropTable& command,
                                     const ExecuteContext& context);
Result<StatementResult> RunAlterTable(const CommandServices& services, const AlterTable& command,
                                      const ExecuteContext& context);
Result<StatementResult> RunCopy(const CommandServices& services, const CopyTable& command,
                                const ExecuteContext& context, RowSink* sink);

Result<StatementResult> RunDescribe(const CommandServices& services, const Describe& command,
                                    const ExecuteContext& context, RowSink* sink);
Result<StatementResult> RunShow(const CommandServices& services, const Show& command, const ExecuteContext& context,
                                RowSink* sink);

// For `CREATE TABLE … AS` and others that need the spec before it is a table.
Result<catalog::TablePtr> MakeNewTable(const CommandServices& services, const CreateTable& command,
                                       const ExecuteContext& context);

}  // namespace kalamdb::engine
