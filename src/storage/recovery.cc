// Reading the records of a data directory back into memory.
#include "storage/recovery.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/files.h"
#include "catalog/snapshot.h"
#include "row/key_codec.h"
#include "storage/records.h"

namespace kalamdb::storage {
namespace {

using Visit = std::function<Status(std::string_view key, std::string_view value)>;

Status ForEach(const kv::Store& store, kv::Family family, std::string_view prefix, const Visit& visit) {
  auto it =
      store.NewIterator(family, {.lower = std::string(prefix), .upper = row::PrefixEnd(prefix), .fill_cache = false});
  for (it->SeekToFirst(); it->Valid(); it->Next()) RETURN_IF_ERROR(visit(it->key(), it->value()));
  return it->status();
}

Error DamagedKey(char kind) {
  return {ErrorCode::kStorageUnavailable, std::string("a storage record '") + kind + "' has a damaged key"};
}

// The cold side of all tables while it is read.
class ColdBuilder {
 public:
  ColdBuilder(std::string cold_dir, std::shared_ptr<FileGarbage> garbage, Recovered* out)
      : cold_dir_(std::move(cold_dir)), garbage_(std::move(garbage)), out_(out) {}

  Status Load(const kv::Store& store) {
    auto visit = [this](std::string_view key, std::string_view value) { return Add(key, value); };
    // Segments before their bits: 'D' sorts before 'S', so each kind is read for itself.
    for (char kind : {kFloorRecord, kSegmentRecord, kChunkRecord, kLogSegmentRecord, kDroppedRecord}) {
      RETURN_IF_ERROR(ForEach(store, kv::Family::kSegments, std::string(1, kind), visit));
    }
    for (auto& [table, cold] : tables_) {
      cold->generation = 1;
      for (const ColdSegment& segment : cold->segments) out_->segments.push_back(segment.record->id);
      out_->view->cold_by_table = out_->view->cold_by_table.Set(table, TableColdPtr(std::move(cold)));
    }
    std::sort(out_->segments.begin(), out_->segments.end());
    return {};
  }

 private:
  TableCold& Of(uint32_t table) {
    auto& slot = tables_[table];
    if (slot == nullptr) slot = std::make_unique<TableCold>();
    return *slot;
  }

  std::shared_ptr<SegmentFile> FileOf(const SegmentRecord& record) {
    out_->named_paths.insert(record.path);
    auto& file = files_[record.path];
    if (file == nullptr) file = std::make_shared<SegmentFile>(JoinPath(cold_dir_, record.path), garbage_);
    return file;
  }

  Status Add(std::string_view key, std::string_view value) {
    char kind = key[0];
    size_t expected = kind == kChunkRecord ? 17 : (kind == kSegmentRecord || kind == kLogSegmentRecord) ? 13 : 5;
    if (key.size() != expected) return DamagedKey(kind);
    uint32_t table = ReadBig32(key.data() + 1);
    switch (kind) {
      case kFloorRecord: {
        ASSIGN_OR_RETURN(Numbers floor, DecodeNumbers(key, value));
        Of(table).floor = Seq(floor.first);
        return {};
      }
      case kSegmentRecord: {
        ASSIGN_OR_RETURN(SegmentPtr record, DecodeSegment(value));
        auto file = FileOf(*record);
        Of(table).segments.push_back(  // by id: that is the order of the keys
            {.record = std::move(record),
             .deleted = std::make_shared<const DeletionVector>(),
             .file = std::move(file)});
        return {};
      }
      case kChunkRecord: return AddChunk(table, key, value);
      case kLogSegmentRecord: {
        ASSIGN_OR_RETURN(SegmentPtr record, DecodeSegment(value));
        out_->log_segments[record->id] = {
            .table = record->table, .seq = record->min_seq, .bytes = record->bytes, .file = FileOf(*record)};
        return {};
      }
      default: out_->dropped_tables.push_back(TableId(table)); return {};
    }
  }

  Status AddChunk(uint32_t table, std::string_view key, std::string_view value) {
    SegmentId id(ReadBig64(key.data() + 5));
    TableCold& cold = Of(table);
    for (auto it = cold.segments.rbegin(); it != cold.segments.rend(); ++it) {
      if (it->record->id != id) continue;
      ASSIGN_OR_RETURN(DeletionVector::Chunk chunk, DecodeChunk(value));
      it->deleted = std::make_shared<const DeletionVector>(it->deleted->WithChunk(ReadBig32(key.data() + 13), chunk));
      return {};
    }
    return {};  // the segment has gone, its bits had not yet
  }

  const std::string cold_dir_;
  const std::shared_ptr<FileGarbage> garbage_;
  Recovered* const out_;
  std::map<uint32_t, std::unique_ptr<TableCold>> tables_;
  std::map<std::string, std::shared_ptr<SegmentFile>> files_;
};

Status LoadCatalog(const kv::Store& store, Recovered* out) {
  catalog::Loader loader;
  RETURN_IF_ERROR(ForEach(store, kv::Family::kCatalog, "",
                          [&](std::string_view key, std::string_view value) { return loader.Add(key, value); }));
  ASSIGN_OR_RETURN(out->view->catalog, loader.Finish());
  out->next_table_id = loader.next_id();
  return {};
}

// The last sequence on record, epochs, ids. *known: the directory has been used before.
Status LoadCounters(const kv::Store& store, Recovered* out, bool* known) {
  bool clean_marker = false;
  Seq clean_at;
  auto visit = [&](std::string_view key, std::string_view value) -> Status {
    if (key.starts_with(kMarkPrefix)) return {};
    ASSIGN_OR_RETURN(Numbers numbers, DecodeNumbers(key, value));
    if (key == kLastKey) {
      out->view->seq = Seq(numbers.first);
      out->view->committed_at = static_cast<Micros>(numbers.second);
    } else if (key == kCleanKey) {
      clean_marker = true;
      clean_at = Seq(numbers.first);
    } else if (key == kSegmentIdKey) {
      out->next_segment_id = numbers.first;
    } else if (key == kLogFloorKey) {
      out->log_floor = Seq(numbers.first);
    } else if (const auto user = UserOfErasureKey(key)) {
      out->users_to_erase.push_back(*user);
    } else if (key.starts_with(kEpochPrefix)) {
      out->epochs.push_back({Seq(numbers.first), Seq(numbers.second)});
    }
    return {};
  };
  RETURN_IF_ERROR(ForEach(store, kv::Family::kSystem, std::string(1, kOwnPrefix), visit));
  *known = !out->epochs.empty();
  out->clean = !*known || (clean_marker && clean_at == out->view->seq);
  return {};
}

// Puts on disk that a run has begun: until WriteCleanStop the directory counts as stopped uncleanly.
Status BeginRun(kv::Store* store, Recovered* out, bool known) {
  kv::Batch batch;
  batch.Delete(kv::Family::kSystem, kCleanKey);
  Seq last = out->view->seq;
  if (!known) {
    out->epochs.push_back({});
    batch.Put(kv::Family::kSystem, EpochKey(1), EncodeNumbers(0));
  } else if (!out->clean) {
    Seq first(((last.value >> 32) + 1) << 32);
    out->epochs.back().last = last;
    batch.Put(kv::Family::kSystem, EpochKey(out->epochs.size()),
              EncodeNumbers(out->epochs.back().first.value, last.value));
    out->epochs.push_back({.first = first});
    batch.Put(kv::Family::kSystem, EpochKey(out->epochs.size()), EncodeNumbers(first.value));
    out->view->seq = first;
    batch.Put(kv::Family::kSystem, kLastKey,
              EncodeNumbers(first.value, static_cast<uint64_t>(out->view->committed_at)));
  }
  out->view->epoch = out->epochs.size();
  return store->Write(batch, {.sync = true});
}

Status SweepDirectory(const std::string& path, const std::string& relative, const std::set<std::string>& named,
                      uint64_t* gone, bool* empty) {
  ASSIGN_OR_RETURN(std::vector<DirectoryEntry> entries, ListDirectory(path));
  *empty = true;
  for (const DirectoryEntry& entry : entries) {
    std::string below = relative.empty() ? entry.name : JoinPath(relative, entry.name);
    std::string full = JoinPath(path, entry.name);
    if (entry.is_directory) {
      bool nothing_left = false;
      RETURN_IF_ERROR(SweepDirectory(full, below, named, gone, &nothing_left));
      if (nothing_left) {
        RETURN_IF_ERROR(RemoveTree(full));
      } else {
        *empty = false;
      }
    } else if (named.contains(below)) {
      *empty = false;
    } else {
      RETURN_IF_ERROR(RemoveFile(full));
      ++*gone;
    }
  }
  return {};
}

}  // namespace

Result<Recovered> Recover(kv::Store* store, const std::string& cold_dir, const std::shared_ptr<FileGarbage>& garbage) {
  Recovered out;
  out.view = std::make_unique<ReadView>();
  bool known = false;
  RETURN_IF_ERROR(LoadCatalog(*store, &out));
  RETURN_IF_ERROR(LoadCounters(*store, &out, &known));
  RETURN_IF_ERROR(ColdBuilder(cold_dir, garbage, &out).Load(*store));
  RETURN_IF_ERROR(BeginRun(store, &out, known));
  return out;
}

Result<uint64_t> SweepColdFiles(const std::string& cold_dir, const std::set<std::string>& named_paths) {
  uint64_t gone = 0;
  bool empty = false;
  RETURN_IF_ERROR(SweepDirectory(cold_dir, "", named_paths, &gone, &empty));
  return gone;
}

Status WriteCleanStop(kv::Store* store, Seq last) {
  kv::Batch batch;
  batch.Put(kv::Family::kSystem, kCleanKey, EncodeNumbers(last.value));
  return store->Write(batch, {.sync = true});
}

}  // namespace kalamdb::storage
