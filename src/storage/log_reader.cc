// Reading the change log: a partition's entries merged with the table's own, bulk commits expanded.
#include "storage/log_reader.h"

#include <algorithm>

#include "row/key_codec.h"
#include "row/row_codec.h"
#include "storage/change_log_format.h"

namespace kalamdb::storage {
namespace {

Error TooOld() {
  return {ErrorCode::kSnapshotTooOld, "the change log does not reach back that far", "take a new snapshot"};
}

// Entries of one partition in (from, to].
class PartitionReader {
 public:
  PartitionReader(const kv::Store& store, const ReadView& view, TableId table, UserId user, Seq from, Seq to)
      : iterator_(store.NewIterator(kv::Family::kChanges, {.lower = ChangeKey(table, user, from.Next(), 0),
                                                           .upper = ChangeKey(table, user, to.Next(), 0),
                                                           .snapshot = view.snapshot.get()})) {
    iterator_->SeekToFirst();
  }
  bool Valid() const { return iterator_->Valid(); }
  void Next() { iterator_->Next(); }
  Seq seq() const { return SeqOfChangeKey(iterator_->key()); }
  uint32_t ordinal() const { return OrdinalOfChangeKey(iterator_->key()); }
  Result<ChangeEntry> entry() const { return DecodeChange(iterator_->value()); }
  Status status() const { return iterator_->status(); }

  bool Before(const PartitionReader& other) const {
    if (!Valid() || !other.Valid()) return Valid();
    return std::pair(seq(), ordinal()) < std::pair(other.seq(), other.ordinal());
  }

 private:
  const std::unique_ptr<kv::Iterator> iterator_;
};

LoggedChange ToSchemaChange(Seq seq, const ChangeEntry& entry) {
  return {.seq = seq,
          .kind = LoggedChange::Kind::kSchema,
          .old_version = SchemaVersion(ReadLittle32(entry.old_row)),
          .new_version = SchemaVersion(ReadLittle32(entry.row))};
}

std::string KeyOfRow(const row::Schema& schema, const row::RowLayout& layout, std::string_view row) {
  std::string key;
  for (uint16_t ordinal : schema.key_ordinals()) {
    row::AppendKeyValue(schema.column(ordinal).type, row::RowValue(schema, layout, row, ordinal), &key);
  }
  return key;
}

}  // namespace

Status LogReader::Read(const ReadViewPtr& view, const catalog::Table& table, UserId user, Seq from, Seq to,
                       const std::function<bool(const LoggedChange&)>& visit) {
  KALAM_CHECK(to <= view->seq);
  if (from < FloorOf(table.id)) return TooOld();
  if (from >= to) return {};
  PartitionReader rows(*store_, *view, table.id, user, from, to);
  PartitionReader whole(*store_, *view, table.id, kTablePartition, from, to);
  while (rows.Valid() || whole.Valid()) {
    PartitionReader& next = whole.Before(rows) ? whole : rows;
    ASSIGN_OR_RETURN(ChangeEntry entry, next.entry());
    // Asked after reading: what compaction drops below a raised floor cannot have been missed before this.
    if (from < FloorOf(table.id)) return TooOld();
    bool go_on = true;
    if (entry.kind == kSchemaChangeKind) {
      go_on = visit(ToSchemaChange(next.seq(), entry));
    } else if (entry.kind == kBulkInsertKind) {
      if (UserId(ReadLittle64(entry.key)) == user) {
        RETURN_IF_ERROR(ReadBulk(table, next.seq(), entry.row, visit, &go_on));
      }
    } else {
      go_on = visit({.seq = next.seq(),
                     .kind = static_cast<LoggedChange::Kind>(entry.kind),
                     .primary_key = entry.key,
                     .row = entry.row,
                     .old_row = entry.old_row});
    }
    if (!go_on) return {};
    next.Next();
  }
  RETURN_IF_ERROR(rows.status());
  RETURN_IF_ERROR(whole.status());
  if (from < FloorOf(table.id)) return TooOld();
  return {};
}

Status LogReader::ReadBulk(const catalog::Table& table, Seq seq, std::string_view records,
                           const std::function<bool(const LoggedChange&)>& visit, bool* go_on) const {
  return ForEachBulkSegment(records, [&](const SegmentPtr& segment) -> Status {
    if (!*go_on) return {};
    if (segment->schema_version.value > table.schemas.size()) {
      return Error{ErrorCode::kStorageUnavailable,
                   "segment " + std::to_string(segment->id.value) + " has an unknown schema version"};
    }
    std::shared_ptr<SegmentFile> file = FileOf(segment->id);  // stays while it is read
    if (file == nullptr) return TooOld();
    const row::Schema& schema = *table.schemas[segment->schema_version.value - 1];
    row::RowLayout layout(schema);
    return format_->ReadAll(table, *segment, [&](uint32_t /*number*/, UserId /*user*/, std::string_view row) {
      std::string key = KeyOfRow(schema, layout, row);
      *go_on = visit({.seq = seq, .kind = LoggedChange::Kind::kInsert, .primary_key = key, .row = row});
      return *go_on;
    });
  });
}

Seq LogReader::FloorOf(TableId /*table*/) const { return Seq(floor_.load()); }

bool LogReader::KnowsSequence(Seq seq) const {
  for (const Epoch& epoch : epochs_) {
    Seq last = epoch.last;
    if (&epoch == &epochs_.back()) last = present_();
    if (seq >= epoch.first && seq <= last) return true;
  }
  return false;
}

void LogReader::KeepSegment(SegmentId id, LogSegment segment) {
  MutexLock lock(mutex_);
  segments_[id] = std::move(segment);
}

LogReader::Released LogReader::ReleaseWhere(const std::function<bool(SegmentId, const LogSegment&)>& goes) {
  Released released;
  MutexLock lock(mutex_);
  for (auto it = segments_.begin(); it != segments_.end();) {
    if (goes(it->first, it->second)) {
      released.emplace_back(it->first, std::move(it->second));
      it = segments_.erase(it);
    } else {
      ++it;
    }
  }
  return released;
}

std::vector<std::pair<SegmentId, LogSegment>> LogReader::ReleaseSegments(Seq floor) {
  return ReleaseWhere([&](SegmentId, const LogSegment& segment) { return segment.seq <= floor; });
}

std::vector<std::pair<SegmentId, LogSegment>> LogReader::ReleaseSegmentsOf(TableId table) {
  return ReleaseWhere([&](SegmentId, const LogSegment& segment) { return segment.table == table; });
}

std::vector<std::pair<SegmentId, LogSegment>> LogReader::ReleaseSegments(const std::vector<SegmentId>& ids) {
  return ReleaseWhere(
      [&](SegmentId id, const LogSegment&) { return std::find(ids.begin(), ids.end(), id) != ids.end(); });
}

uint64_t LogReader::BytesKept(const ReadView& view) const {
  uint64_t bytes = 0;
  MutexLock lock(mutex_);
  for (const auto& [id, segment] : segments_) {
    if (view.ColdOf(segment.table).Find(id) == nullptr) bytes += segment.bytes;
  }
  return bytes;
}

std::shared_ptr<SegmentFile> LogReader::FileOf(SegmentId id) const {
  MutexLock lock(mutex_);
  auto it = segments_.find(id);
  return it == segments_.end() ? nullptr : it->second.file;
}

}  // namespace kalamdb::storage
