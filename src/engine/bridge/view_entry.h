// A view as DuckDB sees it in one run: its SELECT with the names of the run's catalog, and no stored types, so that
// `SELECT *` over it always fits. It reads with the caller's rights and partition, as any SELECT does.
#pragma once

#include <memory>

#include "catalog/snapshot.h"
#include "duckdb.hpp"

namespace kalamdb::engine {

// Throws engine exceptions where the text no longer parses or names something that is gone.
std::unique_ptr<duckdb::CatalogEntry> MakeViewEntry(duckdb::Catalog& catalog, duckdb::SchemaCatalogEntry& schema,
                                                    const catalog::View& view, const catalog::Snapshot& snapshot);

}  // namespace kalamdb::engine
