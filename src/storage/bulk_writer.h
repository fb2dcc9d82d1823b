// The BulkWriter of bulk.h over SegmentWriter.
#pragma once

#include <memory>

#include "storage/bulk.h"
#include "storage/storage_context.h"

namespace kalamdb::storage {

// Soft-deleted rows that one bulk statement may replace: the commit compares and removes each.
inline constexpr size_t kMaxBulkReplaced = 1'000'000;

// Keys are looked up in the view of now, of which a watch keeps track until the commit.
Result<std::unique_ptr<BulkWriter>> MakeBulkWriter(const StorageContext& context, catalog::TablePtr table, UserId user);

}  // namespace kalamdb::storage
