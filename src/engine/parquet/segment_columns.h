// The columns of a segment's file as rows of its schema version: which file column is which, and whole encoded rows out
// of a chunk.
//
// One thread's. Columns are found by field id; a column whose type in the file is another one (EMBEDDING is a list
// there) is cast.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "catalog/table.h"
#include "duckdb.hpp"
#include "engine/bridge/chunk_codec.h"
#include "parquet_reader.hpp"
#include "storage/segment.h"

namespace kalamdb::engine {

// Index of the file column with this field id.
std::optional<size_t> FindFileColumn(const duckdb::ParquetReader& reader, int32_t field_id);

// Adds the file column to what the reader reads; returns its place in the chunk. A column is added once.
size_t AddFileColumn(duckdb::ParquetReader& reader, size_t file_column);

// The types of the reader's chunk.
duckdb::vector<duckdb::LogicalType> ChunkTypes(duckdb::ParquetReader& reader);

class SegmentColumns {
 public:
  // Makes the reader read all columns of `schema` and the system columns of the file. Errors: kStorageUnavailable where
  // one is missing.
  static Result<SegmentColumns> Make(duckdb::ParquetReader& reader, row::SchemaPtr schema,
                                     const storage::SegmentRecord& segment);

  void Load(duckdb::ClientContext& context, duckdb::DataChunk& chunk);
  // Row `index` of the loaded chunk, encoded, with its header.
  void EncodeRow(size_t index, std::string* out) const;
  UserId UserAt(size_t index) const;

 private:
  explicit SegmentColumns(row::SchemaPtr schema) : encoder_(std::move(schema)) {}
  int64_t IntegerAt(const std::optional<duckdb::UnifiedVectorFormat>& column, size_t index, int64_t otherwise) const;

  RowEncoder encoder_;
  std::vector<size_t> places_;                                      // of the schema's columns in the chunk
  std::vector<std::unique_ptr<duckdb::Vector>> cast_;               // for columns of another type in the file
  std::optional<size_t> user_, seq_, updated_, deleted_, version_;  // places in the chunk
  std::optional<duckdb::UnifiedVectorFormat> user_data_, seq_data_, updated_data_, deleted_data_, version_data_;
  int64_t constant_seq_ = 0, constant_updated_ = 0;  // of bulk files
};

}  // namespace kalamdb::engine
