// CREATE TABLE with its columns, constraints and options; views; COPY.
#include <algorithm>

#include "engine/front/command_parser.h"
#include "engine/front/expression_text.h"
#include "engine/front/statement.h"
#include "row/schema.h"

namespace kalamdb::engine {
namespace {

constexpr const char* kGenerator = "SNOWFLAKE_ID()";

// What CREATE TABLE says about keys, until all columns are known.
struct KeyClauses {
  std::vector<std::string> primary_key;
  bool has_primary_key = false;
  int64_t primary_key_position = 0;
  std::vector<std::pair<std::vector<std::string>, int64_t>> uniques;
};

Result<std::vector<std::string>> NameList(CommandCursor& cursor) {
  std::vector<std::string> names;
  RETURN_IF_ERROR(cursor.ExpectSymbol("("));
  do {
    ASSIGN_OR_RETURN(std::string name, cursor.Name("the name of a column"));
    names.push_back(std::move(name));
  } while (cursor.AcceptSymbol(","));
  RETURN_IF_ERROR(cursor.ExpectSymbol(")"));
  return names;
}

Status SetPrimaryKey(CommandCursor& cursor, std::vector<std::string> names, KeyClauses* keys) {
  if (keys->has_primary_key)
    return cursor.ErrorAt(ErrorCode::kInvalidSql, cursor.Position(), "a table has one primary key");
  keys->has_primary_key = true;
  keys->primary_key_position = cursor.Position();
  keys->primary_key = std::move(names);
  return {};
}

Status ParseCheck(CommandCursor& cursor, std::string name, CreateTable* command) {
  const int64_t position = cursor.Position();
  ASSIGN_OR_RETURN(const std::string_view text, cursor.Parenthesized());
  auto check = CanonicalCheck(text);
  if (!check.ok()) return std::move(check).error().At(position);
  command->checks.emplace_back(std::move(name), std::move(check->text));
  return {};
}

Status SetGenerated(CommandCursor& cursor, int64_t position, row::Column* column) {
  if (column->type.kind() != row::TypeKind::kBigInt) {
    return cursor.ErrorAt(
        ErrorCode::kTypeMismatch, position,
        "column " + column->name + ": generated ids are BIGINT, the column is " + column->type.ToSql());
  }
  column->write_default = kGenerator;
  column->nullable = false;
  return {};
}

Status ParseGenerated(CommandCursor& cursor, row::Column* column) {
  const int64_t position = cursor.Position();
  if (!cursor.Accept("always")) {
    RETURN_IF_ERROR(cursor.Expect("by"));
    RETURN_IF_ERROR(cursor.Expect("default"));
  }
  RETURN_IF_ERROR(cursor.Expect("as"));
  if (!cursor.Accept("identity")) {
    return cursor.ErrorAt(ErrorCode::kUnsupported, position,
                          "column " + column->name + ": generated columns are not offered");
  }
  if (cursor.PeekSymbol("(")) {
    ASSIGN_OR_RETURN(const std::string_view ignored, cursor.Parenthesized());
    (void)ignored;
  }
  return SetGenerated(cursor, position, column);
}

Status ParseDefault(CommandCursor& cursor, row::Column* column) {
  const int64_t position = cursor.Position();
  const std::string_view text =
      cursor.TextUntil([](const CommandCursor& at) { return at.PeekSymbol(",") || AtColumnClause(at); });
  if (text.empty()) return cursor.Unexpected("an expression");
  auto canonical = CanonicalDefault(text);
  if (!canonical.ok()) return std::move(canonical).error().At(position);
  column->write_default = *std::move(canonical);
  return {};
}

Status ParseColumnClause(CommandCursor& cursor, ColumnSpec* spec, KeyClauses* keys, CreateTable* command) {
  row::Column& column = spec->column;
  const int64_t position = cursor.Position();
  if (cursor.AcceptAll({"not", "null"})) {
    column.nullable = false;
  } else if (cursor.Accept("null")) {
    column.nullable = true;
  } else if (cursor.AcceptAll({"primary", "key"})) {
    RETURN_IF_ERROR(SetPrimaryKey(cursor, {column.name}, keys));
  } else if (cursor.Accept("unique")) {
    keys->uniques.emplace_back(std::vector<std::string>{column.name}, position);
  } else if (cursor.Accept("default")) {
    return ParseDefault(cursor, &column);
  } else if (cursor.Accept("comment")) {
    ASSIGN_OR_RETURN(column.comment, cursor.String("the comment as a string"));
  } else if (cursor.Accept("constraint")) {
    ASSIGN_OR_RETURN(std::string name, cursor.Name("the name of a constraint"));
    if (!cursor.Accept("check")) return ParseColumnClause(cursor, spec, keys, command);
    return ParseCheck(cursor, std::move(name), command);
  } else if (cursor.Accept("check")) {
    return ParseCheck(cursor, "", command);
  } else if (cursor.Accept("auto_increment") || cursor.Accept("autoincrement")) {
    return SetGenerated(cursor, position, &column);
  } else if (cursor.Accept("generated")) {
    return ParseGenerated(cursor, &column);
  } else if (cursor.Peek("as")) {
    return cursor.ErrorAt(ErrorCode::kUnsupported, position,
                          "column " + column.name + ": generated columns are not offered");
  } else if (cursor.Peek("references")) {
    return cursor.ErrorAt(ErrorCode::kUnsupported, position,
                          "column " + column.name + ": foreign keys are not offered");
  } else if (cursor.Peek("collate")) {
    return cursor.ErrorAt(ErrorCode::kUnsupported, position, "column " + column.name + ": collations are not offered");
  } else {
    return cursor.Unexpected("\",\", \")\" or a constraint");
  }
  return {};
}

Status ParseColumn(CommandCursor& cursor, KeyClauses* keys, CreateTable* command) {
  ColumnSpec spec;
  spec.position = cursor.Position();
  ASSIGN_OR_RETURN(spec.column.name, cursor.Name("the name of a column"));
  if (cursor.Accept("serial") || cursor.Accept("bigserial")) {
    spec.column.type = row::Type::Of(row::TypeKind::kBigInt);
    RETURN_IF_ERROR(SetGenerated(cursor, spec.position, &spec.column));
  } else {
    ASSIGN_OR_RETURN(spec.column.type, cursor.Type());
  }
  while (!cursor.PeekSymbol(",") && !cursor.PeekSymbol(")")) {
    if (cursor.AtEnd()) return cursor.Unexpected("\")\"");
    RETURN_IF_ERROR(ParseColumnClause(cursor, &spec, keys, command));
  }
  command->columns.push_back(std::move(spec));
  return {};
}

// A constraint of the table; false where a column stands here.
Result<bool> ParseTableConstraint(CommandCursor& cursor, KeyClauses* keys, CreateTable* command) {
  std::string name;
  const bool named = cursor.Accept("constraint");
  if (named) {
    ASSIGN_OR_RETURN(name, cursor.Name("the name of a constraint"));
  }
  const int64_t position = cursor.Position();
  if (cursor.AcceptAll({"primary", "key"})) {
    ASSIGN_OR_RETURN(std::vector<std::string> names, NameList(cursor));
    RETURN_IF_ERROR(SetPrimaryKey(cursor, std::move(names), keys));
  } else if (cursor.Peek("unique") && (named || cursor.PeekSymbol("(", 1))) {
    cursor.Skip();
    ASSIGN_OR_RETURN(std::vector<std::string> names, NameList(cursor));
    keys->uniques.emplace_back(std::move(names), position);
  } else if (cursor.Peek("check") && (named || cursor.PeekSymbol("(", 1))) {
    cursor.Skip();
    RETURN_IF_ERROR(ParseCheck(cursor, std::move(name), command));
  } else if (cursor.Peek("foreign")) {
    return cursor.ErrorAt(ErrorCode::kUnsupported, position, "foreign keys are not offered");
  } else if (named) {
    return cursor.Unexpected("PRIMARY KEY, UNIQUE or CHECK");
  } else {
    return false;
  }
  return true;
}

std::string Folded(const std::string& name) { return row::FoldName(name); }

Status ApplyKeys(CommandCursor& cursor, const KeyClauses& keys, CreateTable* command) {
  const auto find = [&](const std::string& name) -> row::Column* {
    for (ColumnSpec& spec : command->columns) {
      if (Folded(spec.column.name) == Folded(name)) return &spec.column;
    }
    return nullptr;
  };
  uint16_t position = 0;
  for (const std::string& name : keys.primary_key) {
    row::Column* column = find(name);
    if (column == nullptr)
      return cursor.ErrorAt(ErrorCode::kColumnNotFound, 0,
                            "the primary key names column " + name + ", which does not exist");
    if (column->key_position != 0)
      return cursor.ErrorAt(ErrorCode::kInvalidSql, 0, "the primary key names column " + name + " twice");
    column->key_position = ++position;
    column->nullable = false;
  }
  for (const auto& [names, at] : keys.uniques) {
    std::vector<std::string> unique, key;
    for (const std::string& name : names) unique.push_back(Folded(name));
    for (const std::string& name : keys.primary_key) key.push_back(Folded(name));
    std::sort(unique.begin(), unique.end());
    std::sort(key.begin(), key.end());
    if (unique != key) {
      return cursor.ErrorAt(ErrorCode::kUnsupported, at, "UNIQUE is offered on the primary key only")
          .WithHint("Make the columns the primary key.");
    }
  }
  return {};
}

// 'N minutes' as seconds.
Result<int64_t> ParseIntervalSeconds(CommandCursor& cursor) {
  if (cursor.token().kind == TokenKind::kNumber) return cursor.Integer("seconds");
  const int64_t position = cursor.Position();
  ASSIGN_OR_RETURN(const std::string text, cursor.String("an interval such as '5 minutes'"));
  int64_t number = 0;
  size_t i = 0;
  for (; i < text.size() && text[i] >= '0' && text[i] <= '9' && number < 1'000'000'000; ++i)
    number = number * 10 + (text[i] - '0');
  std::string unit = text.substr(std::min(text.find_first_not_of(' ', i), text.size()));
  for (char& c : unit) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (!unit.empty() && unit.back() == 's' && unit.size() > 1) unit.pop_back();
  const int64_t factor = unit == "second" || unit == "sec" || unit == "s" || unit.empty() ? 1
                         : unit == "minute" || unit == "min" || unit == "m"               ? 60
                         : unit == "hour" || unit == "h"                                  ? 3'600
                         : unit == "day" || unit == "d"                                   ? 86'400
                                                                                          : 0;
  if (i == 0 || factor == 0)
    return cursor.ErrorAt(ErrorCode::kInvalidParameter, position,
                          "interval '" + text + "' is none: it takes a number of seconds, minutes, hours or days");
  return number * factor;
}

Status ParseFlushPolicy(CommandCursor& cursor, CreateTable* command) {
  std::string policy;
  if (cursor.Accept("rows")) {
    ASSIGN_OR_RETURN(const int64_t rows, cursor.Integer("a number of rows"));
    policy = "rows:" + std::to_string(rows);
  }
  if (cursor.Accept("interval")) {
    ASSIGN_OR_RETURN(const int64_t seconds, ParseIntervalSeconds(cursor));
    policy += (policy.empty() ? "interval:" : ",interval:") + std::to_string(seconds);
  }
  if (policy.empty()) return cursor.Unexpected("ROWS or INTERVAL");
  command->options.emplace_back("FLUSH_POLICY", policy);
  return {};
}

Status ParseSelectTail(CommandCursor& cursor, std::string* select) {
  const int64_t position = cursor.Position();
  *select = std::string(cursor.TextToEnd());
  if (select->empty()) return cursor.Unexpected("a SELECT");
  auto parsed = ParseEngineStatement(*select);
  if (parsed.ok() && (*parsed)->query_type() == QueryType::kSelect) return {};
  Error error = parsed.ok() ? Error{ErrorCode::kInvalidSql, "only a query can stand here"} : std::move(parsed).error();
  error.position = error.position > 0 ? error.position + position - 1 : position;
  return error;
}

// What may stand behind the columns, in any order; AS and its SELECT last.
Status ParseTableTail(CommandCursor& cursor, CreateTable* command) {
  while (!cursor.AtEnd()) {
    if (cursor.Accept("with")) {
      ASSIGN_OR_RETURN(OptionList options, cursor.Options());
      for (auto& option : options) command->options.push_back(std::move(option));
    } else if (cursor.Accept("ttl")) {
      ASSIGN_OR_RETURN(const int64_t seconds, cursor.Integer("a number of seconds"));
      command->options.emplace_back("TTL_SECONDS", std::to_string(seconds));
    } else if (cursor.AcceptAll({"flush", "policy"})) {
      RETURN_IF_ERROR(ParseFlushPolicy(cursor, command));
    } else if (cursor.AcceptAll({"using", "type"})) {
      ASSIGN_OR_RETURN(std::string type, cursor.OptionValue());
      command->options.emplace_back("TYPE", std::move(type));
    } else if (cursor.Accept("comment")) {
      cursor.AcceptSymbol("=");
      ASSIGN_OR_RETURN(command->comment, cursor.String("the comment as a string"));
    } else if (cursor.Accept("as")) {
      return ParseSelectTail(cursor, &command->as_select);
    } else {
      return cursor.Unexpected("WITH, TTL, FLUSH POLICY, USING TYPE, COMMENT or AS");
    }
  }
  return {};
}

}  // namespace

Result<Command> ParseCreateTable(CommandCursor& cursor, std::optional<catalog::TableKind> kind) {
  CreateTable command;
  command.kind = kind;
  command.if_not_exists = cursor.AcceptIfNotExists();
  ASSIGN_OR_RETURN(command.name, cursor.QualifiedName("the name of a table"));
  KeyClauses keys;
  const bool has_columns = cursor.AcceptSymbol("(");
  if (has_columns) {
    do {
      ASSIGN_OR_RETURN(const bool constraint, ParseTableConstraint(cursor, &keys, &command));
      if (!constraint) RETURN_IF_ERROR(ParseColumn(cursor, &keys, &command));
    } while (cursor.AcceptSymbol(","));
    RETURN_IF_ERROR(cursor.ExpectSymbol(")"));
    RETURN_IF_ERROR(ApplyKeys(cursor, keys, &command));
  }
  const int64_t tail = cursor.Position();
  RETURN_IF_ERROR(ParseTableTail(cursor, &command));
  if (has_columns && !command.as_select.empty())
    return cursor.ErrorAt(ErrorCode::kUnsupported, tail, "CREATE TABLE … AS takes no list of columns");
  if (!has_columns && command.as_select.empty()) return cursor.Unexpected("a list of columns or AS SELECT");
  return Command(std::move(command));
}

Result<Command> ParseCreateView(CommandCursor& cursor, bool or_replace) {
  CreateView command;
  command.or_replace = or_replace;
  ASSIGN_OR_RETURN(command.name, cursor.QualifiedName("the name of a view"));
  if (cursor.PeekSymbol("("))
    return cursor
        .ErrorAt(ErrorCode::kUnsupported, cursor.Position(), "names of columns behind a view's name are not offered")
        .WithHint("Name them in the SELECT with AS.");
  RETURN_IF_ERROR(cursor.Expect("as"));
  RETURN_IF_ERROR(ParseSelectTail(cursor, &command.select));
  return Command(std::move(command));
}

namespace {

std::string FormatOfPath(const std::string& path) {
  const size_t dot = path.rfind('.');
  std::string ending = dot == std::string::npos ? "" : path.substr(dot + 1);
  for (char& c : ending) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (ending == "ndjson" || ending == "jsonl") ending = "json";
  return ending;
}

Result<OptionList> ParseCopyOptions(CommandCursor& cursor) {
  OptionList options;
  cursor.Accept("with");
  if (cursor.AtEnd()) return options;
  RETURN_IF_ERROR(cursor.ExpectSymbol("("));
  do {
    ASSIGN_OR_RETURN(std::string name, cursor.Name("the name of an option"));
    cursor.AcceptSymbol("=");
    std::string value = "true";
    if (!cursor.PeekSymbol(",") && !cursor.PeekSymbol(")")) {
      ASSIGN_OR_RETURN(value, cursor.OptionValue());
    }
    options.emplace_back(std::move(name), std::move(value));
  } while (cursor.AcceptSymbol(","));
  RETURN_IF_ERROR(cursor.ExpectSymbol(")"));
  return options;
}

}  // namespace

Result<Command> ParseCopy(CommandCursor& cursor) {
  CopyTable command;
  const int64_t position = cursor.Position();
  if (cursor.PeekSymbol("(")) {
    ASSIGN_OR_RETURN(const std::string_view select, cursor.Parenthesized());
    command.select = std::string(select);
    auto parsed = ParseEngineStatement(select);
    if (!parsed.ok()) return std::move(parsed).error().At(position);
    command.from = false;
    RETURN_IF_ERROR(cursor.Expect("to"));
  } else {
    if (cursor.AcceptAll({"from", "database"})) return Command(Unsupported{"COPY FROM DATABASE is not offered", ""});
    ASSIGN_OR_RETURN(command.name, cursor.QualifiedName("the name of a table"));
    if (cursor.PeekSymbol("(")) {
      ASSIGN_OR_RETURN(command.columns, NameList(cursor));
    }
    command.from = cursor.Accept("from");
    if (!command.from) RETURN_IF_ERROR(cursor.Expect("to"));
  }
  ASSIGN_OR_RETURN(command.path, cursor.String("the path of a file as a string"));
  ASSIGN_OR_RETURN(command.options, ParseCopyOptions(cursor));
  command.format = FormatOfPath(command.path);
  for (auto it = command.options.begin(); it != command.options.end();) {
    if (Folded(it->first) == Folded("format")) {
      command.format = FormatOfPath("." + it->second);
      it = command.options.erase(it);
    } else {
      ++it;
    }
  }
  RETURN_IF_ERROR(cursor.ExpectEnd());
  return Command(std::move(command));
}

}  // namespace kalamdb::engine
