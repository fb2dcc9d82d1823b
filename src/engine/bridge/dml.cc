// Sinks of INSERT, UPDATE and DELETE.
#include "engine/bridge/dml.h"

#include "duckdb/execution/expression_executor.hpp"
#include "engine/bridge/chunk_codec.h"
#include "engine/bridge/functions.h"
#include "engine/bridge/pending_writes.h"
#include "engine/bridge/row_checks.h"
#include "engine/bridge/run_state.h"
#include "engine/front/tokens.h"
#include "engine/front/value_places.h"
#include "row/key_codec.h"

namespace kalamdb::engine {
namespace {

void OrThrow(RunState& run, Status status) {
  if (!status.ok()) Throw(run, std::move(status).error());
}

duckdb::vector<duckdb::LogicalType> TypesOf(const row::Schema& schema, size_t first) {
  duckdb::vector<duckdb::LogicalType> types;
  for (size_t i = first; i < schema.size(); ++i) types.push_back(ToEngineType(schema.column(i).type));
  return types;
}

struct DmlSink : duckdb::GlobalSinkState {
  DmlSink(duckdb::ClientContext& context, const DmlOperator& op)
      : run(RunOf(context)),
        entry(op.entry),
        rows(op.entry.table()->schema()),
        checks(context, op.entry.table(), op.constraints) {
    run.writes().SetTable(entry.table());
    const auto& schema = *entry.table()->schema();
    old.Initialize(duckdb::Allocator::Get(context), TypesOf(schema, 0));
    if (op.returning)
      returned = duckdb::make_uniq<duckdb::ColumnDataCollection>(context, TypesOf(schema, entry.hidden()));
  }
  RunState& run;
  TableEntry& entry;
  RowEncoder rows;
  RowChecks checks;
  duckdb::DataChunk old;  // the old rows, all columns of the newest schema
  duckdb::unique_ptr<duckdb::ExpressionExecutor> executor;
  duckdb::DataChunk values;
  duckdb::unique_ptr<duckdb::ColumnDataCollection> returned;
  uint64_t count = 0, seen = 0;
  std::string row_bytes;
  std::vector<std::string> stored;  // the rows of a chunk, where RETURNING gives them

  // Throws for the first row that may not be written, with the place of the value where it is a literal.
  void CheckRows(duckdb::DataChunk& chunk) {
    Status status = checks.Check(rows, chunk, seen + 1);
    if (status.ok()) return;
    Error error = std::move(status).error();
    if (const auto& value = checks.violated(); value && run.statement != nullptr) {
      if (const auto literal = FindLiteral(*run.statement, *entry.table()->schema(), *value))
        error.position = PositionOf(run.statement->query, *literal);
    }
    Throw(run, std::move(error));
  }

  std::string KeyOf(const RowEncoder& from, size_t index) {
    std::string key = row::PartitionPrefix(entry.table()->id, run.writes().user());
    from.AppendPrimaryKey(index, &key);
    return key;
  }

  // RETURNING gives rows as they are stored, not as they came: -0 is kept as 0.
  void GiveStored(duckdb::ClientContext& context) {
    const auto& schema = *entry.table()->schema();
    const auto projection = entry.table()->ProjectionFrom(schema.version());
    if (!projection.ok()) Throw(run, projection.error());
    const std::vector<std::string_view> bytes(stored.begin(), stored.end());
    duckdb::DataChunk given;
    given.Initialize(duckdb::Allocator::Get(context), TypesOf(schema, entry.hidden()));
    for (size_t i = entry.hidden(); i < schema.size(); ++i)
      OrThrow(run, DecodeColumn(**projection, i, bytes, given.data[i - entry.hidden()], 0));
    given.SetCardinality(bytes.size());
    returned->Append(given);
    stored.clear();
  }

  // The hidden `_id` of rows that RETURNING gives.
  void KeepIds(duckdb::Vector& ids, size_t rows_given) {
    duckdb::UnifiedVectorFormat format;
    ids.ToUnifiedFormat(rows_given, format);
    for (size_t i = 0; i < rows_given; ++i)
      run.returned.ids.push_back(duckdb::UnifiedVectorFormat::GetData<int64_t>(format)[format.sel->get_index(i)]);
  }
};

struct DmlSource final : duckdb::GlobalSourceState {
  duckdb::ColumnDataScanState scan;
};

// The old rows of a chunk: bytes and places, and their columns decoded into sink.old.
struct OldRows {
  duckdb::UnifiedVectorFormat bytes, places;

  // `keys_only`: nothing else of `sink.old` is read, and what a column holds is nobody's concern.
  OldRows(DmlSink& sink, duckdb::DataChunk& chunk, size_t place_index, size_t old_index, bool keys_only = false) {
    chunk.data[place_index].ToUnifiedFormat(chunk.size(), places);
    chunk.data[old_index].ToUnifiedFormat(chunk.size(), bytes);
    rows_.reserve(chunk.size());
    for (size_t i = 0; i < chunk.size(); ++i) {
      const auto& text = duckdb::UnifiedVectorFormat::GetData<duckdb::string_t>(bytes)[bytes.sel->get_index(i)];
      rows_.emplace_back(text.GetData(), text.GetSize());
    }
    Decode(sink, keys_only);
  }
  std::string_view row(size_t i) const { return rows_[i]; }
  storage::Place PlaceOf(const DmlSink& sink, size_t i) const {
    const int64_t place = duckdb::UnifiedVectorFormat::GetData<int64_t>(places)[places.sel->get_index(i)];
    storage::Place result;
    if (place == kHotPlace) {
      result.kind = storage::Place::Kind::kHot;
      result.hot_seq = row::RowSeq(rows_[i]);
      return result;
    }
    const auto& segments = sink.run.view->ColdOf(sink.entry.table()->id).segments;
    result.kind = storage::Place::Kind::kCold;
    result.segment = segments[static_cast<size_t>(place >> 32)].record->id;
    result.row = static_cast<uint32_t>(place);
    return result;
  }

 private:
  void Decode(DmlSink& sink, bool keys_only) {
    sink.old.Reset();
    const auto& table = *sink.entry.table();
    for (size_t begin = 0, end = 0; begin < rows_.size(); begin = end) {
      const SchemaVersion version = row::RowVersion(rows_[begin]);
      for (end = begin; end < rows_.size() && row::RowVersion(rows_[end]) == version; ++end) {
      }
      auto projection = table.ProjectionFrom(version);
      if (!projection.ok()) Throw(sink.run, std::move(projection).error());
      for (size_t ordinal = 0; ordinal < sink.old.ColumnCount(); ++ordinal) {
        if (keys_only && !table.schema()->column(ordinal).IsKey()) continue;
        OrThrow(sink.run, DecodeColumn(**projection, ordinal, std::span(rows_).subspan(begin, end - begin),
                                       sink.old.data[ordinal], begin));
      }
    }
    sink.old.SetCardinality(rows_.size());
  }
  std::vector<std::string_view> rows_;
};

void Load(RowEncoder& encoder, std::vector<duckdb::Vector*> columns, size_t count) { encoder.Load(columns, count); }

// The columns of `full` that the engine knows, as a chunk for CHECK and RETURNING.
void EngineChunk(const std::vector<duckdb::Vector*>& full, size_t hidden, size_t count, duckdb::DataChunk* out) {
  duckdb::vector<duckdb::LogicalType> types;
  for (size_t i = hidden; i < full.size(); ++i) types.push_back(full[i]->GetType());
  out->InitializeEmpty(types);
  for (size_t i = hidden; i < full.size(); ++i) out->data[i - hidden].Reference(*full[i]);
  out->SetCardinality(count);
}

}  // namespace

DmlOperator::DmlOperator(duckdb::PhysicalPlan& plan, duckdb::vector<duckdb::LogicalType> result_types,
                         TableEntry& table_entry, bool returns,
                         duckdb::vector<duckdb::unique_ptr<duckdb::BoundConstraint>> bound_constraints,
                         duckdb::idx_t estimate)
    : PhysicalOperator(plan, duckdb::PhysicalOperatorType::EXTENSION, std::move(result_types), estimate),
      entry(table_entry),
      returning(returns),
      constraints(std::move(bound_constraints)) {}

duckdb::unique_ptr<duckdb::GlobalSinkState> DmlOperator::GetGlobalSinkState(duckdb::ClientContext& context) const {
  return duckdb::make_uniq<DmlSink>(context, *this);
}

duckdb::unique_ptr<duckdb::GlobalSourceState> DmlOperator::GetGlobalSourceState(duckdb::ClientContext&) const {
  auto source = duckdb::make_uniq<DmlSource>();
  auto& sink = sink_state->Cast<DmlSink>();
  if (sink.returned) sink.returned->InitializeScan(source->scan);
  return std::move(source);
}

duckdb::SourceResultType DmlOperator::GetData(duckdb::ExecutionContext&, duckdb::DataChunk& chunk,
                                              duckdb::OperatorSourceInput& input) const {
  auto& sink = sink_state->Cast<DmlSink>();
  if (!returning) {
    chunk.SetCardinality(1);
    chunk.SetValue(0, 0, duckdb::Value::BIGINT(static_cast<int64_t>(sink.count)));
    return duckdb::SourceResultType::FINISHED;
  }
  sink.returned->Scan(input.global_state.Cast<DmlSource>().scan, chunk);
  return chunk.size() == 0 ? duckdb::SourceResultType::FINISHED : duckdb::SourceResultType::HAVE_MORE_OUTPUT;
}

duckdb::SinkResultType InsertOperator::Sink(duckdb::ExecutionContext& context, duckdb::DataChunk& chunk,
                                            duckdb::OperatorSinkInput& input) const {
  auto& sink = input.global_state.Cast<DmlSink>();
  if (context.client.interrupted) throw duckdb::InterruptException();
  duckdb::Vector ids(duckdb::LogicalType::BIGINT, chunk.size());
  std::vector<duckdb::Vector*> columns;
  if (entry.hidden() != 0) {
    auto* data = duckdb::FlatVector::GetData<int64_t>(ids);
    for (size_t i = 0; i < chunk.size(); ++i) data[i] = sink.run.services.ids->snowflake.Next();
    columns.push_back(&ids);
  }
  for (auto& column : chunk.data) columns.push_back(&column);
  Load(sink.rows, columns, chunk.size());
  sink.CheckRows(chunk);
  for (size_t i = 0; i < chunk.size(); ++i) {
    sink.rows.EncodeRow(i, &sink.row_bytes);
    OrThrow(sink.run, sink.run.writes().Insert(sink.KeyOf(sink.rows, i), sink.row_bytes, fresh_keys, may_bulk));
    if (sink.returned) sink.stored.push_back(sink.row_bytes);
  }
  if (sink.returned) {
    sink.GiveStored(context.client);
    if (entry.hidden() != 0) sink.KeepIds(ids, chunk.size());
  }
  sink.count += chunk.size();
  sink.seen += chunk.size();
  return duckdb::SinkResultType::NEED_MORE_INPUT;
}

duckdb::SinkResultType UpdateOperator::Sink(duckdb::ExecutionContext& context, duckdb::DataChunk& chunk,
                                            duckdb::OperatorSinkInput& input) const {
  auto& sink = input.global_state.Cast<DmlSink>();
  if (context.client.interrupted) throw duckdb::InterruptException();
  const size_t place_index = row_id_start.IsValid() ? row_id_start.GetIndex() : chunk.ColumnCount() - 2;
  const OldRows old_rows(sink, chunk, place_index, place_index + 1);
  std::vector<duckdb::Vector*> full;
  for (auto& column : sink.old.data) full.push_back(&column);
  Load(sink.rows, full, chunk.size());
  std::vector<std::string> old_keys;
  for (size_t i = 0; i < chunk.size(); ++i) old_keys.push_back(sink.KeyOf(sink.rows, i));

  if (!sink.executor) {
    sink.executor = duckdb::make_uniq<duckdb::ExpressionExecutor>(context.client, values);
    duckdb::vector<duckdb::LogicalType> types;
    for (const auto& value : values) types.push_back(value->return_type);
    if (!types.empty()) sink.values.Initialize(duckdb::Allocator::Get(context.client), types);
  }
  sink.values.Reset();
  sink.executor->Execute(chunk, sink.values);
  for (size_t i = 0; i < columns.size(); ++i) full[entry.ordinal_of(columns[i])] = &sink.values.data[i];
  Load(sink.rows, full, chunk.size());
  duckdb::DataChunk updated;
  EngineChunk(full, entry.hidden(), chunk.size(), &updated);
  sink.CheckRows(updated);
  for (size_t i = 0; i < chunk.size(); ++i) {
    sink.rows.EncodeRow(i, &sink.row_bytes);
    OrThrow(sink.run, sink.run.writes().Update(old_keys[i], old_rows.row(i), old_rows.PlaceOf(sink, i),
                                               sink.KeyOf(sink.rows, i), sink.row_bytes));
    if (sink.returned) sink.stored.push_back(sink.row_bytes);
  }
  if (sink.returned) {
    sink.GiveStored(context.client);
    if (entry.hidden() != 0) sink.KeepIds(*full[0], chunk.size());
  }
  sink.count += chunk.size();
  sink.seen += chunk.size();
  return duckdb::SinkResultType::NEED_MORE_INPUT;
}

duckdb::SinkResultType DeleteOperator::Sink(duckdb::ExecutionContext& context, duckdb::DataChunk& chunk,
                                            duckdb::OperatorSinkInput& input) const {
  auto& sink = input.global_state.Cast<DmlSink>();
  if (context.client.interrupted) throw duckdb::InterruptException();
  const OldRows old_rows(sink, chunk, place_index, old_index, !sink.returned);
  std::vector<duckdb::Vector*> columns;
  for (auto& column : sink.old.data) columns.push_back(&column);
  Load(sink.rows, columns, chunk.size());
  duckdb::SelectionVector counted(chunk.size());
  size_t count = 0;
  for (size_t i = 0; i < chunk.size(); ++i) {
    bool is_new = false;
    OrThrow(sink.run,
            sink.run.writes().Delete(sink.KeyOf(sink.rows, i), old_rows.row(i), old_rows.PlaceOf(sink, i), &is_new));
    if (is_new) counted.set_index(count++, i);
  }
  if (sink.returned) {
    duckdb::DataChunk deleted;
    EngineChunk(columns, entry.hidden(), chunk.size(), &deleted);
    if (count < chunk.size()) deleted.Slice(counted, count);
    sink.returned->Append(deleted);
    if (entry.hidden() != 0) {
      duckdb::Vector ids(*columns[0], counted, count);
      sink.KeepIds(ids, count);
    }
  }
  sink.count += count;
  sink.seen += chunk.size();
  return duckdb::SinkResultType::NEED_MORE_INPUT;
}

}  // namespace kalamdb::engine
