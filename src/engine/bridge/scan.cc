// Hands out pieces of a table and assembles their chunks.
#include "engine/bridge/scan.h"

#include "base/failpoint.h"
#include "duckdb/parallel/task_scheduler.hpp"
#include "engine/access.h"
#include "engine/bridge/cold_scan.h"
#include "engine/bridge/scan_state.h"
#include "engine/bridge/table_entry.h"
#include "row/key_codec.h"

namespace kalamdb::engine {
namespace {

ScanColumn ColumnOf(const TableEntry& entry, duckdb::column_t id) {
  using Kind = ScanColumn::Kind;
  switch (id) {
    case kColumnSeq: return {Kind::kSeq, 0, duckdb::LogicalType::BIGINT};
    case kColumnUpdated: return {Kind::kUpdated, 0, duckdb::LogicalType::TIMESTAMP};
    case kColumnDeleted: return {Kind::kDeleted, 0, duckdb::LogicalType::BOOLEAN};
    case kColumnVersion: return {Kind::kVersion, 0, duckdb::LogicalType::INTEGER};
    case kColumnUserId: return {Kind::kUserId, 0, duckdb::LogicalType::VARCHAR};
    case kColumnHiddenId: return {Kind::kStored, 0, duckdb::LogicalType::BIGINT};
    case kColumnPlace: return {Kind::kPlace, 0, duckdb::LogicalType::BIGINT};
    case kColumnOld: return {Kind::kOld, 0, duckdb::LogicalType::BLOB};
    default: break;
  }
  if (id >= kFirstVirtual - 16) return {Kind::kEmpty, 0, duckdb::LogicalType::BOOLEAN};
  const size_t ordinal = entry.ordinal_of(id);
  return {Kind::kStored, ordinal, ToEngineType(entry.table()->schema()->column(ordinal).type)};
}

Micros ExpiryOf(const RunState& run, const catalog::Table& table) {
  if (table.kind != catalog::TableKind::kStream || table.options.ttl_seconds == 0) return 0;
  return run.context.now - static_cast<Micros>(table.options.ttl_seconds) * kMicrosPerSecond;
}

// True where no row of the segment can pass the filters on `_seq` and `_updated`.
bool PrunedByHeader(const ScanShared& shared, const storage::SegmentRecord& record) {
  if (!shared.filters) return false;
  for (const auto& [index, filter] : shared.filters->filters) {
    const auto kind = shared.columns[index].kind;
    const bool seq = kind == ScanColumn::Kind::kSeq;
    if (!seq && kind != ScanColumn::Kind::kUpdated) continue;
    const int64_t low = seq ? static_cast<int64_t>(record.min_seq.value) : record.min_updated;
    const int64_t high = seq ? static_cast<int64_t>(record.max_seq.value) : record.max_updated;
    const IntegerBounds asked = IntegerBoundsOf(*filter);
    if (asked.low > high || asked.high < low) return true;
  }
  return false;
}

void ListSegments(ScanShared& shared) {
  const storage::TableCold& cold = shared.run.view->ColdOf(shared.table->id);
  for (const auto& segment : cold.segments) {
    const auto& record = *segment.record;
    bool pruned = shared.bounds.empty || record.max_key < shared.bounds.lower;
    pruned = pruned || (!shared.bounds.upper.empty() && record.min_key >= shared.bounds.upper);
    if (!pruned && shared.table->IsPerUser()) {
      const auto [first, end] = storage::RowsOfUser(record, shared.user);
      pruned = first == end;
    }
    pruned = pruned || (segment.deleted != nullptr && segment.deleted->count() >= record.rows) ||
             PrunedByHeader(shared, record);
    if (pruned) {
      ++shared.run.counters.segments_pruned;
    } else {
      shared.segments.push_back(&segment);
    }
  }
}

duckdb::unique_ptr<duckdb::GlobalTableFunctionState> InitScan(duckdb::ClientContext& context,
                                                              duckdb::TableFunctionInitInput& input) {
  const TableEntry& entry = input.bind_data->Cast<ScanBindData>().entry;
  RunState& run = RunOf(context);
  auto shared = duckdb::make_uniq<ScanShared>(run, entry.table());
  shared->user = PartitionOf(run.identity(), *shared->table);
  for (const auto id : input.column_ids) {
    shared->columns.push_back(ColumnOf(entry, id));
    shared->needs_old = shared->needs_old || id == kColumnOld;
    shared->with_deleted = shared->with_deleted || id == kColumnDeleted;
  }
  if (shared->needs_old) shared->with_deleted = false;  // what is deleted is never changed
  if (input.CanRemoveFilterColumns())
    shared->projection.assign(input.projection_ids.begin(), input.projection_ids.end());
  shared->filters = input.filters;
  shared->bounds = BoundsOf(*shared->table, shared->user, shared->columns, shared->filters);
  shared->expire_before = ExpiryOf(run, *shared->table);
  shared->threads = static_cast<size_t>(duckdb::TaskScheduler::GetScheduler(context).NumberOfThreads());
  shared->hot_done = shared->bounds.empty;
  ListSegments(*shared);
  SyncPoint("scan.opened");
  return std::move(shared);
}

duckdb::unique_ptr<duckdb::LocalTableFunctionState> InitLocal(duckdb::ExecutionContext& context,
                                                              duckdb::TableFunctionInitInput&,
                                                              duckdb::GlobalTableFunctionState* shared) {
  return duckdb::make_uniq<ScanLocal>(context.client, shared->Cast<ScanShared>());
}

// REQUIRES: shared.mutex held. False: no hot rows are left.
bool TakeHot(duckdb::ClientContext& context, ScanShared& shared, HotMorsel* morsel) {
  if (shared.hot_done) return false;
  if (shared.hot == nullptr) {
    storage::RangeOptions options;
    options.table = shared.table->id;
    options.user = shared.user;
    options.lower = shared.bounds.lower;
    options.upper = shared.bounds.upper;
    options.include_deleted = shared.with_deleted;
    options.expire_before = shared.expire_before;
    shared.hot =
        storage::NewHotCursor(shared.run.view, &shared.run.services.database->store(), std::move(options), false);
  }
  const size_t limit = shared.hot_morsels++ == 0 ? STANDARD_VECTOR_SIZE : kMorselRows;
  auto buffer = duckdb::make_buffer<RowBytesBuffer>();
  std::vector<size_t> ends;
  while (ends.size() < limit && buffer->bytes.size() < kMorselBytes) {
    if ((ends.size() & 1023) == 0 && context.interrupted) throw duckdb::InterruptException();
    auto more = shared.hot->Next();
    if (!more.ok()) Throw(shared.run, std::move(more).error());
    if (!*more) {
      shared.hot_done = true;
      shared.hot.reset();
      break;
    }
    buffer->bytes.append(shared.hot->row());
    ends.push_back(buffer->bytes.size());
  }
  morsel->rows.clear();
  morsel->next = 0;
  size_t begin = 0;
  for (const size_t end : ends) {
    morsel->rows.emplace_back(buffer->bytes.data() + begin, end - begin);
    begin = end;
  }
  morsel->buffer = std::move(buffer);
  shared.run.counters.hot_rows += ends.size();
  return !ends.empty();
}

// REQUIRES: shared.mutex held. False: nothing is left.
bool TakeCold(duckdb::ClientContext& context, ScanShared& shared, ColdPiece* piece) {
  while (true) {
    if (shared.open_segment == nullptr) {
      if (shared.next_segment == shared.segments.size()) return false;
      const storage::ColdSegment& segment = *shared.segments[shared.next_segment++];
      auto opened = ColdScan::Open(context, shared, segment);
      if (!opened.ok()) Throw(shared.run, std::move(opened).error());
      shared.open_segment = *std::move(opened);
      shared.next_group = 0;
      if (shared.open_segment == nullptr) {  // the filters leave nothing of it
        ++shared.run.counters.segments_pruned;
        continue;
      }
      ++shared.run.counters.segments_read;
    }
    if (shared.next_group < shared.open_segment->group_count()) {
      *piece = {shared.open_segment, shared.next_group++};
      return true;
    }
    shared.open_segment = nullptr;
  }
}

bool TakePiece(duckdb::ClientContext& context, ScanShared& shared, ScanLocal& local) {
  const std::lock_guard lock(shared.mutex);
  local.cold.segment = nullptr;
  if (!TakeHot(context, shared, &local.hot) && !TakeCold(context, shared, &local.cold)) return false;
  local.batch_index = shared.next_batch++;
  return true;
}

void Emit(const ScanShared& shared, ScanLocal& local, size_t count, duckdb::DataChunk& output) {
  for (size_t i = 0; i < output.ColumnCount(); ++i) {
    output.data[i].Reference(local.chunk.data[shared.projection.empty() ? i : shared.projection[i]]);
  }
  output.SetCardinality(count);
}

void Scan(duckdb::ClientContext& context, duckdb::TableFunctionInput& input, duckdb::DataChunk& output) {
  auto& shared = input.global_state->Cast<ScanShared>();
  auto& local = input.local_state->Cast<ScanLocal>();
  while (true) {
    if (context.interrupted) throw duckdb::InterruptException();
    size_t count = 0;
    bool piece_done = false;
    if (local.hot.next < local.hot.rows.size()) {
      count = ScanHot(shared, local);
    } else if (local.cold.segment != nullptr) {
      count = ScanCold(context, shared, local, &piece_done);
    } else {
      piece_done = true;
    }
    if (count > 0) return Emit(shared, local, count, output);
    if (piece_done && !TakePiece(context, shared, local)) return output.SetCardinality(0);
  }
}

duckdb::OperatorPartitionData PartitionData(duckdb::ClientContext&, duckdb::TableFunctionGetPartitionInput& input) {
  if (input.partition_info.RequiresPartitionColumns())
    throw duckdb::NotImplementedException("a scan has no partition columns");
  return duckdb::OperatorPartitionData(input.local_state->Cast<ScanLocal>().batch_index);
}

duckdb::BindInfo ScanBindInfo(const duckdb::optional_ptr<duckdb::FunctionData> bind_data) {
  duckdb::BindInfo info(duckdb::ScanType::EXTERNAL);
  info.table = &bind_data->Cast<ScanBindData>().entry;
  return info;
}

// An estimate for join orders: the segments' rows and a handful of hot ones.
duckdb::unique_ptr<duckdb::NodeStatistics> Cardinality(duckdb::ClientContext& context,
                                                       const duckdb::FunctionData* bind_data) {
  const TableEntry& entry = bind_data->Cast<ScanBindData>().entry;
  uint64_t rows = 1'000;
  for (const auto& segment : RunOf(context).view->ColdOf(entry.table()->id).segments) rows += segment.record->rows;
  return duckdb::make_uniq<duckdb::NodeStatistics>(rows);
}

duckdb::InsertionOrderPreservingMap<duckdb::string> DescribeScan(duckdb::TableFunctionToStringInput& input) {
  duckdb::InsertionOrderPreservingMap<duckdb::string> result;
  result["Table"] = input.bind_data->Cast<ScanBindData>().entry.table()->QualifiedName();
  return result;
}

// Rows [begin, end) of the batch are of one version.
template <typename Visit>
void ForEachVersion(ScanShared& shared, std::span<const std::string_view> rows, Visit visit) {
  size_t begin = 0;
  while (begin < rows.size()) {
    const SchemaVersion version = row::RowVersion(rows[begin]);
    size_t end = begin + 1;
    while (end < rows.size() && row::RowVersion(rows[end]) == version) ++end;
    auto projection = shared.table->ProjectionFrom(version);
    if (!projection.ok()) Throw(shared.run, std::move(projection).error());
    visit(**projection, begin, end);
    begin = end;
  }
}

void FillConstant(const duckdb::Value& value, duckdb::Vector& out) { out.Reference(value); }

void DecodeInto(ScanShared& shared, HotMorsel& morsel, const ScanColumn& column, std::span<const std::string_view> rows,
                duckdb::Vector& out) {
  using Kind = ScanColumn::Kind;
  switch (column.kind) {
    case Kind::kStored:
      ForEachVersion(shared, rows, [&](const row::Projection& projection, size_t begin, size_t end) {
        Status decoded = DecodeColumn(projection, column.ordinal, rows.subspan(begin, end - begin), out, begin);
        if (!decoded.ok()) Throw(shared.run, std::move(decoded).error());
      });
      if (column.type.InternalType() == duckdb::PhysicalType::VARCHAR)
        duckdb::StringVector::AddBuffer(out, morsel.buffer);
      return;
    case Kind::kSeq: {
      auto* data = duckdb::FlatVector::GetData<int64_t>(out);
      for (size_t i = 0; i < rows.size(); ++i) data[i] = static_cast<int64_t>(row::RowSeq(rows[i]).value);
      return;
    }
    case Kind::kUpdated: {
      auto* data = duckdb::FlatVector::GetData<int64_t>(out);
      for (size_t i = 0; i < rows.size(); ++i) data[i] = row::RowUpdated(rows[i]);
      return;
    }
    case Kind::kDeleted: {
      auto* data = duckdb::FlatVector::GetData<bool>(out);
      for (size_t i = 0; i < rows.size(); ++i) data[i] = row::RowIsDeleted(rows[i]);
      return;
    }
    case Kind::kVersion: {
      auto* data = duckdb::FlatVector::GetData<int32_t>(out);
      for (size_t i = 0; i < rows.size(); ++i) data[i] = static_cast<int32_t>(row::RowWrittenVersion(rows[i]).value);
      return;
    }
    case Kind::kUserId: return FillConstant(OwnerValue(shared), out);
    case Kind::kPlace: return FillConstant(duckdb::Value::BIGINT(kHotPlace), out);
    case Kind::kOld: {
      auto* data = duckdb::FlatVector::GetData<duckdb::string_t>(out);
      for (size_t i = 0; i < rows.size(); ++i)
        data[i] = duckdb::string_t(rows[i].data(), static_cast<uint32_t>(rows[i].size()));
      duckdb::StringVector::AddBuffer(out, morsel.buffer);
      return;
    }
    case Kind::kEmpty: return FillConstant(duckdb::Value(column.type), out);
  }
}

}  // namespace

duckdb::Value OwnerValue(const ScanShared& shared) {
  return shared.table->IsPerUser() ? duckdb::Value(shared.run.identity().name)
                                   : duckdb::Value(duckdb::LogicalType::VARCHAR);
}

ScanLocal::ScanLocal(duckdb::ClientContext& context, ScanShared& shared) : filters(context, shared.filters) {
  duckdb::vector<duckdb::LogicalType> types;
  for (const auto& column : shared.columns) types.push_back(column.type);
  if (!types.empty()) chunk.Initialize(duckdb::Allocator::Get(context), types);
}

size_t ScanHot(ScanShared& shared, ScanLocal& local) {
  const size_t taken = std::min<size_t>(STANDARD_VECTOR_SIZE, local.hot.rows.size() - local.hot.next);
  std::vector<std::string_view> rows(local.hot.rows.begin() + static_cast<ptrdiff_t>(local.hot.next),
                                     local.hot.rows.begin() + static_cast<ptrdiff_t>(local.hot.next + taken));
  local.hot.next += taken;
  ForEachVersion(shared, rows, [&](const row::Projection& projection, size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      Status checked = row::CheckRow(projection.from_layout(), rows[i]);
      if (!checked.ok()) Throw(shared.run, std::move(checked).error());
    }
  });
  shared.run.services.rows_read_hot.Add(static_cast<double>(taken));
  local.chunk.Reset();
  std::vector<bool> decoded(shared.columns.size(), false);
  duckdb::SelectionVector sel;
  size_t count = taken;
  for (size_t i = 0; i < local.filters.entries().size() && count > 0; ++i) {
    const size_t column = local.filters.entries()[i].column;
    if (!decoded[column]) DecodeInto(shared, local.hot, shared.columns[column], rows, local.chunk.data[column]);
    decoded[column] = true;
    local.filters.Apply(i, local.chunk.data[column], taken, sel, count);
  }
  if (count == 0) return 0;
  if (count < taken) {
    for (size_t i = 0; i < count; ++i) rows[i] = rows[sel.get_index(i)];
    rows.resize(count);
  }
  for (size_t i = 0; i < shared.columns.size(); ++i) {
    if (!decoded[i]) {
      DecodeInto(shared, local.hot, shared.columns[i], rows, local.chunk.data[i]);
    } else if (count < taken) {
      local.chunk.data[i].Slice(sel, count);
    }
  }
  local.chunk.SetCardinality(count);
  return count;
}

duckdb::TableFunction MakeScanFunction() {
  duckdb::TableFunction function(kScanName, {}, Scan, nullptr, InitScan, InitLocal);
  function.projection_pushdown = true;
  function.filter_pushdown = true;
  function.filter_prune = true;
  function.get_partition_data = PartitionData;
  function.get_bind_info = ScanBindInfo;
  function.cardinality = Cardinality;
  function.to_string = DescribeScan;
  return function;
}

}  // namespace kalamdb::engine
