// Counting rows of a table over hot and cold.
#include <algorithm>

#include "row/key_codec.h"
#include "row/row_codec.h"
#include "storage/database_core.h"
#include "storage/rows.h"

namespace kalamdb::storage {
namespace {

// Live rows of a segment as they are in the file: number, user, bytes.
using VisitRow = std::function<Status(uint32_t number, UserId user, std::string_view row)>;
Status ForEachLive(ColdFileFormat* format, const catalog::Table& table, const ColdSegment& segment,
                   const VisitRow& visit) {
  Status status;
  RETURN_IF_ERROR(format->ReadAll(table, *segment.record, [&](uint32_t number, UserId user, std::string_view row) {
    if (segment.deleted->Test(number)) return true;
    status = visit(number, user, row);
    return status.ok();
  }));
  return status;
}

}  // namespace

Result<TableStats> DatabaseCore::StatsOf(const ReadViewPtr& view, const catalog::Table& table,
                                         std::optional<UserId> user) {
  TableStats stats;
  RangeOptions range{.table = table.id, .user = user.value_or(kSharedUser), .include_deleted = true};
  if (table.options.ttl_seconds != 0) {
    range.expire_before =
        context_.clock->NowMicros() - static_cast<Micros>(table.options.ttl_seconds) * kMicrosPerSecond;
  }
  auto cursor = NewHotCursor(view, store_.get(), range, !user);
  for (;;) {
    ASSIGN_OR_RETURN(bool there, cursor->Next());
    if (!there) break;
    ++(cursor->deleted() ? stats.deleted_rows : stats.hot_rows);
  }
  for (const ColdSegment& segment : view->ColdOf(table.id).segments) {
    const SegmentRecord& record = *segment.record;
    auto rows = user ? RowsOfUser(record, *user) : std::pair<uint32_t, uint32_t>(0, static_cast<uint32_t>(record.rows));
    uint32_t count = rows.second - rows.first;
    if (count == 0) continue;
    ++stats.files;
    stats.bytes += record.bytes * count / std::max<uint64_t>(record.rows, 1);
    uint64_t live = count - segment.deleted->CountIn(rows.first, count), kept = 0;
    if (record.deleted_flag_rows != 0) {
      RETURN_IF_ERROR(
          ForEachLive(context_.format, table, segment, [&](uint32_t number, UserId, std::string_view row) -> Status {
            if (number >= rows.first && number < rows.second && row::RowIsDeleted(row)) ++kept;
            return {};
          }));
    }
    stats.cold_rows += live - kept;
    stats.deleted_rows += kept;
  }
  return stats;
}

Result<uint64_t> DatabaseCore::CountNulls(const ReadViewPtr& view, const catalog::Table& table, ColumnId column) {
  std::optional<size_t> ordinal = table.schema()->FindById(column);
  if (!ordinal) return Error{ErrorCode::kColumnNotFound, "the column is not there any more"};
  uint64_t nulls = 0;
  row::ProjectionPtr projection;
  auto count = [&](std::string_view row) -> Status {
    if (row::RowIsDeleted(row)) return {};
    if (projection == nullptr || projection->from().version() != row::RowVersion(row)) {
      ASSIGN_OR_RETURN(projection, table.ProjectionFrom(row::RowVersion(row)));
    }
    RETURN_IF_ERROR(row::CheckRow(projection->from_layout(), row));
    ASSIGN_OR_RETURN(row::Value value, projection->Read(row, *ordinal));
    if (value.is_null()) ++nulls;
    return {};
  };
  auto cursor = NewHotCursor(view, store_.get(), {.table = table.id}, true);
  for (;;) {
    ASSIGN_OR_RETURN(bool there, cursor->Next());
    if (!there) break;
    RETURN_IF_ERROR(count(cursor->row()));
  }
  for (const ColdSegment& segment : view->ColdOf(table.id).segments) {
    const SegmentRecord& record = *segment.record;
    ASSIGN_OR_RETURN(row::ProjectionPtr mapping, table.ProjectionFrom(record.schema_version));
    const row::Projection::Source& source = mapping->source(*ordinal);
    bool absent = source.ordinal < 0;
    if (absent && !source.constant.is_null()) continue;
    auto known = std::find_if(record.null_counts.begin(), record.null_counts.end(),
                              [&](const auto& entry) { return entry.first == column; });
    // A count says enough only where it is zero: NULLs may be in rows that are dead.
    if (!absent && known != record.null_counts.end() && known->second == 0) continue;
    RETURN_IF_ERROR(ForEachLive(context_.format, table, segment,
                                [&](uint32_t, UserId, std::string_view row) { return count(row); }));
  }
  return nulls;
}

}  // namespace kalamdb::storage
