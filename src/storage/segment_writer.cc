// Cutting rows into segments.
#include "storage/segment_writer.h"

#include <algorithm>

#include "base/failpoint.h"
#include "base/files.h"
#include "row/key_codec.h"
#include "row/row_codec.h"
#include "storage/records.h"

namespace kalamdb::storage {
namespace {

constexpr size_t kIndexBatch = 1000;
// Rows as encoded take about this many times the bytes they take in a file.
constexpr uint64_t kRawBytesPerFileByte = 2;
constexpr uint64_t kMaxSegmentRows = 8u << 20;
constexpr size_t kMaxNameInPath = 64;

// A name as part of a path: letters, digits and _ as they are.
std::string PathPart(std::string_view name) {
  std::string part;
  for (char c : name.substr(0, kMaxNameInPath)) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    part += plain ? c : '_';
  }
  return part;
}

std::string DirectoryOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

Result<SegmentId> SegmentIds::Take() {
  MutexLock lock(mutex_);
  if (next_ == reserved_) {
    kv::Batch batch;
    batch.Put(kv::Family::kSystem, kSegmentIdKey, EncodeNumbers(reserved_ + kReserve));
    RETURN_IF_ERROR(store_->Write(batch, {.sync = true}));
    reserved_ += kReserve;
  }
  return SegmentId(next_++);
}

SegmentWriter::SegmentWriter(const StorageContext& context, SegmentWriterOptions options)
    : context_(context), options_(std::move(options)) {}

SegmentWriter::~SegmentWriter() {
  writer_.reset();
  if (!kept_) {
    for (const auto& file : files_) file->Drop();
    for (SegmentId id : ids_) context_.trim_floors->Abandon(id);
  }
  for (SegmentId id : ids_) context_.key_index->RemovePending(id);
}

uint64_t SegmentWriter::bytes() const {
  uint64_t bytes = 0;
  for (const SegmentRecord& segment : segments_) bytes += segment.bytes;
  return bytes;
}

Status SegmentWriter::Begin() {
  const catalog::Table& table = *options_.table;
  ASSIGN_OR_RETURN(SegmentId id, context_.segment_ids->Take());
  current_ = {};
  current_raw_bytes_ = 0;
  current_.id = id;
  current_.table = table.id;
  current_.schema_version = options_.schema->version();
  current_.bulk = options_.bulk;
  current_.path = PathPart(table.namespace_name) + "/" + PathPart(table.name) + "-" + std::to_string(table.id.value) +
                  "/" + std::to_string(id.value) + ".parquet";
  std::string path = JoinPath(context_.cold_dir, current_.path);
  RETURN_IF_ERROR(Failpoint("storage.segment_create"));
  RETURN_IF_ERROR(CreateDirectories(DirectoryOf(path)));
  context_.key_index->AddPending(id);
  ids_.push_back(id);
  files_.push_back(std::make_shared<SegmentFile>(path, context_.garbage));
  ColdFileOptions file{
      .path = path + ".tmp", .table = options_.table, .schema = options_.schema, .bulk = options_.bulk};
  ASSIGN_OR_RETURN(writer_, context_.format->NewWriter(file));
  return {};
}

void SegmentWriter::Note(std::string_view row_key, std::string_view row) {
  SegmentRecord& s = current_;
  UserId user = row::UserOfKey(row_key);
  if (s.users.empty() || s.users.back().user != user) {
    KALAM_CHECK(s.users.empty() || s.users.back().user < user);
    s.users.push_back({.user = user, .first_row = static_cast<uint32_t>(s.rows)});
  }
  if (s.rows != 0 && row_key < last_key_) s.key_order = false;
  last_key_ = row_key;
  if (s.rows == 0 || row_key < s.min_key) s.min_key = row_key;
  if (s.rows == 0 || row_key > s.max_key) s.max_key = row_key;
  if (!options_.bulk) {
    Seq seq = row::RowSeq(row);
    Micros updated = row::RowUpdated(row);
    s.min_seq = s.rows == 0 ? seq : std::min(s.min_seq, seq);
    s.max_seq = std::max(s.max_seq, seq);
    s.min_updated = s.rows == 0 ? updated : std::min(s.min_updated, updated);
    s.max_updated = s.rows == 0 ? updated : std::max(s.max_updated, updated);
  }
  if (row::RowIsDeleted(row)) ++s.deleted_flag_rows;
  ++s.rows;
  current_raw_bytes_ += row.size();
}

Status SegmentWriter::Append(std::string_view row_key, std::string_view row, bool key_is_fresh) {
  KALAM_CHECK(row.size() >= row::kRowHeaderBytes && row::RowVersion(row) == options_.schema->version());
  if (writer_ == nullptr) RETURN_IF_ERROR(Begin());
  RETURN_IF_ERROR(writer_->Append(row::UserOfKey(row_key), row));
  index_.emplace_back(std::string(row_key), static_cast<uint32_t>(current_.rows));
  index_is_fresh_ = index_is_fresh_ && key_is_fresh;
  Note(row_key, row);
  ++rows_;
  if (index_.size() >= kIndexBatch) RETURN_IF_ERROR(FlushIndex());
  bool full =
      current_raw_bytes_ >= context_.segment_target_bytes * kRawBytesPerFileByte || current_.rows >= kMaxSegmentRows;
  if (full) return Close();
  return {};
}

Status SegmentWriter::FlushIndex() {
  Committer* committer = context_.committer;
  RETURN_IF_ERROR(context_.key_index->Write(
      current_.id, index_, *options_.durable, [committer] { return committer->View(); }, index_is_fresh_));
  index_.clear();
  index_is_fresh_ = true;
  return {};
}

Status SegmentWriter::Close() {
  RETURN_IF_ERROR(FlushIndex());
  RETURN_IF_ERROR(Failpoint("storage.segment_finish"));
  ASSIGN_OR_RETURN(ColdFileInfo info, writer_->Finish());
  KALAM_CHECK(info.rows == current_.rows);
  writer_.reset();
  current_.bytes = info.bytes;
  current_.checksum = info.checksum;
  current_.footer_bytes = info.footer_bytes;
  current_.null_counts = std::move(info.null_counts);
  current_.created_at = context_.clock->NowMicros();
  std::string path = JoinPath(context_.cold_dir, current_.path);
  RETURN_IF_ERROR(RenameFile(path + ".tmp", path));
  segments_.push_back(std::move(current_));
  return {};
}

Status SegmentWriter::Cut() { return writer_ == nullptr ? Status() : Close(); }

Status SegmentWriter::Finish() {
  RETURN_IF_ERROR(Cut());
  if (segments_.empty()) return {};
  // The file's directory and those above it: all of them may be new.
  for (std::string path = segments_.front().path; path.find('/') != std::string::npos;) {
    path = DirectoryOf(path);
    RETURN_IF_ERROR(SyncDirectory(JoinPath(context_.cold_dir, path)));
  }
  RETURN_IF_ERROR(SyncDirectory(context_.cold_dir));
  return context_.store->FlushFamily(kv::Family::kKeys);
}

}  // namespace kalamdb::storage
