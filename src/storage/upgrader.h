// Rows of any schema version as rows of the newest one: what flush and compaction write.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "catalog/table.h"
#include "row/projection.h"
#include "row/row_codec.h"

namespace kalamdb::storage {

// One thread's. The table must outlive it.
class Upgrader {
 public:
  explicit Upgrader(const catalog::Table& table) : table_(table), layout_(*table.schema()) {}

  // `row` itself, or `*scratch` with the same stamps, flags and version it was written under. Errors:
  // kStorageUnavailable, kTypeMismatch (row/projection.h).
  Result<std::string_view> Upgrade(std::string_view row, std::string* scratch) {
    SchemaVersion version = row::RowVersion(row);
    if (version == table_.version()) return row;
    if (projection_ == nullptr || projection_->from().version() != version) {
      ASSIGN_OR_RETURN(projection_, table_.ProjectionFrom(version));
    }
    RETURN_IF_ERROR(row::CheckRow(projection_->from_layout(), row));
    ASSIGN_OR_RETURN(std::vector<row::Value> values, projection_->ReadAll(row));
    *scratch = row::EncodeRow(*table_.schema(), layout_, values);
    row::StampRow(scratch->data(), row::RowSeq(row), row::RowUpdated(row));
    row::SetRowDeleted(scratch, row::RowIsDeleted(row));
    row::SetRowWrittenVersion(scratch, row::RowWrittenVersion(row));
    return std::string_view(*scratch);
  }

 private:
  const catalog::Table& table_;
  const row::RowLayout layout_;
  row::ProjectionPtr projection_;
};

}  // namespace kalamdb::storage
