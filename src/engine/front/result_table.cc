// Writes a command's rows to a sink.
#include "engine/front/result_table.h"

#include "row/json.h"

namespace kalamdb::engine {

Result<StatementResult> ResultTable::Send(RowSink* sink, QueryType query_type) const {
  ResultSchema schema;
  for (const auto& [name, type] : columns_) schema.columns.push_back({name, type.ToJson(), false, false});
  RETURN_IF_ERROR(sink->OnSchema(schema));
  const bool object = sink->form() == RowForm::kObject;
  std::string json;
  for (size_t r = 0; r < rows_.size(); ++r) {
    if (r != 0) json.push_back(sink->separator());
    json.push_back(object ? '{' : '[');
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (i != 0) json.push_back(',');
      if (object) {
        row::AppendJsonString(columns_[i].first, &json);
        json.push_back(':');
      }
      row::AppendJsonValue(columns_[i].second, rows_[r][i], row::BytesForm::kBase64, &json);
    }
    json.push_back(object ? '}' : ']');
  }
  if (!rows_.empty()) RETURN_IF_ERROR(sink->OnRows(json, rows_.size()));
  StatementResult result;
  result.has_rows = true;
  result.row_count = rows_.size();
  result.query_type = query_type;
  return result;
}

}  // namespace kalamdb::engine
