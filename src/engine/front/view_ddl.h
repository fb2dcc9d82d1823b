// CREATE VIEW, DROP VIEW, and what other changes of the catalog owe to views.
//
// Thread-safe. All block: workers only.
#pragma once

#include <vector>

#include "catalog/snapshot.h"
#include "engine/front/ddl.h"
#include "engine/query_runner.h"

namespace kalamdb::engine {

// `select_at`: characters before its SELECT, for positions.
Result<StatementResult> RunCreateView(const CommandServices& services, const CreateView& command, int64_t select_at,
                                      const ExecuteContext& context);
Result<StatementResult> RunDropView(const CommandServices& services, const DropView& command,
                                    const ExecuteContext& context);
// The columns of a view as it binds now, for the one who asks.
Result<QueryRunner::Signature> SignatureOf(const CommandServices& services, const catalog::View& view,
                                           const ExecuteContext& context);

// These views and all views over them, each once: what goes where they go.
std::vector<catalog::ViewPtr> WithViewsOver(const catalog::Snapshot& snapshot, std::vector<catalog::ViewPtr> views);
// A change that drops the view.
catalog::Change DropOf(catalog::ViewPtr view);
// "app.v, app.w".
std::string NamesOf(const std::vector<catalog::ViewPtr>& views);

// Whether the views still bind once `changes` are made. Errors: kDependentObjects naming the first that does not.
Status CheckViewsBind(const CommandServices& services, const std::vector<catalog::ViewPtr>& views,
                      const std::vector<catalog::Change>& changes, const ExecuteContext& context);

}  // namespace kalamdb::engine
