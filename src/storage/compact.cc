// Compaction of a table's segments, and bulk loads.
#include "storage/database_core.h"

namespace kalamdb::storage {

Result<JobResult> DatabaseCore::CompactTable(TableId /*table*/, bool /*wait*/) {
  return Error{ErrorCode::kUnsupported, "COMPACT is not offered yet"};
}

Result<std::unique_ptr<BulkWriter>> DatabaseCore::NewBulkWriter(ReadViewPtr /*view*/, catalog::TablePtr /*table*/, UserId /*user*/) {
  return Error{ErrorCode::kUnsupported, "bulk loads are not offered yet"};
}

}  // namespace kalamdb::storage
