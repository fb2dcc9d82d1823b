// What a row costs: prints ns an operation, and fails only where one is slower than any build should be (an order of
// magnitude above -O1 with sanitizers): it catches an accidental allocation a column or a scan a look-up, not noise.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>

#include "base/clock.h"
#include "row/json.h"
#include "row/json_document.h"
#include "row/key_codec.h"
#include "row/projection.h"
#include "row/row_codec.h"

namespace kalamdb::row {
namespace {

constexpr int kBatches = 20;
constexpr int kRounds = 1'000;  // in a batch
constexpr double kMostNanos = 200'000;

template <typename Operation>
void Measure(const char* what, Operation operation) {
  size_t sum = 0;  // what the operations give, so that none is left out
  const SystemClock clock;
  double nanos = kMostNanos;  // of the best batch: what others do on the machine does not count
  for (int batch = 0; batch < kBatches; ++batch) {
    const Micros begin = clock.MonotonicMicros();
    for (int i = 0; i < kRounds; ++i) sum += operation();
    nanos = std::min(nanos, static_cast<double>(clock.MonotonicMicros() - begin) * 1'000 / kRounds);
  }
  std::printf("  %-44s %8.1f ns\n", what, nanos);
  EXPECT_GT(sum, 0u);
  EXPECT_LT(nanos, kMostNanos) << what;
}

// A chat message: id, room, author, body of 60 characters, time, likes, score, price, flag, meta.
SchemaPtr MessageSchema() {
  std::vector<Column> columns;
  for (const char* sql :
       {"BIGINT", "TEXT", "TEXT", "TEXT", "TIMESTAMP", "INT", "DOUBLE", "DECIMAL(10,2)", "BOOLEAN", "JSON"}) {
    Column column;
    column.id = ColumnId(static_cast<int32_t>(columns.size() + 1));
    column.name = "c" + std::to_string(columns.size());
    column.type = *ParseType(sql);
    column.nullable = !columns.empty();
    column.key_position = columns.empty() ? 1 : 0;
    columns.push_back(std::move(column));
  }
  return std::make_shared<const Schema>(SchemaVersion(1), std::move(columns));
}

std::vector<Value> MessageValues() {
  return {Value::Int(1'234'567'890'123),
          Value::String("general"),
          Value::String("alice"),
          Value::String("The quick brown fox jumps over the \"lazy\" dog, and once more"),
          Value::Int(1'700'000'000'000'000),
          Value::Int(42),
          Value::Double(0.75),
          Value::Wide(1'999),
          Value::Bool(true),
          Value::String(R"({"tags":["a","b"]})")};
}

TEST(RowSpeed, ARowIsCheap) {
  const auto schema = MessageSchema();
  const RowLayout layout(*schema);
  const Projection projection(schema, schema);
  const auto values = MessageValues();
  const std::string row = EncodeRow(*schema, layout, values);
  Measure("EncodeRow, 10 columns", [&] { return EncodeRow(*schema, layout, values).size(); });
  Measure("CheckRow", [&] { return static_cast<size_t>(CheckRow(layout, row).ok()); });
  Measure("RowBytes of all 10 columns", [&] {
    size_t bytes = 0;
    for (size_t i = 0; i < schema->size(); ++i) bytes += RowBytes(layout, row, i).size();
    return bytes;
  });
  Measure("Projection::ReadAll, 10 values", [&] { return projection.ReadAll(row)->size(); });
  std::string out;
  Measure("row to JSON array", [&] {
    out.clear();
    for (size_t i = 0; i < schema->size(); ++i) {
      AppendJsonFromRow(schema->column(i).type, RowBytes(layout, row, i), BytesForm::kBase64, &out);
    }
    return out.size();
  });
  Measure("AppendKeyValue, BIGINT + TEXT", [&] {
    out.clear();
    AppendKeyValue(schema->column(0).type, values[0], &out);
    AppendKeyValue(schema->column(1).type, values[1], &out);
    return out.size();
  });
  Measure("FindByName", [&] { return *schema->FindByName("C9"); });
}

TEST(RowSpeed, ARequestIsCheap) {
  const std::string body =
      R"json({"sql":"INSERT INTO app.messages (id, room, body) VALUES ($1, $2, $3)","params":["1234567890123","general","hello \"you\""]})json";
  Measure("JsonDocument::Parse, 120 bytes", [&] { return JsonDocument::Parse(body)->root().text().size(); });
  const std::string text(10'000, 'x');
  std::string out;
  Measure("AppendJsonString, 10 kB of ASCII", [&] {
    out.clear();
    AppendJsonString(text, &out);
    return out.size();
  });
  const JsonParam param{JsonParam::Kind::kString, "1234567890123"};
  const Type bigint = Type::Of(TypeKind::kBigInt);
  Measure("ParamToValue, BIGINT", [&] { return static_cast<size_t>(ParamToValue(param, bigint)->as_int()); });
}

}  // namespace
}  // namespace kalamdb::row
