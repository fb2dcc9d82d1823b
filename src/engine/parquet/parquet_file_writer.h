// Writes one cold file. Private to engine/parquet.
#pragma once

#include <memory>

#include "duckdb.hpp"
#include "storage/cold_file.h"

namespace kalamdb::engine {

// Errors: kStorageUnavailable (the file cannot be made).
Result<std::unique_ptr<storage::ColdFileWriter>> NewParquetFileWriter(duckdb::ClientContext& context,
                                                                      const storage::ColdFileOptions& options);

}  // namespace kalamdb::engine
