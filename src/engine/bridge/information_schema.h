// information_schema.{schemata, tables, columns}: what the caller may read, in the standard's shape.
#pragma once

#include <vector>

#include "engine/engine.h"

namespace kalamdb::engine {

std::vector<VirtualTable> InformationSchema();

}  // namespace kalamdb::engine
