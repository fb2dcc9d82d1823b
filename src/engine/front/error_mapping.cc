// One table from the engine's exception types to our codes, and what is cut from its messages.
#include "engine/front/error_mapping.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "engine/front/tokens.h"

namespace kalamdb::engine {
namespace {

using duckdb::ExceptionType;
using ExtraInfo = std::unordered_map<std::string, std::string>;

std::string Find(const ExtraInfo& info, const std::string& key) {
  const auto it = info.find(key);
  return it == info.end() ? std::string() : it->second;
}

// The first line: behind it stand the source line, candidates and suggestions.
std::string FirstLine(const std::string& message) {
  std::string line = message.substr(0, message.find('\n'));
  while (!line.empty() && (line.back() == ' ' || line.back() == '\t')) line.pop_back();
  return line;
}

// A path or the name of a setting in a message stays inside.
bool TellsTooMuch(const std::string& text) {
  for (const char* word : {"SET ", "PRAGMA ", "memory_limit", "allowed_directories", "enable_external_access",
                           ".parquet", ".duckdb", "/"}) {
    if (text.find(word) != std::string::npos) return true;
  }
  return false;
}

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// The engine's names of machine types, as SQL writes them. UUIDs are read as whole numbers of 128 bits.
std::string SqlType(std::string_view machine) {
  if (machine == "INT8") return "TINYINT";
  if (machine == "INT16") return "SMALLINT";
  if (machine == "INT32") return "INT";
  if (machine == "INT64") return "BIGINT";
  if (machine == "INT128") return "UUID or HUGEINT";
  if (machine == "BOOL") return "BOOLEAN";
  return std::string(machine);
}

// `field value "x" out of range` and the like, of a type of time.
std::optional<std::string> MistimedOf(const std::string& line, std::string_view begin, std::string_view type) {
  if (!line.starts_with(begin)) return std::nullopt;
  const size_t behind = std::min(line.rfind(", expected format"), line.size());
  const size_t first = line.find('"'), last = line.rfind('"', behind - 1);
  if (first == std::string::npos || last <= first) return std::nullopt;
  return "value '" + line.substr(first + 1, last - first - 1) + "' does not fit type " + std::string(type);
}

std::optional<std::string> MistimedOf(const std::string& line) {
  struct Says {
    std::string_view begin, type;
  };
  for (const Says& says :
       {Says{"invalid timestamp field format: \"", "TIMESTAMP"},
        Says{"timestamp field value out of range: \"", "TIMESTAMP"}, Says{"invalid date field format: \"", "DATE"},
        Says{"date field value out of range: \"", "DATE"}, Says{"invalid time field format: \"", "TIME"},
        Says{"time field value out of range: \"", "TIME"}}) {
    if (auto said = MistimedOf(line, says.begin, says.type)) return said;
  }
  return std::nullopt;
}

// `Casting value "100.5" to type DECIMAL(4,2) failed: value is out of range!`
std::optional<std::string> DecimalMisfitOf(const std::string& line) {
  constexpr std::string_view kCasting = "Casting value \"", kTo = "\" to type ", kFailed = " failed: ";
  const size_t to = line.rfind(kTo), failed = line.rfind(kFailed);
  if (!line.starts_with(kCasting) || to == std::string::npos || failed == std::string::npos || failed < to)
    return std::nullopt;
  return "value " + line.substr(kCasting.size(), to - kCasting.size()) + " does not fit type " +
         line.substr(to + kTo.size(), failed - to - kTo.size());
}

// "Could not cast value 5 to DECIMAL(1,1)", "Cannot cast list with length 3 to array with length 2", "Unimplemented
// type for cast (INTEGER -> DATE)".
std::optional<std::string> OtherMisfitOf(std::string line) {
  if (const size_t source = line.rfind(") when casting from source column ");
      line.starts_with("Unimplemented type") && source != std::string::npos)
    line.resize(source + 1);
  struct Says {
    std::string_view begin, to, end, what, type;
  };
  for (const Says& says :
       {Says{"Could not cast value ", " to ", "", "value ", ""},
        Says{"Cannot cast list with length ", " to array with length ", "", "a list of ", "an array of "},
        Says{"Unimplemented type for cast (", " -> ", ")", "a value of type ", ""}}) {
    const size_t to = line.rfind(says.to);
    if (!line.starts_with(says.begin) || !line.ends_with(says.end) || to == std::string::npos || to < says.begin.size())
      continue;
    const size_t type = to + says.to.size();
    return std::string(says.what) + line.substr(says.begin.size(), to - says.begin.size()) + " does not fit type " +
           std::string(says.type) + line.substr(type, line.size() - says.end.size() - type);
  }
  return std::nullopt;
}

// "Could not convert string 'x' to INT32", "Type INT64 with value 5 can't be cast … destination type INT16".
std::optional<std::string> MisfitOf(const std::string& line) {
  constexpr std::string_view kString = "Could not convert string ", kTo = "' to ", kColumn = " when casting from ",
                             kType = "Type ", kValue = " with value ", kCannot = " can't be cast because",
                             kTarget = "destination type ";
  if (line.starts_with(kString)) {
    const size_t to = line.rfind(kTo);
    if (to == std::string::npos) return std::nullopt;
    const std::string target = line.substr(to + kTo.size());
    return "value " + line.substr(kString.size(), to + 1 - kString.size()) + " does not fit type " +
           SqlType(target.substr(0, target.find(kColumn)));
  }
  const size_t value = line.find(kValue), cannot = line.rfind(kCannot), target = line.rfind(kTarget);
  if (!line.starts_with(kType) || value == std::string::npos || cannot == std::string::npos ||
      target == std::string::npos || cannot < value)
    return std::nullopt;
  return "value " + line.substr(value + kValue.size(), cannot - value - kValue.size()) + " does not fit type " +
         SqlType(line.substr(target + kTarget.size()));
}

// `Error when converting column "n". Could not convert string "x" to 'SMALLINT'`
std::optional<std::string> CsvMisfitOf(const std::string& line) {
  constexpr std::string_view kColumn = "Error when converting column \"", kValue = "\". Could not convert string \"",
                             kTo = "\" to '";
  const size_t value = line.find(kValue), to = line.rfind(kTo);
  if (!line.starts_with(kColumn) || value == std::string::npos || to == std::string::npos ||
      to < value + kValue.size() || !line.ends_with("'"))
    return std::nullopt;
  const std::string type = line.substr(to + kTo.size(), line.size() - 1 - to - kTo.size());
  return "column " + line.substr(kColumn.size(), value - kColumn.size()) + ": value '" +
         line.substr(value + kValue.size(), to - value - kValue.size()) + "' does not fit type " +
         (type == "INTEGER"   ? "INT"
          : type == "VARCHAR" ? "TEXT"
                              : type);
}

// An error in a CSV file: its line, and the sentence behind the line as it was read.
std::optional<std::string> CsvError(const std::string& message) {
  constexpr std::string_view kLine = "CSV Error on Line: ", kOriginal = "Original Line:";
  if (!message.starts_with(kLine)) return std::nullopt;
  const size_t end = message.find('\n');
  std::string text = "line " + message.substr(kLine.size(), end - kLine.size()) + " of the file";
  for (size_t at = end; at != std::string::npos;) {
    const std::string rest = message.substr(at + 1);
    const std::string said = FirstLine(rest);
    if (!rest.starts_with(kOriginal)) return text + ": " + CsvMisfitOf(said).value_or(said);
    at = message.find('\n', at + 1);
  }
  return text;
}

// "Overflow in addition of INT64 (1 + 2)!"
std::string OverflowOf(const std::string& line) {
  constexpr std::string_view kOf = " of ";
  const size_t of = line.find(kOf), open = line.find(" (");
  if (!line.starts_with("Overflow in ") || of == std::string::npos || open == std::string::npos || open < of)
    return line;
  const size_t type = of + kOf.size();
  return line.substr(0, type) + SqlType(std::string_view(line).substr(type, open - type)) + line.substr(open);
}

// `Failed to cast value to numerical: "x" when casting from source column n`: a value of JSON.
std::optional<std::string> NoNumberOf(const std::string& line) {
  constexpr std::string_view kFailed = "Failed to cast value to numerical: ",
                             kFrom = " when casting from source column ";
  if (!line.starts_with(kFailed)) return std::nullopt;
  return "value " + line.substr(kFailed.size(), line.rfind(kFrom) - kFailed.size()) + " is not a number";
}

Error BadValue(const std::string& message) {
  if (auto csv = CsvError(message)) return Error{ErrorCode::kTypeMismatch, *std::move(csv)};
  const std::string line = FirstLine(message);
  // A value in such a message may hold anything, a slash too: it is the caller's own.
  if (auto mistimed = MistimedOf(line)) {
    const std::string type = mistimed->substr(mistimed->rfind(' ') + 1);
    return Error{ErrorCode::kTypeMismatch, *std::move(mistimed)}.WithHint(HowWritten(type));
  }
  if (auto misfit = DecimalMisfitOf(line)) return Error{ErrorCode::kTypeMismatch, *std::move(misfit)};
  if (auto misfit = OtherMisfitOf(line)) return Error{ErrorCode::kTypeMismatch, *std::move(misfit)};
  if (auto no_number = NoNumberOf(line)) return Error{ErrorCode::kTypeMismatch, *std::move(no_number)};
  return Error{ErrorCode::kTypeMismatch, MisfitOf(line).value_or(OverflowOf(line))};
}

Error MissingEntry(const ExtraInfo& info, const std::string& message) {
  const std::string type = Find(info, "type");
  const std::string name = Find(info, "name");
  if (type == "Table" || type == "View") return Error{ErrorCode::kTableNotFound, "table " + name + " does not exist"};
  if (type == "Schema") return Error{ErrorCode::kNamespaceNotFound, "namespace " + name + " does not exist"};
  if (type.find("Function") != std::string::npos || type == "Macro")
    return Error{ErrorCode::kInvalidSql, "function " + Lower(name) + " does not exist"};
  if (type == "Type") return Error{ErrorCode::kUnsupported, "type " + name + " is not offered"};
  return Error{ErrorCode::kInvalidSql, FirstLine(message)};
}

// The binder says it in four ways.
std::optional<std::string> UnknownColumn(const std::string& line) {
  constexpr std::string_view kColumn = "Column \"", kLater = "\" referenced that exists in the SELECT clause - but";
  if (const size_t later = line.find(kLater); line.starts_with(kColumn) && later != std::string::npos) {
    return "column " + line.substr(kColumn.size(), later - kColumn.size()) +
           " does not exist (a name that the SELECT list gives is known behind it only)";
  }
  constexpr std::string_view kUpdate = "Referenced update column ", kNotFound = " not found in table!";
  if (line.starts_with(kUpdate) && line.ends_with(kNotFound)) {
    return "column " + line.substr(kUpdate.size(), line.size() - kUpdate.size() - kNotFound.size()) + " does not exist";
  }
  for (const std::string_view says : {" does not have a column with name ", " does not have a column named "}) {
    const size_t at = line.find(says);
    if (at == std::string::npos) continue;
    std::string name = line.substr(at + says.size());
    if (name.size() > 2 && name.front() == '"' && name.back() == '"') name = name.substr(1, name.size() - 2);
    std::string table = line.substr(0, at);
    if (table.starts_with("Table ")) table.front() = 't';
    return "column " + name + " does not exist: " + table + " has none of this name";
  }
  return std::nullopt;
}

// The engine advises to change a setting, which nobody may.
std::optional<Error> TooDeep(const std::string& message) {
  if (!message.starts_with("Max expression depth limit") && !message.starts_with("memory exhausted"))
    return std::nullopt;
  return Error{ErrorCode::kTooLarge, "the statement nests too deeply"}.WithHint(
      "Expressions may stand within each other 1,000 deep; long chains of operators and of UNION count too.");
}

Error ParserError(const std::string& message) {
  if (message.starts_with("NameListToString")) {
    return Error{ErrorCode::kInvalidSql, "a name has too many parts"}.WithHint("A table is written namespace.table.");
  }
  return TooDeep(message).value_or(Error{ErrorCode::kInvalidSql, FirstLine(message)});
}

Error BinderError(const ExtraInfo& info, const std::string& message) {
  const std::string subtype = Find(info, "error_subtype");
  const std::string line = FirstLine(message);
  const std::string name = Find(info, "name");
  if (auto deep = TooDeep(message)) return *std::move(deep);
  if (line.find("Unexpected prepared parameter") == 0)
    return Error{ErrorCode::kInvalidSql, "a parameter cannot stand here"};
  if (line.find("Referenced update column _") == 0) {
    return Error{ErrorCode::kInvalidSql, "columns that begin with _ are the server's: they are read, never written"};
  }
  if (subtype == "COLUMN_NOT_FOUND" && !name.empty()) {
    Error error{ErrorCode::kColumnNotFound, "column " + name + " does not exist"};
    const std::string candidates = Find(info, "candidates");
    if (!candidates.empty() && candidates.find('_') != 0)
      error.hint = "There is: " + duckdb::StringUtil::Replace(candidates, ",", ", ") + ".";
    return error;
  }
  if (subtype == "NO_MATCHING_FUNCTION") {
    return Error{ErrorCode::kInvalidSql, "no function matches " + Find(info, "call")}.WithHint(
        "Explicit casts may help.");
  }
  if (const auto column = UnknownColumn(line)) return Error{ErrorCode::kColumnNotFound, *column};
  return Error{ErrorCode::kInvalidSql, line};
}

// What the engine says of a form of expression by the names of its own classes.
std::optional<std::string> UnknownForm(const std::string& line) {
  constexpr std::string_view kParsed = "Expression type T_", kBound = "Unimplemented expression class in ";
  if (line.starts_with(kParsed)) return "an expression of this form is not offered";
  if (!line.starts_with(kBound)) return std::nullopt;
  const std::string kind = Lower(line.substr(line.rfind(' ') + 1));
  return "a " + kind + " expression cannot stand here";
}

Error Plain(ErrorCode code, const std::string& message, const char* instead) {
  const std::string line = FirstLine(message);
  return Error{code, line.empty() || TellsTooMuch(line) ? std::string(instead) : line};
}

Error ByType(ExceptionType type, const ExtraInfo& info, const std::string& message) {
  switch (type) {
    case ExceptionType::PARSER:
    case ExceptionType::SYNTAX: return ParserError(message);
    case ExceptionType::CATALOG: return MissingEntry(info, message);
    case ExceptionType::BINDER:
    case ExceptionType::EXPRESSION: return BinderError(info, message);
    case ExceptionType::CONVERSION:
    case ExceptionType::OUT_OF_RANGE:
    case ExceptionType::MISMATCH_TYPE:
    case ExceptionType::INVALID_TYPE:
    case ExceptionType::DECIMAL:
    case ExceptionType::DIVIDE_BY_ZERO:
    case ExceptionType::INVALID_INPUT:
      if (message.find("More than one row returned by a subquery") == 0) {
        return Error{ErrorCode::kCardinalityViolation,
                     "a subquery that stands for one value returned more than one row"};
      }
      return BadValue(message);
    case ExceptionType::CONSTRAINT: return Plain(ErrorCode::kCheckViolation, message, "a constraint is violated");
    case ExceptionType::PARAMETER_NOT_RESOLVED:
    case ExceptionType::PARAMETER_NOT_ALLOWED:
      return Plain(ErrorCode::kInvalidSql, message, "a parameter cannot stand here");
    case ExceptionType::NOT_IMPLEMENTED:
      if (message.starts_with("Unknown TimeZone")) return Error{ErrorCode::kTypeMismatch, FirstLine(message)};
      if (const auto unknown = UnknownForm(FirstLine(message))) return Error{ErrorCode::kUnsupported, *unknown};
      return Plain(ErrorCode::kUnsupported, message, "this is not offered");
    case ExceptionType::PERMISSION: return Plain(ErrorCode::kPermissionDenied, message, "this is not allowed");
    case ExceptionType::OUT_OF_MEMORY:
      if (message.find("max_temp_directory_size") != std::string::npos) {
        return Error{ErrorCode::kTooLarge, "the statement needs more disk than limits.spill_bytes"}.WithHint(
            "Filter or aggregate more: what does not fit into memory is sorted, joined and grouped on disk.");
      }
      return Error{ErrorCode::kTooLarge, "the statement needs more memory than limits.memory_bytes"}.WithHint(
          "Filter or aggregate more, or ask for fewer rows.");
    case ExceptionType::INTERRUPT: return Error{ErrorCode::kCancelled, "the statement was cancelled"};
    case ExceptionType::IO: return Error{ErrorCode::kStorageUnavailable, "a file could not be read or written"};
    case ExceptionType::TRANSACTION:
      return Plain(ErrorCode::kWriteConflict, message, "the transaction is in conflict with another one");
    default: {
      const std::string line = FirstLine(message);
      return Error{ErrorCode::kInternal, line.empty() || TellsTooMuch(line)
                                             ? "internal error of the query engine"
                                             : "internal error of the query engine: " + line};
    }
  }
}

}  // namespace

Error MapError(const duckdb::ErrorData& error, std::string_view text) {
  const auto& info = error.ExtraInfo();
  Error mapped;
  if (const std::string code = Find(info, "kalam_code"); !code.empty()) {
    int number = 0;
    std::from_chars(code.data(), code.data() + code.size(), number);
    mapped = Error{static_cast<ErrorCode>(number), Find(info, "kalam_message"), Find(info, "kalam_hint")};
  } else {
    mapped = ByType(error.Type(), info, error.RawMessage());
  }
  const std::string position = Find(info, "position");
  size_t offset = 0;
  if (const auto [end, failed] = std::from_chars(position.data(), position.data() + position.size(), offset);
      !position.empty() && failed == std::errc()) {
    // The parser counts characters, everything behind it bytes.
    const bool parser = error.Type() == ExceptionType::PARSER || error.Type() == ExceptionType::SYNTAX;
    mapped.position = text.empty() || parser ? static_cast<int64_t>(offset) + 1 : PositionOf(text, offset);
    // Where the parser knows no place it says one far beyond.
    if (mapped.position < 0 || (!text.empty() && offset > text.size())) mapped.position = 0;
  }
  return mapped;
}

Error MapException(const std::exception& exception, std::string_view text) {
  return MapError(duckdb::ErrorData(exception), text);
}

void ThrowError(const Error& error, const std::string& position) {
  ExtraInfo info = {{"kalam_code", std::to_string(static_cast<int>(error.code))},
                    {"kalam_message", error.message},
                    {"kalam_hint", error.hint}};
  if (!position.empty()) info["position"] = position;
  throw duckdb::Exception(ExceptionType::INVALID_INPUT, error.message, info);
}

std::string HowWritten(std::string_view sql_type) {
  if (sql_type == "DATE") return "A DATE is written 2024-01-31.";
  if (sql_type == "TIME") return "A TIME is written 10:00:00.5.";
  if (sql_type != "TIMESTAMP" && sql_type != "TIMESTAMPTZ") return "";
  if (sql_type == "TIMESTAMP") return "A TIMESTAMP is written 2024-01-31 10:00:00.5; it is UTC.";
  return "A TIMESTAMPTZ is written 2024-01-31 10:00:00.5+01:00, or with Z or the name of a time zone behind the "
         "seconds.";
}

}  // namespace kalamdb::engine
