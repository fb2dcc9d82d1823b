// Bytes of a segment record, and looking up in segments.
#include "storage/segment.h"

#include <algorithm>

#include "catalog/record_bytes.h"
#include "storage/read_view.h"

namespace kalamdb::storage {
namespace {

constexpr uint8_t kFormat = 0x01;
constexpr uint8_t kFlagBulk = 0x01;
constexpr uint8_t kFlagUnordered = 0x02;

// What RowsOfUser relies on: users ascend, each has a row at least, and all rows lie within the segment.
bool RangesHold(const SegmentRecord& segment) {
  const auto& users = segment.users;
  for (size_t i = 0; i < users.size(); ++i) {
    if (users[i].first_row >= segment.rows) return false;
    if (i > 0 && (users[i].user <= users[i - 1].user || users[i].first_row <= users[i - 1].first_row)) return false;
  }
  return segment.rows <= UINT32_MAX;
}

}  // namespace

std::string EncodeSegment(const SegmentRecord& segment) {
  catalog::RecordWriter out(kFormat);
  out.Varint(segment.id.value);
  out.Varint(segment.table.value);
  out.String(segment.path);
  out.Varint(segment.rows);
  out.Varint(segment.bytes);
  out.Varint(segment.schema_version.value);
  out.Varint(segment.min_seq.value);
  out.Varint(segment.max_seq.value);
  out.Signed(segment.min_updated);
  out.Signed(segment.max_updated);
  out.String(segment.min_key);
  out.String(segment.max_key);
  out.Byte(static_cast<uint8_t>((segment.bulk ? kFlagBulk : 0) | (segment.key_order ? 0 : kFlagUnordered)));
  out.Varint(segment.deleted_flag_rows);
  out.Varint(segment.null_counts.size());
  for (const auto& [column, nulls] : segment.null_counts) {
    out.Signed(column.value);
    out.Varint(nulls);
  }
  out.Varint(segment.checksum);
  out.Varint(segment.footer_bytes);
  out.Varint(segment.users.size());
  UserRange before;
  for (const UserRange& range : segment.users) {
    out.Varint(range.user.value - before.user.value);
    out.Varint(range.first_row - before.first_row);
    before = range;
  }
  out.Signed(segment.created_at);
  return out.Take();
}

Result<SegmentPtr> DecodeSegment(std::string_view bytes) {
  catalog::RecordReader in(bytes);
  auto segment = std::make_shared<SegmentRecord>();
  segment->id = SegmentId(in.Varint());
  segment->table = TableId(static_cast<uint32_t>(in.Varint()));
  segment->path = in.String();
  segment->rows = in.Varint();
  segment->bytes = in.Varint();
  segment->schema_version = SchemaVersion(static_cast<uint32_t>(in.Varint()));
  segment->min_seq = Seq(in.Varint());
  segment->max_seq = Seq(in.Varint());
  segment->min_updated = in.Signed();
  segment->max_updated = in.Signed();
  segment->min_key = in.String();
  segment->max_key = in.String();
  uint8_t flags = in.Byte();
  segment->bulk = (flags & kFlagBulk) != 0;
  segment->key_order = (flags & kFlagUnordered) == 0;
  segment->deleted_flag_rows = in.Varint();
  segment->null_counts.resize(in.Count());
  for (auto& [column, nulls] : segment->null_counts) {
    column = ColumnId(static_cast<int32_t>(in.Signed()));
    nulls = in.Varint();
  }
  segment->checksum = in.Varint();
  segment->footer_bytes = in.Varint();
  segment->users.resize(in.Count());
  UserRange before;
  for (UserRange& range : segment->users) {
    range.user = UserId(before.user.value + in.Varint());
    range.first_row = before.first_row + static_cast<uint32_t>(in.Varint());
    before = range;
  }
  segment->created_at = in.Signed();
  if (in.format() != kFormat || !in.Done() || !RangesHold(*segment)) {
    return Error{ErrorCode::kStorageUnavailable, "a segment record is damaged or of a newer version",
                 "restore the data directory from a backup"};
  }
  return SegmentPtr(std::move(segment));
}

std::pair<uint32_t, uint32_t> RowsOfUser(const SegmentRecord& segment, UserId user) {
  const auto& users = segment.users;
  auto it = std::lower_bound(users.begin(), users.end(), user,
                             [](const UserRange& range, UserId wanted) { return range.user < wanted; });
  if (it == users.end() || it->user != user) return {0, 0};
  uint32_t end = it + 1 == users.end() ? static_cast<uint32_t>(segment.rows) : (it + 1)->first_row;
  return {it->first_row, end};
}

const ColdSegment* TableCold::Find(SegmentId id) const {
  auto it = std::lower_bound(segments.begin(), segments.end(), id,
                             [](const ColdSegment& segment, SegmentId wanted) { return segment.record->id < wanted; });
  return it == segments.end() || it->record->id != id ? nullptr : &*it;
}

const TableCold& ReadView::ColdOf(TableId table) const {
  static const TableCold empty;
  const TableColdPtr* found = cold_by_table.Find(table.value);
  return found == nullptr ? empty : **found;
}

}  // namespace kalamdb::storage
