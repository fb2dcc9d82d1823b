// Tables with columns as wide as their content, and comma-separated values after RFC 4180.
#include "cli/result_print.h"

#include <algorithm>
#include <vector>

#include "row/text_form.h"

namespace kalamdb::cli {

namespace {

using row::JsonView;

struct Cell {
  std::string text;
  bool right = false;  // numbers
  bool null = false;
};
struct Grid {
  std::vector<std::string> names;
  std::vector<std::vector<Cell>> rows;
};

bool IsNumberType(const std::optional<JsonView>& type) {
  if (!type) return false;
  if (type->IsObject()) return type->Find("Decimal").has_value();
  for (std::string_view name : {"BigInt", "Int", "SmallInt", "Float", "Double", "HUGEINT", "UBIGINT"}) {
    if (type->text() == name) return true;
  }
  return false;
}

// Points in time as people write them, and as COPY and casts read them; all else as it came.
std::string CellText(std::string_view type, std::string_view text) {
  const auto number = row::ParseInteger(text);
  std::string shown;
  if (!number || (type != "Date" && type != "Time" && type != "Timestamp" && type != "DateTime"))
    return std::string(text);
  if (type == "Date") {
    row::AppendDate(*number, &shown);
  } else if (type == "Time") {
    row::AppendTime(*number, &shown);
  } else {
    row::AppendTimestamp(*number, &shown);
    if (type == "DateTime" && shown.find("infinity") == std::string::npos) shown += "+00";
  }
  return shown;
}

Grid ReadGrid(const JsonView& schema, const JsonView& rows) {
  Grid grid;
  std::vector<bool> right;
  std::vector<std::string> types;
  for (JsonView column : schema.items()) {
    std::optional<JsonView> name = column.Find("name");
    grid.names.emplace_back(name ? name->text() : "");
    const std::optional<JsonView> type = column.Find("data_type");
    right.push_back(IsNumberType(type));
    types.emplace_back(type && type->IsString() ? type->text() : "");
  }
  for (JsonView row : rows.items()) {
    std::vector<Cell>& cells = grid.rows.emplace_back();
    for (JsonView value : row.items()) {
      const size_t at = cells.size();
      const std::string_view type = at < types.size() ? std::string_view(types[at]) : std::string_view();
      cells.push_back(
          {.text = CellText(type, value.text()), .right = at < right.size() && right[at], .null = value.IsNull()});
    }
    cells.resize(grid.names.size());
  }
  return grid;
}

// Characters, not bytes; line breaks and tabs are shown as they are escaped.
size_t Width(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}
std::string OnOneLine(std::string_view text) {
  std::string line;
  for (char c : text) {
    if (c == '\n') {
      line += "\\n";
    } else if (c == '\r') {
      line += "\\r";
    } else if (c == '\t') {
      line += "\\t";
    } else {
      line += c;
    }
  }
  return line;
}

void AppendPadded(std::string_view text, size_t width, bool right, std::string* out) {
  const size_t missing = width - std::min(width, Width(text));
  if (right) out->append(missing, ' ');
  out->append(text);
  if (!right) out->append(missing, ' ');
}

std::string PrintTable(Grid grid) {
  std::vector<size_t> widths;
  for (const std::string& name : grid.names) widths.push_back(Width(name));
  for (std::vector<Cell>& row : grid.rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      row[i].text = row[i].null ? "NULL" : OnOneLine(row[i].text);
      widths[i] = std::max(widths[i], Width(row[i].text));
    }
  }
  std::string out;
  auto end_line = [&out] {
    while (!out.empty() && out.back() == ' ') out.pop_back();
    out += '\n';
  };
  for (size_t i = 0; i < widths.size(); ++i) AppendPadded(grid.names[i], widths[i] + 2, false, &out);
  end_line();
  for (size_t width : widths) out.append(width, '-').append("  ");
  end_line();
  for (const std::vector<Cell>& row : grid.rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      AppendPadded(row[i].text, widths[i], row[i].right, &out);
      out += "  ";
    }
    end_line();
  }
  out += "(" + std::to_string(grid.rows.size()) + (grid.rows.size() == 1 ? " row)\n" : " rows)\n");
  return out;
}

std::string CsvField(std::string_view text) {
  if (!text.empty() && text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

// NULL is nothing, the empty text is "".
std::string PrintCsv(const Grid& grid) {
  std::string out;
  for (size_t i = 0; i < grid.names.size(); ++i) out += (i == 0 ? "" : ",") + CsvField(grid.names[i]);
  out += "\r\n";
  for (const std::vector<Cell>& row : grid.rows) {
    for (size_t i = 0; i < row.size(); ++i) out += (i == 0 ? "" : ",") + (row[i].null ? "" : CsvField(row[i].text));
    out += "\r\n";
  }
  return out;
}

}  // namespace

OutputForm ParseOutputForm(std::string_view name) {
  return name == "csv" ? OutputForm::kCsv : name == "json" ? OutputForm::kJson : OutputForm::kTable;
}

std::string PrintResults(const JsonView& reply, std::string_view reply_text, OutputForm form) {
  if (form == OutputForm::kJson) return std::string(reply_text) + "\n";
  std::string out;
  std::optional<JsonView> results = reply.Find("results");
  if (!results) return out;
  for (JsonView result : results->items()) {
    std::optional<JsonView> schema = result.Find("schema"), rows = result.Find("rows"),
                            message = result.Find("message");
    if (schema && rows) {
      Grid grid = ReadGrid(*schema, *rows);
      out += form == OutputForm::kCsv ? PrintCsv(grid) : PrintTable(std::move(grid));
    }
    if (message && form == OutputForm::kTable) out.append(message->text()).append("\n");
  }
  return out;
}

std::string PrintError(const JsonView& reply) {
  std::optional<JsonView> error = reply.Find("error");
  if (!error || !error->IsObject()) return {};
  auto text = [&error](std::string_view name) {
    std::optional<JsonView> field = error->Find(name);
    return field ? std::string(field->text()) : std::string();
  };
  std::string out = "ERROR " + text("code") + ": " + text("message");
  std::string place;
  if (std::string statement = text("statement"); !statement.empty()) place = "statement " + statement;
  if (std::string position = text("position"); !position.empty())
    place += (place.empty() ? "" : ", ") + ("position " + position);
  if (!place.empty()) out += " (" + place + ")";
  out += "\n";
  if (std::string hint = text("hint"); !hint.empty()) out += "HINT: " + hint + "\n";
  return out;
}

}  // namespace kalamdb::cli
