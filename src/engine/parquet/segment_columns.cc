// Maps file columns and encodes rows from them.
#include "engine/parquet/segment_columns.h"

#include "duckdb/common/vector_operations/vector_operations.hpp"
#include "engine/parquet/parquet_format.h"
#include "storage/cold_file.h"

namespace kalamdb::engine {

std::optional<size_t> FindFileColumn(const duckdb::ParquetReader& reader, int32_t field_id) {
  for (size_t i = 0; i < reader.columns.size(); ++i) {
    const auto& identifier = reader.columns[i].identifier;
    if (!identifier.IsNull() && identifier.type().id() == duckdb::LogicalTypeId::INTEGER &&
        identifier.GetValue<int32_t>() == field_id)
      return i;
  }
  return std::nullopt;
}

size_t AddFileColumn(duckdb::ParquetReader& reader, size_t file_column) {
  for (size_t i = 0; i < reader.column_ids.size(); ++i) {
    if (reader.column_ids[duckdb::MultiFileLocalIndex(i)].GetId() == file_column) return i;
  }
  reader.column_ids.push_back(duckdb::MultiFileLocalColumnId(file_column));
  reader.column_indexes.emplace_back(file_column);
  return reader.column_ids.size() - 1;
}

duckdb::vector<duckdb::LogicalType> ChunkTypes(duckdb::ParquetReader& reader) {
  duckdb::vector<duckdb::LogicalType> types;
  for (size_t i = 0; i < reader.column_ids.size(); ++i) {
    types.push_back(reader.columns[reader.column_ids[duckdb::MultiFileLocalIndex(i)].GetId()].type);
  }
  return types;
}

Result<SegmentColumns> SegmentColumns::Make(duckdb::ParquetReader& reader, row::SchemaPtr schema,
                                            const storage::SegmentRecord& segment) {
  SegmentColumns columns(std::move(schema));
  const row::Schema& wanted = columns.encoder_.schema();
  for (size_t i = 0; i < wanted.size(); ++i) {
    const auto found = FindFileColumn(reader, wanted.column(i).id.value);
    if (!found)
      return SegmentError(segment, "column " + std::to_string(wanted.column(i).id.value) + " is missing in its file");
    columns.places_.push_back(AddFileColumn(reader, *found));
    const auto type = ToEngineType(wanted.column(i).type);
    columns.cast_.push_back(reader.columns[*found].type == type ? nullptr : std::make_unique<duckdb::Vector>(type));
  }
  const auto add = [&](int32_t field_id) -> std::optional<size_t> {
    const auto found = FindFileColumn(reader, field_id);
    if (!found) return std::nullopt;
    return AddFileColumn(reader, *found);
  };
  columns.user_ = add(storage::kFieldIdUser);
  columns.seq_ = add(storage::kFieldIdSeq);
  columns.updated_ = add(storage::kFieldIdUpdated);
  columns.deleted_ = add(storage::kFieldIdDeleted);
  columns.version_ = add(storage::kFieldIdVersion);
  columns.constant_seq_ = static_cast<int64_t>(segment.min_seq.value);
  columns.constant_updated_ = segment.min_updated;
  return columns;
}

void SegmentColumns::Load(duckdb::ClientContext& context, duckdb::DataChunk& chunk) {
  std::vector<duckdb::Vector*> columns;
  for (size_t i = 0; i < places_.size(); ++i) {
    duckdb::Vector* column = &chunk.data[places_[i]];
    if (cast_[i] != nullptr) {
      cast_[i] = std::make_unique<duckdb::Vector>(cast_[i]->GetType());
      duckdb::VectorOperations::Cast(context, *column, *cast_[i], chunk.size());
      column = cast_[i].get();
    }
    columns.push_back(column);
  }
  encoder_.Load(columns, chunk.size());
  const auto load = [&](const std::optional<size_t>& place, std::optional<duckdb::UnifiedVectorFormat>* data) {
    data->reset();
    if (!place) return;
    data->emplace();
    chunk.data[*place].ToUnifiedFormat(chunk.size(), **data);
  };
  load(user_, &user_data_);
  load(seq_, &seq_data_);
  load(updated_, &updated_data_);
  load(deleted_, &deleted_data_);
  load(version_, &version_data_);
}

int64_t SegmentColumns::IntegerAt(const std::optional<duckdb::UnifiedVectorFormat>& column, size_t index,
                                  int64_t otherwise) const {
  if (!column) return otherwise;
  const size_t at = column->sel->get_index(index);
  return column->validity.RowIsValid(at) ? duckdb::UnifiedVectorFormat::GetData<int64_t>(*column)[at] : otherwise;
}

void SegmentColumns::EncodeRow(size_t index, std::string* out) const {
  encoder_.EncodeRow(index, out);
  const auto seq = static_cast<uint64_t>(IntegerAt(seq_data_, index, constant_seq_));
  row::StampRow(out->data(), Seq(seq), IntegerAt(updated_data_, index, constant_updated_));
  if (version_data_) {
    const size_t at = version_data_->sel->get_index(index);
    const int32_t written = duckdb::UnifiedVectorFormat::GetData<int32_t>(*version_data_)[at];
    const auto file_version = static_cast<int32_t>(encoder_.schema().version().value);
    if (written > 0 && written < file_version)
      row::SetRowWrittenVersion(out, SchemaVersion(static_cast<uint32_t>(written)));
  }
  if (!deleted_data_) return;
  const size_t at = deleted_data_->sel->get_index(index);
  if (deleted_data_->validity.RowIsValid(at) && duckdb::UnifiedVectorFormat::GetData<bool>(*deleted_data_)[at])
    row::SetRowDeleted(out, true);
}

UserId SegmentColumns::UserAt(size_t index) const {
  return UserId(static_cast<uint64_t>(IntegerAt(user_data_, index, static_cast<int64_t>(kSharedUser.value))));
}

}  // namespace kalamdb::engine
