// Reads segments for scans.
#include "engine/bridge/cold_scan.h"

#include "duckdb/common/multi_file/multi_file_reader.hpp"
#include "duckdb/common/vector_operations/vector_operations.hpp"
#include "duckdb/optimizer/statistics_propagator.hpp"
#include "duckdb/planner/filter/conjunction_filter.hpp"
#include "duckdb/planner/filter/constant_filter.hpp"
#include "engine/bridge/table_entry.h"
#include "engine/parquet/parquet_format.h"
#include "engine/parquet/segment_columns.h"
#include "storage/cold_file.h"

namespace kalamdb::engine {
namespace {

using duckdb::TableFilter;
using duckdb::TableFilterType;
using Kind = ScanColumn::Kind;

// The caller's rows [first, end) whose deletion bit is clear.
class LiveRows final : public duckdb::DeleteFilter {
 public:
  LiveRows(std::shared_ptr<const storage::DeletionVector> deleted, uint32_t first, uint32_t end)
      : deleted_(std::move(deleted)), first_(first), end_(end) {}

  duckdb::idx_t Filter(duckdb::row_t start, duckdb::idx_t count, duckdb::SelectionVector& sel) override {
    const auto begin = static_cast<uint32_t>(start);
    const uint32_t from = std::max(begin, first_);
    const uint32_t to = std::min<uint32_t>(begin + static_cast<uint32_t>(count), end_);
    if (from >= to) return 0;
    const bool bits = deleted_ != nullptr && deleted_->AnyIn(from, to - from);
    if (!bits && to - from == count) return count;
    sel.Initialize(STANDARD_VECTOR_SIZE);
    duckdb::idx_t kept = 0;
    for (uint32_t row = from; row < to; ++row) {
      if (!bits || !deleted_->Test(row)) sel.set_index(kept++, row - begin);
    }
    return kept;
  }

 private:
  const std::shared_ptr<const storage::DeletionVector> deleted_;
  const uint32_t first_, end_;
};

// A comparison with a constant as one over the file's type, where that loses nothing; nullptr where it does.
duckdb::unique_ptr<TableFilter> Carry(const TableFilter& filter, const duckdb::LogicalType& file_type) {
  switch (filter.filter_type) {
    case TableFilterType::IS_NULL:
    case TableFilterType::IS_NOT_NULL: return filter.Copy();
    case TableFilterType::CONSTANT_COMPARISON: {
      const auto& comparison = filter.Cast<duckdb::ConstantFilter>();
      const duckdb::Value& constant = comparison.constant;
      if (!duckdb::StatisticsPropagator::CanPropagateCast(constant.type(), file_type)) return nullptr;
      duckdb::Value there = constant, back;
      if (!there.DefaultTryCastAs(file_type) || there.IsNull()) return nullptr;
      back = there;
      if (!back.DefaultTryCastAs(constant.type()) || back != constant) return nullptr;
      return duckdb::make_uniq<duckdb::ConstantFilter>(comparison.comparison_type, std::move(there));
    }
    default: return nullptr;
  }
}

// How a column of the scan comes about in this file.
struct Source {
  enum class From : uint8_t { kFile, kConstant, kPlace, kOld };
  From from = From::kConstant;
  size_t place = 0;   // kFile: in the reader's chunk
  bool cast = false;  // kFile: the file's type is another one
  duckdb::Value constant = duckdb::Value();
};

class SegmentScan final : public ColdScan, public std::enable_shared_from_this<SegmentScan> {
 public:
  SegmentScan(ScanShared& shared, const storage::ColdSegment& segment) : shared_(shared), segment_(segment) {}

  // False: no row can pass the filters.
  Result<bool> Prepare(duckdb::ClientContext& context);
  size_t group_count() const override { return groups_.size(); }
  std::unique_ptr<ColdCursor> NewCursor(duckdb::ClientContext& context, size_t group) override;

 private:
  friend class SegmentCursor;
  Result<Source> SourceOf(const ScanColumn& column);
  Source SystemSource(int32_t field_id, const duckdb::Value& otherwise, const duckdb::LogicalType& type);
  bool PushFilters(duckdb::ClientContext& context);
  void PushFilter(size_t place, duckdb::unique_ptr<TableFilter> filter);
  void HideDeleted();
  bool PrunedByStatistics(size_t group) const;
  void ListGroups();

  ScanShared& shared_;
  const storage::ColdSegment& segment_;
  duckdb::shared_ptr<duckdb::ParquetReader> reader_;
  row::ProjectionPtr projection_;
  std::vector<Source> sources_;
  std::vector<size_t> late_;  // filters (indexes into ScanFilters::entries) that are judged after the cast
  std::optional<SegmentColumns> old_columns_;  // copied by cursors
  std::optional<size_t> place_column_;         // file row numbers in the reader's chunk
  std::vector<size_t> groups_;
  uint32_t first_ = 0, end_ = 0;
};

Source SegmentScan::SystemSource(int32_t field_id, const duckdb::Value& otherwise, const duckdb::LogicalType& type) {
  const auto found = FindFileColumn(*reader_, field_id);
  if (!found) return {Source::From::kConstant, 0, false, otherwise};
  return {Source::From::kFile, AddFileColumn(*reader_, *found), reader_->columns[*found].type != type, duckdb::Value()};
}

Result<Source> SegmentScan::SourceOf(const ScanColumn& column) {
  const auto& record = *segment_.record;
  switch (column.kind) {
    case Kind::kStored: {
      const auto& stored = shared_.table->schema()->column(column.ordinal);
      const auto found = FindFileColumn(*reader_, stored.id.value);
      if (found)
        return Source{Source::From::kFile, AddFileColumn(*reader_, *found),
                      reader_->columns[*found].type != column.type, duckdb::Value()};
      const auto& source = projection_->source(column.ordinal);
      if (source.ordinal >= 0) return SegmentError(record, "column " + stored.name + " is missing in its file");
      return Source{Source::From::kConstant, 0, false, ToEngineValue(stored.type, source.constant)};
    }
    case Kind::kSeq:
      return SystemSource(storage::kFieldIdSeq, duckdb::Value::BIGINT(static_cast<int64_t>(record.min_seq.value)),
                          column.type);
    case Kind::kUpdated:
      return SystemSource(storage::kFieldIdUpdated, duckdb::Value::TIMESTAMP(duckdb::timestamp_t(record.min_updated)),
                          column.type);
    case Kind::kDeleted:
      if (record.deleted_flag_rows == 0)
        return Source{Source::From::kConstant, 0, false, duckdb::Value::BOOLEAN(false)};
      return SystemSource(storage::kFieldIdDeleted, duckdb::Value::BOOLEAN(false), column.type);
    case Kind::kVersion:
      return SystemSource(storage::kFieldIdVersion,
                          duckdb::Value::INTEGER(static_cast<int32_t>(record.schema_version.value)), column.type);
    case Kind::kUserId: return Source{Source::From::kConstant, 0, false, OwnerValue(shared_)};
    case Kind::kPlace: return Source{Source::From::kPlace, 0, false, duckdb::Value()};
    case Kind::kOld: return Source{Source::From::kOld, 0, false, duckdb::Value()};
    case Kind::kEmpty: return Source{Source::From::kConstant, 0, false, duckdb::Value(column.type)};
  }
  return Source{};
}

void SegmentScan::PushFilter(size_t place, duckdb::unique_ptr<TableFilter> filter) {
  if (!reader_->filters) reader_->filters = duckdb::make_uniq<duckdb::TableFilterSet>();
  reader_->filters->PushFilter(duckdb::ColumnIndex(place), std::move(filter));
}

// Kept soft-deleted rows of the file are not part of the table, unless the query names `_deleted`.
void SegmentScan::HideDeleted() {
  if (shared_.with_deleted || segment_.record->deleted_flag_rows == 0) return;
  const auto found = FindFileColumn(*reader_, storage::kFieldIdDeleted);
  if (!found) return;
  PushFilter(
      AddFileColumn(*reader_, *found),
      duckdb::make_uniq<duckdb::ConstantFilter>(duckdb::ExpressionType::COMPARE_EQUAL, duckdb::Value::BOOLEAN(false)));
}

bool SegmentScan::PushFilters(duckdb::ClientContext& context) {
  ScanFilters filters(context, shared_.filters);
  for (size_t i = 0; i < filters.entries().size(); ++i) {
    const auto& entry = filters.entries()[i];
    const Source& source = sources_[entry.column];
    if (source.from == Source::From::kConstant) {
      duckdb::Vector one(source.constant);
      duckdb::SelectionVector sel;
      size_t count = 1;
      filters.Apply(i, one, 1, sel, count);
      if (count == 0) return false;
    } else if (source.from != Source::From::kFile) {
      late_.push_back(i);
    } else if (!source.cast) {
      PushFilter(source.place, entry.filter->Copy());
    } else if (entry.filter->filter_type == TableFilterType::OPTIONAL_FILTER ||
               entry.filter->filter_type == TableFilterType::DYNAMIC_FILTER) {
      continue;  // may be left out
    } else {
      const auto& file_type =
          reader_->columns[reader_->column_ids[duckdb::MultiFileLocalIndex(source.place)].GetId()].type;
      if (auto carried = Carry(*entry.filter, file_type)) {
        PushFilter(source.place, std::move(carried));
      } else {
        late_.push_back(i);
      }
    }
  }
  return true;
}

// True where the group's statistics say that no row passes. (NaN and Bloom filters are left to the reader.)
bool SegmentScan::PrunedByStatistics(size_t group) const {
  if (!reader_->filters) return false;
  const auto& metadata = *reader_->GetFileMetadata();
  for (const auto& [place, filter] : reader_->filters->filters) {
    const size_t column = reader_->column_ids[duckdb::MultiFileLocalIndex(place)].GetId();
    const auto& schema = reader_->root_schema->children[column];
    if (schema.type.IsNested() || schema.type.IsFloating() ||
        schema.column_index >= metadata.row_groups[group].columns.size())
      continue;
    const auto stats = schema.Stats(metadata, reader_->parquet_options, group, metadata.row_groups[group].columns);
    if (stats && filter->CheckStatistics(*stats) == duckdb::FilterPropagateResult::FILTER_ALWAYS_FALSE) return true;
  }
  return false;
}

void SegmentScan::ListGroups() {
  uint32_t first = 0;
  const auto& all = reader_->GetFileMetadata()->row_groups;
  for (size_t g = 0; g < all.size(); ++g) {
    const auto end = first + static_cast<uint32_t>(all[g].num_rows);
    if (end > first_ && first < end_ && !PrunedByStatistics(g)) groups_.push_back(g);
    first = end;
  }
  shared_.run.counters.groups_pruned += all.size() - groups_.size();
}

Result<bool> SegmentScan::Prepare(duckdb::ClientContext& context) {
  const auto& record = *segment_.record;
  ASSIGN_OR_RETURN(projection_, shared_.table->ProjectionFrom(record.schema_version));
  ASSIGN_OR_RETURN(reader_, shared_.run.services.parquet->OpenReader(context, record));
  first_ = 0;
  end_ = static_cast<uint32_t>(record.rows);
  if (shared_.table->IsPerUser()) std::tie(first_, end_) = storage::RowsOfUser(record, shared_.user);
  for (const auto& column : shared_.columns) {
    ASSIGN_OR_RETURN(Source source, SourceOf(column));
    sources_.push_back(std::move(source));
  }
  if (shared_.needs_old) {
    ASSIGN_OR_RETURN(auto old_columns,
                     SegmentColumns::Make(*reader_, shared_.table->schemas[record.schema_version.value - 1], record));
    old_columns_.emplace(std::move(old_columns));
  }
  HideDeleted();
  if (!PushFilters(context)) return false;
  for (const auto& column : shared_.columns) {
    if (column.kind != Kind::kPlace || place_column_) continue;
    reader_->columns.emplace_back("file_row_number", duckdb::LogicalType::BIGINT);
    reader_->AddVirtualColumn(duckdb::MultiFileReader::COLUMN_IDENTIFIER_FILE_ROW_NUMBER);
    place_column_ = AddFileColumn(*reader_, reader_->columns.size() - 1);
  }
  const bool bits = segment_.deleted != nullptr && segment_.deleted->count() != 0;
  if (bits || first_ != 0 || end_ != record.rows)
    reader_->deletion_filter = duckdb::make_uniq<LiveRows>(segment_.deleted, first_, end_);
  ListGroups();
  return !groups_.empty();
}

class SegmentCursor final : public ColdCursor {
 public:
  SegmentCursor(duckdb::ClientContext& context, std::shared_ptr<SegmentScan> scan, size_t group)
      : scan_(std::move(scan)) {
    if (scan_->old_columns_) {
      auto copy = SegmentColumns::Make(*scan_->reader_, scan_->projection_->from_schema(), *scan_->segment_.record);
      KALAM_CHECK(copy.ok());
      old_columns_.emplace(*std::move(copy));
    }
    types_ = ChunkTypes(*scan_->reader_);
    if (!types_.empty()) chunk_.Initialize(duckdb::Allocator::Get(context), types_);
    scan_->reader_->InitializeScan(context, state_, {scan_->groups_[group]});
  }

  bool Next(duckdb::ClientContext& context, ScanLocal& local, size_t* count) override {
    chunk_.Reset();
    scan_->reader_->Scan(context, state_, chunk_);
    if (chunk_.size() == 0) return false;
    const size_t rows = chunk_.size();
    local.chunk.Reset();
    if (old_columns_) old_columns_->Load(context, chunk_);
    for (size_t i = 0; i < scan_->sources_.size(); ++i) Fill(context, i, rows, local.chunk.data[i]);
    *count = rows;
    duckdb::SelectionVector sel;
    for (const size_t filter : scan_->late_) {
      if (*count == 0) break;
      local.filters.Apply(filter, local.chunk.data[local.filters.entries()[filter].column], rows, sel, *count);
    }
    if (*count < rows && *count > 0) {
      for (auto& column : local.chunk.data) column.Slice(sel, *count);
    }
    local.chunk.SetCardinality(*count);
    return true;
  }

 private:
  void Fill(duckdb::ClientContext& context, size_t index, size_t rows, duckdb::Vector& out) {
    const Source& source = scan_->sources_[index];
    switch (source.from) {
      case Source::From::kConstant: return out.Reference(source.constant);
      case Source::From::kFile:
        if (!source.cast) return out.Reference(chunk_.data[source.place]);
        return Widen(context, index, rows, out);
      case Source::From::kPlace: {
        duckdb::UnifiedVectorFormat numbers;
        chunk_.data[*scan_->place_column_].ToUnifiedFormat(rows, numbers);
        const auto* from = duckdb::UnifiedVectorFormat::GetData<int64_t>(numbers);
        auto* data = duckdb::FlatVector::GetData<int64_t>(out);
        const auto segments = static_cast<int64_t>(
            &scan_->segment_ - scan_->shared_.run.view->ColdOf(scan_->shared_.table->id).segments.data());
        for (size_t i = 0; i < rows; ++i) data[i] = segments << 32 | from[numbers.sel->get_index(i)];
        return;
      }
      case Source::From::kOld: {
        auto* data = duckdb::FlatVector::GetData<duckdb::string_t>(out);
        std::string row;
        for (size_t i = 0; i < rows; ++i) {
          old_columns_->EncodeRow(i, &row);
          data[i] = duckdb::StringVector::AddStringOrBlob(out, row);
        }
        return;
      }
    }
  }

  // The file's column in the type of now. What does not fit (a DATE beyond TIMESTAMP) says which column and value it
  // is, in the words of hot rows.
  void Widen(duckdb::ClientContext& context, size_t index, size_t rows, duckdb::Vector& out) {
    duckdb::Vector& from = chunk_.data[scan_->sources_[index].place];
    duckdb::string wrong;
    if (duckdb::VectorOperations::TryCast(context, from, out, rows, &wrong)) return;
    for (size_t i = 0; i < rows; ++i) {
      const duckdb::Value value = from.GetValue(i);
      duckdb::Value there = value;
      if (value.IsNull() || there.DefaultTryCastAs(out.GetType())) continue;
      wrong = "date " + value.ToString() + " is out of the range of TIMESTAMP";
      break;
    }
    const ScanColumn& column = scan_->shared_.columns[index];
    const std::string name = scan_->shared_.table->schema()->column(column.ordinal).name;
    Throw(scan_->shared_.run, Error{ErrorCode::kTypeMismatch, "column " + name + ": " + wrong});
  }

  const std::shared_ptr<SegmentScan> scan_;
  std::optional<SegmentColumns> old_columns_;
  duckdb::vector<duckdb::LogicalType> types_;
  duckdb::DataChunk chunk_;
  duckdb::ParquetReaderScanState state_;
};

std::unique_ptr<ColdCursor> SegmentScan::NewCursor(duckdb::ClientContext& context, size_t group) {
  return std::make_unique<SegmentCursor>(context, shared_from_this(), group);
}

}  // namespace

Result<std::shared_ptr<ColdScan>> ColdScan::Open(duckdb::ClientContext& context, ScanShared& shared,
                                                 const storage::ColdSegment& segment) {
  auto scan = std::make_shared<SegmentScan>(shared, segment);
  ASSIGN_OR_RETURN(const bool any, scan->Prepare(context));
  if (!any) return std::shared_ptr<ColdScan>();
  return std::shared_ptr<ColdScan>(std::move(scan));
}

size_t ScanCold(duckdb::ClientContext& context, ScanShared& shared, ScanLocal& local, bool* done) {
  *done = false;
  if (local.cold_cursor == nullptr) {
    local.cold_cursor = local.cold.segment->NewCursor(context, local.cold.group);
    ++shared.run.counters.groups_read;
  }
  size_t count = 0;
  if (!local.cold_cursor->Next(context, local, &count)) {
    local.cold_cursor.reset();
    local.cold.segment = nullptr;
    *done = true;
    return 0;
  }
  shared.run.counters.cold_rows += count;
  shared.run.services.rows_read_cold.Add(static_cast<double>(count));
  return count;
}

}  // namespace kalamdb::engine
