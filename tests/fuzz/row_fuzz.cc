// Rows: what CheckRow accepts can be read, printed as JSON, carried to a newer schema and encoded again, all with one
// meaning.
#include <iterator>
#include <string>
#include <vector>

#include "fuzz.h"
#include "row/json.h"
#include "row/projection.h"
#include "row/row_codec.h"
#include "schemas.h"

namespace kalamdb::fuzz {
namespace {

struct Case {
  row::SchemaPtr schema;
  row::ProjectionPtr newer;  // the same columns widened, and one more
};

const std::vector<Case>& Cases() {
  static const std::vector<Case> cases = [] {
    std::vector<Case> all;
    const auto add = [&all](row::SchemaPtr from, row::SchemaPtr to) {
      all.push_back({from, std::make_shared<const row::Projection>(from, to)});
    };
    add(MakeSchema(0x0102, 1, {"BOOLEAN"}), MakeSchema(0x0103, 1, {"BOOLEAN", "TEXT"}));
    add(MakeSchema(0x0102, 1,
                   {"SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "DATE", "TIME", "TIMESTAMP", "TIMESTAMPTZ"}),
        MakeSchema(0x0103, 1,
                   {"SMALLINT", "BIGINT", "BIGINT", "DOUBLE", "DOUBLE", "TIMESTAMP", "TIME", "TIMESTAMP", "TIMESTAMPTZ",
                    "INT"}));
    add(MakeSchema(0x0102, 2, {"TEXT", "UUID", "BYTES", "JSON", "DECIMAL(10,2)", "EMBEDDING(2)", "VARCHAR(5)", "INT"}),
        MakeSchema(0x0103, 2, {"TEXT", "UUID", "BYTES", "JSON", "DECIMAL(20,2)", "EMBEDDING(2)", "TEXT", "BIGINT"}));
    add(MakeSchema(1, 1, {"INT", "BOOLEAN", "BOOLEAN", "TEXT", "TEXT", "TEXT", "SMALLINT", "SMALLINT", "DOUBLE"}),
        MakeSchema(2, 1, {"BIGINT", "BOOLEAN", "BOOLEAN", "TEXT", "TEXT", "TEXT", "INT", "BIGINT", "DOUBLE"}));
    return all;
  }();
  return cases;
}

std::vector<row::Value> ReadAll(const row::Schema& schema, const row::RowLayout& layout, std::string_view bytes) {
  std::vector<row::Value> values;
  for (size_t i = 0; i < schema.size(); ++i) {
    values.push_back(row::RowValue(schema, layout, bytes, i));
    KALAM_CHECK(values.back().is_null() == row::RowIsNull(bytes, i));
  }
  return values;
}

}  // namespace

void Run(std::string_view in) {
  const Case& one = Cases()[TakeByte(&in) % Cases().size()];
  const row::Schema& schema = *one.schema;
  const row::RowLayout layout(schema);
  if (!row::CheckRow(layout, in).ok()) return;
  const std::vector<row::Value> values = ReadAll(schema, layout, in);
  for (size_t i = 0; i < schema.size(); ++i) {
    const row::Type& type = schema.column(i).type;
    if (values[i].is_null()) continue;
    std::string from_row, from_value;
    row::AppendJsonFromRow(type, row::RowBytes(layout, in, i), row::BytesForm::kBase64, &from_row);
    row::AppendJsonValue(type, values[i], row::BytesForm::kBase64, &from_value);
    KALAM_CHECK(from_row == from_value);
  }
  if (const auto newer = one.newer->ReadAll(in); newer.ok()) KALAM_CHECK(newer->size() == one.newer->to().size());
  const std::string again = row::EncodeRow(schema, layout, values);
  KALAM_CHECK(row::CheckRow(layout, again).ok());
  KALAM_CHECK(ReadAll(schema, layout, again) == values);
}

}  // namespace kalamdb::fuzz
