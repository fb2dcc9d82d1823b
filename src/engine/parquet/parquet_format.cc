// Opens, checks and reads cold files.
#include "engine/parquet/parquet_format.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/files.h"
#include "engine/bridge/engine_memory.h"
#include "engine/parquet/parquet_file_writer.h"
#include "engine/parquet/segment_columns.h"
#include "storage/checksum.h"
#include "storage/database.h"

namespace kalamdb::engine {
namespace {

// Keeps the rows whose numbers are asked for.
class OnlyRows final : public duckdb::DeleteFilter {
 public:
  explicit OnlyRows(std::span<const uint32_t> numbers) : numbers_(numbers) {}
  duckdb::idx_t Filter(duckdb::row_t start, duckdb::idx_t count, duckdb::SelectionVector& sel) override {
    const auto first = static_cast<uint32_t>(start);
    auto next = std::lower_bound(numbers_.begin(), numbers_.end(), first);
    if (next == numbers_.end() || *next >= first + count) return 0;
    sel.Initialize(STANDARD_VECTOR_SIZE);
    duckdb::idx_t kept = 0;
    for (; next != numbers_.end() && *next < first + count; ++next) sel.set_index(kept++, *next - first);
    return kept;
  }

 private:
  std::span<const uint32_t> numbers_;
};

// The last `bytes` of the file.
Result<std::string> ReadTail(const std::string& path, uint64_t file_bytes, uint64_t bytes) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Error{ErrorCode::kStorageUnavailable, "its file is not there or cannot be read"};
  std::string tail(bytes, '\0');
  size_t done = 0;
  while (done < bytes) {
    const ssize_t got = ::pread(fd, tail.data() + done, bytes - done, static_cast<off_t>(file_bytes - bytes + done));
    if (got <= 0) break;
    done += static_cast<size_t>(got);
  }
  ::close(fd);
  if (done < bytes) return Error{ErrorCode::kStorageUnavailable, "its file cannot be read"};
  return tail;
}

Result<row::SchemaPtr> SchemaOf(const catalog::Table& table, const storage::SegmentRecord& segment) {
  const uint32_t version = segment.schema_version.value;
  if (version == 0 || version > table.schemas.size()) return SegmentError(segment, "its schema version is not known");
  return table.schemas[version - 1];
}

}  // namespace

Result<std::string> ReadParquetFooter(const std::string& path, uint64_t file_bytes) {
  if (file_bytes < 12) return Error{ErrorCode::kStorageUnavailable, "a cold file was not written whole"};
  ASSIGN_OR_RETURN(const std::string tail, ReadTail(path, file_bytes, 8));
  const uint64_t footer_bytes = uint64_t{row::LoadLittle<uint32_t>(tail.data())} + 8;
  if (footer_bytes > file_bytes) return Error{ErrorCode::kStorageUnavailable, "a cold file was not written whole"};
  return ReadTail(path, file_bytes, footer_bytes);
}

Error SegmentError(const storage::SegmentRecord& segment, const std::string& what) {
  return Error{ErrorCode::kStorageUnavailable, "segment " + std::to_string(segment.id.value) + " of table " +
                                                   std::to_string(segment.table.value) + " cannot be read: " + what};
}

Result<std::unique_ptr<ParquetFormat>> ParquetFormat::Open(const std::string& data_dir) {
  std::unique_ptr<ParquetFormat> format(new ParquetFormat(data_dir));
  try {
    duckdb::DBConfig config;
    config.allocator = MakePlainAllocator();
    config.options.maximum_threads = 1;
    config.options.use_temporary_directory = false;
    config.options.enable_external_file_cache = false;
    format->database_ = std::make_unique<duckdb::DuckDB>(nullptr, &config);
    format->connection_ = std::make_unique<duckdb::Connection>(*format->database_);
  } catch (const std::exception& exception) {
    return Error{ErrorCode::kInternal,
                 std::string("the SQL engine does not open: ") + duckdb::ErrorData(exception).Message()};
  }
  return format;
}

ParquetFormat::~ParquetFormat() = default;

Status ParquetFormat::Verify(const storage::SegmentRecord& segment, const std::string& path) const {
  auto size = FileSize(path);
  if (!size.ok()) return SegmentError(segment, "its file is not there");
  if (*size != segment.bytes)
    return SegmentError(segment,
                        "its file has " + std::to_string(*size) + " bytes instead of " + std::to_string(segment.bytes));
  if (segment.footer_bytes < 12 || segment.footer_bytes > *size)
    return SegmentError(segment, "its footer's length is wrong");
  auto tail = ReadTail(path, *size, segment.footer_bytes);
  if (!tail.ok()) return SegmentError(segment, tail.error().message);
  if (storage::ChecksumOf(*tail) != segment.checksum)
    return SegmentError(segment, "the checksum of its footer is wrong");
  return {};
}

Result<duckdb::shared_ptr<duckdb::ParquetReader>> ParquetFormat::OpenReader(duckdb::ClientContext& context,
                                                                            const storage::SegmentRecord& segment) {
  const std::string path = storage::SegmentPath(data_dir_, segment);
  duckdb::shared_ptr<duckdb::ParquetFileMetadataCache> metadata;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = footers_.find(segment.id.value); found != footers_.end()) {
      metadata = found->second.metadata;
      recent_.splice(recent_.begin(), recent_, found->second.recent);
      ++hits_;
    } else {
      ++misses_;
    }
  }
  if (!metadata) RETURN_IF_ERROR(Verify(segment, path));
  duckdb::shared_ptr<duckdb::ParquetReader> reader;
  duckdb::ParquetOptions options;
  options.can_have_nan = true;  // minimum and maximum say nothing of NaN
  try {
    reader = duckdb::make_shared_ptr<duckdb::ParquetReader>(context, duckdb::OpenFileInfo(path), std::move(options),
                                                            metadata);
  } catch (const std::exception& exception) {
    const duckdb::ErrorData error(exception);
    return SegmentError(segment, error.Type() == duckdb::ExceptionType::IO ? "its file is not there or cannot be read"
                                                                           : "its file is damaged");
  }
  if (!metadata) {
    const std::lock_guard lock(mutex_);
    if (footers_.find(segment.id.value) == footers_.end()) {
      recent_.push_front(segment.id.value);
      footers_[segment.id.value] = {reader->metadata, segment.footer_bytes, recent_.begin()};
      bytes_ += segment.footer_bytes;
      if (footers_.size() > kMaxFooters) {
        const auto oldest = footers_.find(recent_.back());
        bytes_ -= oldest->second.bytes;
        footers_.erase(oldest);
        recent_.pop_back();
        ++evictions_;
      }
    }
  }
  return reader;
}

CacheRow ParquetFormat::FooterCache() const {
  const std::lock_guard lock(mutex_);
  return {"footer", footers_.size(), bytes_, 0, hits_, misses_, evictions_};
}

Result<std::unique_ptr<storage::ColdFileWriter>> ParquetFormat::NewWriter(const storage::ColdFileOptions& options) {
  return NewParquetFileWriter(*connection_->context, options);
}

Status ParquetFormat::ReadRows(const catalog::Table& table, const storage::SegmentRecord& segment,
                               std::span<const uint32_t> numbers, std::vector<std::string>* rows) {
  ASSIGN_OR_RETURN(row::SchemaPtr schema, SchemaOf(table, segment));
  duckdb::ClientContext& context = *connection_->context;
  ASSIGN_OR_RETURN(auto reader, OpenReader(context, segment));
  ASSIGN_OR_RETURN(SegmentColumns columns, SegmentColumns::Make(*reader, std::move(schema), segment));
  try {
    reader->deletion_filter = duckdb::make_uniq<OnlyRows>(numbers);
    duckdb::vector<duckdb::idx_t> groups;
    uint64_t first = 0;
    const auto& all = reader->GetFileMetadata()->row_groups;
    for (size_t g = 0; g < all.size(); ++g) {
      const uint64_t end = first + static_cast<uint64_t>(all[g].num_rows);
      const auto next = std::lower_bound(numbers.begin(), numbers.end(), first);
      if (next != numbers.end() && *next < end) groups.push_back(g);
      first = end;
    }
    duckdb::ParquetReaderScanState state;
    reader->InitializeScan(context, state, std::move(groups));
    duckdb::DataChunk chunk;
    chunk.Initialize(context, ChunkTypes(*reader));
    while (true) {
      chunk.Reset();
      reader->Scan(context, state, chunk);
      if (chunk.size() == 0) break;
      columns.Load(context, chunk);
      for (size_t i = 0; i < chunk.size(); ++i) {
        rows->emplace_back();
        columns.EncodeRow(i, &rows->back());
      }
    }
  } catch (const std::exception&) {
    return SegmentError(segment, "its file is damaged");
  }
  if (rows->size() != numbers.size()) return SegmentError(segment, "it has no such row");
  // Of a list nobody knows whether its rows will be asked for one by one.
  if (numbers.size() == 1) rows_.Add(segment.id, numbers[0], rows->front());
  return {};
}

Status ParquetFormat::ReadAll(const catalog::Table& table, const storage::SegmentRecord& segment,
                              const std::function<bool(uint32_t, UserId, std::string_view)>& visit) {
  ASSIGN_OR_RETURN(row::SchemaPtr schema, SchemaOf(table, segment));
  duckdb::ClientContext& context = *connection_->context;
  ASSIGN_OR_RETURN(auto reader, OpenReader(context, segment));
  ASSIGN_OR_RETURN(SegmentColumns columns, SegmentColumns::Make(*reader, std::move(schema), segment));
  try {
    duckdb::vector<duckdb::idx_t> groups;
    for (size_t g = 0; g < reader->NumRowGroups(); ++g) groups.push_back(g);
    duckdb::ParquetReaderScanState state;
    reader->InitializeScan(context, state, std::move(groups));
    duckdb::DataChunk chunk;
    chunk.Initialize(context, ChunkTypes(*reader));
    uint32_t number = 0;
    std::string row;
    while (true) {
      chunk.Reset();
      reader->Scan(context, state, chunk);
      if (chunk.size() == 0) break;
      columns.Load(context, chunk);
      for (size_t i = 0; i < chunk.size(); ++i) {
        columns.EncodeRow(i, &row);
        if (!visit(number++, columns.UserAt(i), row)) return {};
      }
    }
  } catch (const std::exception&) {
    return SegmentError(segment, "its file is damaged");
  }
  return {};
}

}  // namespace kalamdb::engine
