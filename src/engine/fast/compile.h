// From a parsed tree to a fast plan, where the statement is one of those that applications send a million times.
//
// Pure. Never an error: what is wrong with a statement is said by the other path, in its words.
#pragma once

#include <memory>
#include <string>

#include "catalog/snapshot.h"
#include "engine/fast/plan.h"
#include "engine/front/statement.h"

namespace kalamdb::engine {

// False where no table could make the statement fast. Cheap.
bool MayBeFast(const Statement& statement);

// nullptr where its table is not there; a plan of kind kNone where it is there but the statement is not for us.
FastPlanPtr CompileFast(const Statement& statement, const std::string& request_namespace,
                        const catalog::Snapshot& snapshot);

}  // namespace kalamdb::engine
