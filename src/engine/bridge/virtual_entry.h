// Tables made of code (`system.*`, `information_schema.*`) as catalog entries: filled when scanned, for the one who
// asks.
#pragma once

#include <memory>

#include "duckdb.hpp"
#include "engine/engine.h"

namespace kalamdb::engine {

// `table` must outlive the entry.
std::unique_ptr<duckdb::CatalogEntry> MakeVirtualEntry(duckdb::Catalog& catalog, duckdb::SchemaCatalogEntry& schema,
                                                       const VirtualTable& table);

}  // namespace kalamdb::engine
