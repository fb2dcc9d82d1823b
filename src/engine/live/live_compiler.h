// From the text of a subscription to a LiveSelect: parse, refuse, resolve, take the parameters in, bind. Private to
// engine/.
#pragma once

#include <string_view>

#include "base/error.h"
#include "engine/engine.h"
#include "engine/live/live_session.h"
#include "engine/live_select.h"

namespace kalamdb::engine {

// Over the newest version of the table that `context`'s caller may read. Errors: kInvalidSql with position,
// kTableNotFound (hidden too), kColumnNotFound, kUnsupported with the reason, kInvalidParameter, kTypeMismatch.
// Thread-safe.
Result<LiveSelectPtr> CompileLiveSelect(std::string_view sql, const ExecuteContext& context, const LivePartsPtr& parts);

}  // namespace kalamdb::engine
