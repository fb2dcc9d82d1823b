// COPY t FROM 'file' and COPY t TO 'file': admins only, within the directories that the configuration allows.
#include <algorithm>
#include <filesystem>

#include "engine/front/ddl.h"
#include "engine/front/error_mapping.h"
#include "engine/front/rights.h"
#include "engine/front/statement.h"
#include "row/schema.h"

namespace kalamdb::engine {
namespace {

namespace fs = std::filesystem;

// The canonical path, if it lies within one of the directories. The answer is the same whether the file is there or not.
Result<std::string> AllowedPath(const std::vector<std::string>& directories, const std::string& path) {
  const Error denied{ErrorCode::kPermissionDenied, "the file does not lie within storage.copy_directories"};
  std::error_code failed;
  if (path.empty() || path.find('\0') != std::string::npos || !fs::path(path).is_absolute()) return denied;
  const fs::path canonical = fs::weakly_canonical(path, failed);
  if (failed) return denied;
  for (const std::string& directory : directories) {
    const fs::path root = fs::weakly_canonical(directory, failed);
    if (failed) continue;
    const auto [end, rest] = std::mismatch(root.begin(), root.end(), canonical.begin(), canonical.end());
    if (end == root.end() || (std::next(end) == root.end() && end->empty())) return canonical.string();
  }
  return denied;
}

std::string Literal(const std::string& text) { return row::Value::String(text).ToSqlLiteral(row::Type::Of(row::TypeKind::kText)); }

Result<std::string> ReaderOf(const CopyTable& command, const std::string& path) {
  if (!command.options.empty()) {
    return Error{ErrorCode::kUnsupported, "option " + command.options[0].first + " of COPY is not offered: only FORMAT is"};
  }
  if (command.format == "parquet") return "read_parquet(" + Literal(path) + ")";
  if (command.format == "csv") return "read_csv(" + Literal(path) + ")";
  if (command.format == "json") return "read_json(" + Literal(path) + ")";
  return Error{ErrorCode::kUnsupported, "COPY reads and writes the formats parquet, csv and json", "Say (FORMAT parquet)."};
}

}  // namespace

Result<StatementResult> RunCopy(const CommandServices& services, const CopyTable& command, const ExecuteContext& context, RowSink* sink) {
  RETURN_IF_ERROR(CheckAdmin(context.identity, "COPY"));
  ASSIGN_OR_RETURN(const std::string path, AllowedPath(services.options->copy_directories, command.path));
  if (!command.from) return Error{ErrorCode::kUnsupported, "COPY TO is not offered yet"};
  ASSIGN_OR_RETURN(const std::string reader, ReaderOf(command, path));
  const storage::ReadViewPtr view = services.database->View();
  ASSIGN_OR_RETURN(const catalog::TablePtr table, FindReadableTable(*view->catalog, command.name, context));
  std::error_code failed;
  if (!fs::is_regular_file(path, failed)) return Error{ErrorCode::kNotFound, "there is no such file"};
  (void)sink;
  return Error{ErrorCode::kUnsupported, "COPY FROM " + reader.substr(0, reader.find('(')) + " is not offered yet"};
}

}  // namespace kalamdb::engine
