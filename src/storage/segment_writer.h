// Writes rows into as many segments as their size asks for, with their index entries: the first half of a flush, a
// compaction or a bulk load. Nothing of it counts before the commit that registers the segments.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/storage_context.h"

namespace kalamdb::storage {

struct SegmentWriterOptions {
  catalog::TablePtr table;
  row::SchemaPtr schema;  // of all rows
  ReadViewPtr durable;    // a view whose commits are on disk; key_index.h says why
  bool bulk = false;      // rows have no _seq
};

// One thread's. Destroyed without Keep(): files go away, and so do index entries at the next compaction of their keys
// (they point to a segment that never will be).
class SegmentWriter {
 public:
  SegmentWriter(const StorageContext& context, SegmentWriterOptions options);
  ~SegmentWriter();
  SegmentWriter(const SegmentWriter&) = delete;
  SegmentWriter& operator=(const SegmentWriter&) = delete;

  // An encoded row of the schema, stamped unless bulk. Users ascend; keys of a user may come in any order, which is
  // noted. key_is_fresh: the server made the key just now, so no index entry can have it.
  Status Append(std::string_view row_key, std::string_view row, bool key_is_fresh = false);

  // The next row begins a new segment.
  Status Cut();

  // Completes the files and makes them and the index entries durable.
  Status Finish();

  // After Finish(), ascending ids.
  std::vector<SegmentRecord>& segments() { return segments_; }
  const std::vector<SegmentRecord>& segments() const { return segments_; }
  const std::vector<SegmentId>& ids() const { return ids_; }
  const std::vector<std::shared_ptr<SegmentFile>>& files() const { return files_; }
  uint64_t rows() const { return rows_; }
  const KeyIndex::Entries& unwritten_index() const { return index_; }  // keys whose entries are not in the index yet
  uint64_t bytes() const;

  // The segments are registered.
  void Keep() { kept_ = true; }

 private:
  Status Begin();
  Status FlushIndex();
  Status Close();
  void Note(std::string_view row_key, std::string_view row);

  const StorageContext context_;
  const SegmentWriterOptions options_;
  std::unique_ptr<ColdFileWriter> writer_;
  SegmentRecord current_;
  uint64_t current_raw_bytes_ = 0;
  KeyIndex::Entries index_;
  bool index_is_fresh_ = true;  // all keys of index_ are
  std::string last_key_;
  std::vector<SegmentRecord> segments_;
  std::vector<SegmentId> ids_;
  std::vector<std::shared_ptr<SegmentFile>> files_;
  uint64_t rows_ = 0;
  bool kept_ = false;
};

}  // namespace kalamdb::storage
