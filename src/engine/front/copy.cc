// COPY t FROM 'file' and COPY t TO 'file': admins only, within the directories that the configuration allows.
#include <algorithm>
#include <filesystem>

#include "engine/access.h"
#include "engine/front/ddl.h"
#include "engine/front/rights.h"
#include "engine/front/statement.h"
#include "row/schema.h"

namespace kalamdb::engine {
namespace {

namespace fs = std::filesystem;

// The canonical path, if it lies within one of the directories. The answer is the same whether the file is there or
// not.
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

// Keeps the names of a result's columns.
class NameSink final : public RowSink {
 public:
  Status OnSchema(const ResultSchema& schema) override {
    names.clear();
    for (const ResultColumn& column : schema.columns) names.push_back(column.name);
    return {};
  }
  Status OnRows(std::string_view, size_t) override { return {}; }
  std::vector<std::string> names;
};

std::string Literal(const std::string& text) {
  return row::Value::String(text).ToSqlLiteral(row::Type::Of(row::TypeKind::kText));
}

Result<std::string> ReaderOf(const CopyTable& command, const std::string& path) {
  if (!command.options.empty()) {
    return Error{ErrorCode::kUnsupported,
                 "option " + command.options[0].first + " of COPY is not offered: only FORMAT is"};
  }
  if (command.format == "parquet") return "read_parquet(" + Literal(path) + ")";
  if (command.format == "csv") return "read_csv(" + Literal(path) + ")";
  if (command.format == "json") return "read_json(" + Literal(path) + ")";
  return Error{ErrorCode::kUnsupported, "COPY reads and writes the formats parquet, csv and json",
               "Say (FORMAT parquet)."};
}

Status CheckMayCopyInto(const auth::Identity& identity, const catalog::Table& table) {
  if (CanWrite(identity, table)) return {};
  return Error{ErrorCode::kPermissionDenied, "table " + table.QualifiedName() + " may be read, not written"};
}

// What is said of the file without saying where it lies; a place in the statement that we made is none in the client's.
Error OfFile(Error error, const std::string& path) {
  for (const std::string& shown : {"'" + path + "'", "\"" + path + "\"", path}) {
    for (size_t at = error.message.find(shown); at != std::string::npos; at = error.message.find(shown))
      error.message.replace(at, shown.size(), "the file");
  }
  error.position = 0;
  return error;
}

// The reader of the file knows the name of a column, not whose it is.
Error OfTable(Error error, const catalog::Table& table) {
  constexpr std::string_view kColumn = " of the file: column ", kValue = ": value '";
  const size_t column = error.message.find(kColumn);
  if (error.code != ErrorCode::kTypeMismatch || column == std::string::npos) return error;
  const size_t value = error.message.find(kValue, column + kColumn.size());
  if (value != std::string::npos) error.message.insert(value, " of " + table.QualifiedName());
  return error;
}

// The names of the columns of the file, as a quoted list: each is a column of the table, whatever its case.
Result<std::string> MatchColumns(const CommandServices& services, const catalog::Table& table, const CopyTable& command,
                                 const std::string& reader, const ExecuteContext& context) {
  NameSink names;
  RETURN_IF_ERROR(services.run_copy("SELECT * FROM " + reader + " LIMIT 0", context, &names));
  const row::Schema& schema = *table.schema();
  std::string list;
  for (const std::string& name : names.names) {
    const bool wanted = command.columns.empty() ||
                        std::any_of(command.columns.begin(), command.columns.end(),
                                    [&](const std::string& c) { return row::FoldName(c) == row::FoldName(name); });
    if (!wanted) continue;
    if (!schema.FindByName(name))
      return Error{ErrorCode::kInvalidParameter,
                   "column " + name + " of the file is none of table " + table.QualifiedName()};
    list += (list.empty() ? "" : ", ") + catalog::QuoteIdentifier(name);
  }
  for (const std::string& column : command.columns) {
    const bool there = std::any_of(names.names.begin(), names.names.end(), [&](const std::string& name) {
      return row::FoldName(column) == row::FoldName(name);
    });
    if (!there) return Error{ErrorCode::kInvalidParameter, "column " + column + " is not in the file"};
  }
  if (list.empty())
    return Error{ErrorCode::kInvalidParameter, "the file has no column of table " + table.QualifiedName()};
  return list;
}

}  // namespace

Result<StatementResult> RunCopy(const CommandServices& services, const CopyTable& command,
                                const ExecuteContext& context, RowSink* sink) {
  RETURN_IF_ERROR(CheckAdmin(context.identity, "COPY"));
  ASSIGN_OR_RETURN(const std::string path, AllowedPath(services.options->copy_directories, command.path));
  if (!command.from) return Error{ErrorCode::kUnsupported, "COPY TO is not offered yet"};
  ASSIGN_OR_RETURN(const std::string reader, ReaderOf(command, path));
  const storage::ReadViewPtr view = services.database->View();
  ASSIGN_OR_RETURN(const catalog::TablePtr table, FindReadableTable(*view->catalog, command.name, context));
  RETURN_IF_ERROR(CheckMayCopyInto(context.identity, *table));
  std::error_code failed;
  if (!fs::is_regular_file(path, failed)) return Error{ErrorCode::kNotFound, "there is no such file"};
  const auto columns = MatchColumns(services, *table, command, reader, context);
  if (!columns.ok()) return OfFile(columns.error(), path);
  auto copied = services.run_copy(
      "INSERT INTO " + table->QualifiedName() + " (" + *columns + ") SELECT " + *columns + " FROM " + reader, context,
      sink);
  if (!copied.ok()) return OfTable(OfFile(std::move(copied).error(), path), *table);
  copied->message = "Copied " + std::to_string(copied->row_count) + " row(s)";
  return copied;
}

}  // namespace kalamdb::engine
