// The LiveSelect made of a bound query. Sees DuckDB: private to engine/.
#pragma once

#include <memory>

#include "engine/live/live_binding.h"
#include "engine/live_select.h"

namespace kalamdb::engine {

LiveSelectPtr MakeCompiledLiveSelect(std::shared_ptr<const BoundLiveQuery> bound, LivePartsPtr parts);

}  // namespace kalamdb::engine
