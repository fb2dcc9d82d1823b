// Replies of /v1/api/sql for people (table), for programs (csv), or as they came (json).
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "row/json_document.h"

namespace kalamdb::cli {

enum class OutputForm : uint8_t { kTable, kCsv, kJson };
OutputForm ParseOutputForm(std::string_view name);  // "table", "csv", "json"

// What the statements that ran gave: rows, or their message. `json`: the reply itself, one line.
std::string PrintResults(const row::JsonView& reply, std::string_view reply_text, OutputForm form);

// "ERROR TABLE_NOT_FOUND: …" with statement, position and hint; empty if the reply has no error.
std::string PrintError(const row::JsonView& reply);

}  // namespace kalamdb::cli
