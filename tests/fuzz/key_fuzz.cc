// Keys: what decodes has one encoding, which decodes to the same; any bytes can be described.
#include <vector>

#include "fuzz.h"
#include "row/key_codec.h"
#include "schemas.h"

namespace kalamdb::fuzz {
namespace {

const std::vector<row::SchemaPtr>& Schemas() {
  static const std::vector<row::SchemaPtr> schemas = {
      MakeSchema(1, 1, {"BIGINT"}),
      MakeSchema(1, 2, {"TEXT", "BIGINT"}),
      MakeSchema(1, 3, {"BYTES", "BYTES", "TEXT"}),
      MakeSchema(1, 5, {"BOOLEAN", "SMALLINT", "INT", "DATE", "TIME"}),
      MakeSchema(1, 4, {"FLOAT", "DOUBLE", "DECIMAL(20,3)", "UUID"}),
      MakeSchema(1, 3, {"TIMESTAMP", "VARCHAR(4)", "TIMESTAMPTZ"}),
  };
  return schemas;
}

}  // namespace

void Run(std::string_view in) {
  const row::Schema& schema = *Schemas()[TakeByte(&in) % Schemas().size()];
  KALAM_CHECK(!row::DescribeKey(schema, in).empty());
  const auto values = row::DecodePrimaryKey(schema, in);
  if (!values.ok()) return;
  KALAM_CHECK(values->size() == schema.key_ordinals().size());
  std::string key;
  for (size_t i = 0; i < values->size(); ++i) {
    row::AppendKeyValue(schema.column(schema.key_ordinals()[i]).type, (*values)[i], &key);
  }
  const auto again = row::DecodePrimaryKey(schema, key);
  KALAM_CHECK(again.ok() && *again == *values);
  const std::string end = row::PrefixEnd(in);
  KALAM_CHECK(end.empty() || (end > in && !end.starts_with(in)));
}

}  // namespace kalamdb::fuzz
