// Encoded rows to Parquet row groups.
#include "engine/parquet/parquet_file_writer.h"

#include <cctype>

#include "base/files.h"
#include "duckdb/common/types/column/column_data_collection.hpp"
#include "engine/bridge/chunk_codec.h"
#include "engine/parquet/parquet_format.h"
#include "parquet_writer.hpp"
#include "row/row_codec.h"
#include "storage/checksum.h"

namespace kalamdb::engine {
namespace {

constexpr duckdb::idx_t kStringDictionaryPageBytes = 1u << 30;
constexpr double kBloomFalsePositives = 0.01;
constexpr int64_t kZstdLevel = 3;

bool HasServerKeys(const row::Schema& schema) {
  if (schema.key_ordinals().size() != 1) return false;
  const auto& key = schema.column(schema.key_ordinals()[0]);
  std::string text = key.write_default;
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return key.hidden || text.starts_with("snowflake_id") || text.starts_with("uuid_v7") || text.starts_with("ulid");
}

class ParquetFileWriter final : public storage::ColdFileWriter {
 public:
  ParquetFileWriter(duckdb::ClientContext& context, const storage::ColdFileOptions& options)
      : context_(context),
        options_(options),
        projection_(options.schema, options.schema),
        group_rows_(HasServerKeys(*options.schema) ? kGroupRowsServerKeys : kGroupRowsClientKeys),
        has_versions_(!options.bulk && options.schema->version() > SchemaVersion(1)),
        nulls_(options.schema->size(), 0) {}

  ~ParquetFileWriter() override {
    writer_.reset();
    if (!finished_) (void)RemoveFile(options_.path);
  }

  Status Open();
  Status Append(UserId user, std::string_view row) override;
  Result<storage::ColdFileInfo> Finish() override;

 private:
  void AddColumn(const std::string& name, duckdb::LogicalType type, int32_t field_id);
  Status FlushVector();
  void FlushGroup();
  Status Failed(const std::exception& exception) const;

  duckdb::ClientContext& context_;
  const storage::ColdFileOptions options_;
  const row::Projection projection_;  // identity: reads rows of the file's version
  const size_t group_rows_;
  const bool has_versions_;  // rows may have been written under an older version than the file's
  std::vector<uint64_t> nulls_;
  duckdb::vector<duckdb::LogicalType> types_;
  duckdb::vector<duckdb::string> names_;
  duckdb::ChildFieldIDs field_ids_;
  std::unique_ptr<duckdb::ParquetWriter> writer_;
  duckdb::unique_ptr<duckdb::ColumnDataCollection> group_;
  duckdb::DataChunk chunk_;
  std::string bytes_;  // the rows of the vector at hand
  std::vector<size_t> ends_;
  std::vector<UserId> users_;
  uint64_t rows_ = 0;
  size_t group_bytes_ = 0;
  bool finished_ = false;
};

void ParquetFileWriter::AddColumn(const std::string& name, duckdb::LogicalType type, int32_t field_id) {
  names_.push_back(name);
  types_.push_back(std::move(type));
  (*field_ids_.ids)[name] = duckdb::FieldID(field_id);
}

Status ParquetFileWriter::Failed(const std::exception& exception) const {
  const duckdb::ErrorData error(exception);
  const bool io = error.Type() == duckdb::ExceptionType::IO;
  return Error{io ? ErrorCode::kStorageUnavailable : ErrorCode::kInternal,
               io ? "a cold file cannot be written: the disk is full or not writable"
                  : "a cold file cannot be written: " + error.RawMessage()};
}

Status ParquetFileWriter::Open() {
  field_ids_.ids = duckdb::make_uniq<duckdb::case_insensitive_map_t<duckdb::FieldID>>();
  for (const auto& column : options_.schema->columns())
    AddColumn(column.name, ToEngineType(column.type), column.id.value);
  if (options_.table->IsPerUser()) AddColumn("_user", duckdb::LogicalType::BIGINT, storage::kFieldIdUser);
  if (!options_.bulk) {
    AddColumn("_seq", duckdb::LogicalType::BIGINT, storage::kFieldIdSeq);
    AddColumn("_updated", duckdb::LogicalType::TIMESTAMP, storage::kFieldIdUpdated);
  }
  AddColumn("_deleted", duckdb::LogicalType::BOOLEAN, storage::kFieldIdDeleted);
  if (has_versions_) AddColumn("_version", duckdb::LogicalType::INTEGER, storage::kFieldIdVersion);
  const duckdb::vector<std::pair<duckdb::string, duckdb::string>> metadata = {
      {"kalamdb.table_id", std::to_string(options_.table->id.value)},
      {"kalamdb.schema_version", std::to_string(options_.schema->version().value)}};
  const auto codec = options_.table->options.compression == catalog::Compression::kSnappy
                         ? duckdb_parquet::CompressionCodec::SNAPPY
                         : duckdb_parquet::CompressionCodec::ZSTD;
  try {
    writer_ = std::make_unique<duckdb::ParquetWriter>(
        context_, duckdb::FileSystem::GetFileSystem(context_), options_.path, types_, names_, codec, field_ids_.Copy(),
        metadata, nullptr, duckdb::optional_idx(), kStringDictionaryPageBytes, false, kBloomFalsePositives, kZstdLevel,
        true, duckdb::ParquetVersion::V1, duckdb::GeoParquetVersion::V1);
    group_ = duckdb::make_uniq<duckdb::ColumnDataCollection>(context_, types_);
    chunk_.Initialize(context_, types_);
  } catch (const std::exception& exception) {
    return Failed(exception);
  }
  return {};
}

Status ParquetFileWriter::Append(UserId user, std::string_view row) {
  RETURN_IF_ERROR(row::CheckRow(projection_.from_layout(), row));
  bytes_.append(row);
  ends_.push_back(bytes_.size());
  users_.push_back(user);
  ++rows_;
  return ends_.size() < STANDARD_VECTOR_SIZE ? Status() : FlushVector();
}

Status ParquetFileWriter::FlushVector() {
  if (ends_.empty()) return {};
  try {
    std::vector<std::string_view> rows;
    size_t begin = 0;
    for (const size_t end : ends_) {
      rows.emplace_back(bytes_.data() + begin, end - begin);
      begin = end;
    }
    chunk_.Reset();
    for (size_t ordinal = 0; ordinal < options_.schema->size(); ++ordinal) {
      RETURN_IF_ERROR(DecodeColumn(projection_, ordinal, rows, chunk_.data[ordinal], 0));
      for (const auto& row : rows) nulls_[ordinal] += row::RowIsNull(row, ordinal) ? 1 : 0;
    }
    size_t column = options_.schema->size();
    if (options_.table->IsPerUser()) {
      auto* data = duckdb::FlatVector::GetData<int64_t>(chunk_.data[column++]);
      for (size_t i = 0; i < rows.size(); ++i) data[i] = static_cast<int64_t>(users_[i].value);
    }
    if (!options_.bulk) {
      auto* seqs = duckdb::FlatVector::GetData<int64_t>(chunk_.data[column++]);
      auto* times = duckdb::FlatVector::GetData<int64_t>(chunk_.data[column++]);
      for (size_t i = 0; i < rows.size(); ++i) {
        seqs[i] = static_cast<int64_t>(row::RowSeq(rows[i]).value);
        times[i] = row::RowUpdated(rows[i]);
      }
    }
    auto* deleted = duckdb::FlatVector::GetData<bool>(chunk_.data[column++]);
    for (size_t i = 0; i < rows.size(); ++i) deleted[i] = row::RowIsDeleted(rows[i]);
    if (has_versions_) {
      auto* versions = duckdb::FlatVector::GetData<int32_t>(chunk_.data[column]);
      for (size_t i = 0; i < rows.size(); ++i)
        versions[i] = static_cast<int32_t>(row::RowWrittenVersion(rows[i]).value);
    }
    chunk_.SetCardinality(rows.size());
    group_->Append(chunk_);
    group_bytes_ += bytes_.size();
    bytes_.clear();
    ends_.clear();
    users_.clear();
    if (group_->Count() >= group_rows_ || group_bytes_ >= kGroupBytes) FlushGroup();
  } catch (const std::exception& exception) {
    return Failed(exception);
  }
  return {};
}

void ParquetFileWriter::FlushGroup() {
  if (group_->Count() == 0) return;
  writer_->Flush(*group_);
  group_ = duckdb::make_uniq<duckdb::ColumnDataCollection>(context_, types_);
  group_bytes_ = 0;
}

Result<storage::ColdFileInfo> ParquetFileWriter::Finish() {
  RETURN_IF_ERROR(FlushVector());
  try {
    FlushGroup();
    writer_->Finalize();
    writer_.reset();
  } catch (const std::exception& exception) {
    return Failed(exception).error();
  }
  RETURN_IF_ERROR(SyncFile(options_.path));
  storage::ColdFileInfo info;
  info.rows = rows_;
  ASSIGN_OR_RETURN(info.bytes, FileSize(options_.path));
  ASSIGN_OR_RETURN(const std::string footer, ReadParquetFooter(options_.path, info.bytes));
  info.footer_bytes = footer.size();
  info.checksum = storage::ChecksumOf(footer);
  for (size_t i = 0; i < nulls_.size(); ++i) info.null_counts.emplace_back(options_.schema->column(i).id, nulls_[i]);
  finished_ = true;
  return info;
}

}  // namespace

Result<std::unique_ptr<storage::ColdFileWriter>> NewParquetFileWriter(duckdb::ClientContext& context,
                                                                      const storage::ColdFileOptions& options) {
  auto writer = std::make_unique<ParquetFileWriter>(context, options);
  RETURN_IF_ERROR(writer->Open());
  return std::unique_ptr<storage::ColdFileWriter>(std::move(writer));
}

}  // namespace kalamdb::engine
