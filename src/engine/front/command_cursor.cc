// The steps of the recursive descent.
#include "engine/front/command_cursor.h"

#include <charconv>

namespace kalamdb::engine {

CommandCursor::CommandCursor(const SqlText& sql, size_t begin, size_t end)
    : sql_(sql), begin_(begin), end_(end), next_(begin) {
  const uint32_t last = end > begin ? sql.tokens[end - 1].end : 0;
  end_token_ = Token{TokenKind::kEnd, last, last};
}

int64_t CommandCursor::PositionAt(const Token& at) const {
  return sql_.Position(at.begin) - sql_.Position(sql_.tokens[begin_].begin) + 1;
}

int64_t CommandCursor::Position() const { return PositionAt(token()); }

bool CommandCursor::Accept(std::string_view word) {
  if (!Peek(word)) return false;
  ++next_;
  return true;
}

bool CommandCursor::AcceptAll(std::initializer_list<std::string_view> words) {
  size_t ahead = 0;
  for (const std::string_view word : words) {
    if (!Peek(word, ahead++)) return false;
  }
  next_ += words.size();
  return true;
}

bool CommandCursor::AcceptSymbol(std::string_view symbol) {
  if (!PeekSymbol(symbol)) return false;
  ++next_;
  return true;
}

Status CommandCursor::Expect(std::string_view word) {
  if (!Accept(word)) {
    std::string expected(word);
    for (char& c : expected) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return Unexpected(expected);
  }
  return {};
}

Status CommandCursor::ExpectSymbol(std::string_view symbol) {
  if (!AcceptSymbol(symbol)) return Unexpected("\"" + std::string(symbol) + "\"");
  return {};
}

Status CommandCursor::ExpectEnd() const {
  if (!AtEnd()) return Unexpected();
  return {};
}

Error CommandCursor::Unexpected(std::string_view expected) const {
  const Token& at = token();
  std::string message = at.kind == TokenKind::kEnd ? "syntax error at the end of the statement"
                                                   : "syntax error at or near \"" + std::string(sql_.Raw(at)) + "\"";
  if (!expected.empty()) message += ": expected " + std::string(expected);
  return ErrorAt(ErrorCode::kInvalidSql, PositionAt(at), std::move(message));
}

Error CommandCursor::ErrorAt(ErrorCode code, int64_t position, std::string message) const {
  return Error{code, std::move(message)}.WithHint("").At(position);
}

Result<std::string> CommandCursor::Name(std::string_view what) {
  const Token& at = token();
  if (at.kind == TokenKind::kQuoted ||
      (at.kind == TokenKind::kWord &&
       (!IsReservedWord(sql_.Value(at)) || (sql_.IsWord(at, "default") && PeekSymbol(".", 1))))) {
    ++next_;
    return sql_.Value(at);
  }
  return Unexpected(what);
}

Result<std::string> CommandCursor::NamespaceName() {
  if (Accept("default")) return std::string("default");
  return Name("the name of a namespace");
}

Result<ObjectName> CommandCursor::QualifiedName(std::string_view what) {
  ObjectName name;
  name.position = Position();
  ASSIGN_OR_RETURN(name.name, Name(what));
  if (AcceptSymbol(".")) {
    name.namespace_name = std::move(name.name);
    ASSIGN_OR_RETURN(name.name, Name(what));
    if (PeekSymbol(".")) return Unexpected("a name of two parts at most");
  }
  return name;
}

Result<std::string> CommandCursor::String(std::string_view what) {
  const Token& at = token();
  if (at.kind != TokenKind::kString) return Unexpected(what);
  const char first = sql_.Raw(at).front();
  if (first != '\'' && first != '$') return Unexpected("a plain string");
  ++next_;
  return sql_.Value(at);
}

Result<std::string> CommandCursor::NameOrString(std::string_view what) {
  if (token().kind == TokenKind::kString) return String(what);
  const std::string_view raw = sql_.Raw(token());
  const bool plain = token().kind == TokenKind::kWord;
  ASSIGN_OR_RETURN(std::string value, Name(what));
  return plain ? std::string(raw) : value;
}

Result<int64_t> CommandCursor::Integer(std::string_view what) {
  const std::string_view raw = sql_.Raw(token());
  int64_t value = 0;
  const auto [end, error] = std::from_chars(raw.data(), raw.data() + raw.size(), value);
  if (token().kind != TokenKind::kNumber || error != std::errc() || end != raw.data() + raw.size())
    return Unexpected(what);
  ++next_;
  return value;
}

Result<row::Type> CommandCursor::Type() {
  const int64_t position = Position();
  const size_t first = next_;
  if (token().kind != TokenKind::kWord && token().kind != TokenKind::kQuoted) return Unexpected("a type");
  std::string text = Value();
  ++next_;
  if (Accept("precision")) text += " precision";
  if (Accept("varying")) text += " varying";
  if (PeekSymbol("(")) {
    ASSIGN_OR_RETURN(const std::string_view arguments, Parenthesized());
    text += "(" + std::string(arguments) + ")";
  }
  if (AcceptAll({"with", "time", "zone"})) text += " with time zone";
  if (AcceptAll({"without", "time", "zone"})) text += " without time zone";
  while (PeekSymbol("[") || PeekSymbol("[]")) {
    while (!AtEnd() && !PeekSymbol("]") && !PeekSymbol("[]")) text += sql_.Raw(sql_.tokens[next_++]);
    if (AtEnd()) return Unexpected("\"]\"");
    text += sql_.Raw(sql_.tokens[next_++]);
  }
  const bool nested = text.ends_with("[]") || sql_.IsWord(sql_.tokens[first], "struct") ||
                      sql_.IsWord(sql_.tokens[first], "map") || sql_.IsWord(sql_.tokens[first], "union") ||
                      sql_.IsWord(sql_.tokens[first], "enum");
  if (nested) return ErrorAt(ErrorCode::kUnsupported, position, "type " + text + " is not offered for a column");
  if (Peek("array")) {
    next_ = first;
    return ErrorAt(ErrorCode::kUnsupported, position, "type " + text + " ARRAY is not offered");
  }
  Result<row::Type> type = row::ParseType(text);
  if (!type.ok()) return std::move(type).error().At(position);
  return type;
}

Result<std::string> CommandCursor::OptionValue() {
  const Token& at = token();
  if (at.kind == TokenKind::kString) return String("a value");
  if (PeekSymbol("-") && token(1).kind == TokenKind::kNumber) {
    ++next_;
    return "-" + std::string(sql_.Raw(sql_.tokens[next_++]));
  }
  if (at.kind != TokenKind::kWord && at.kind != TokenKind::kNumber && at.kind != TokenKind::kQuoted)
    return Unexpected("a value");
  ++next_;
  return sql_.Value(at);
}

Result<OptionList> CommandCursor::Options() {
  RETURN_IF_ERROR(ExpectSymbol("("));
  OptionList options;
  do {
    const Token& at = token();
    if (at.kind != TokenKind::kWord && at.kind != TokenKind::kQuoted) return Unexpected("the name of an option");
    std::string name = sql_.Value(at);
    ++next_;
    RETURN_IF_ERROR(ExpectSymbol("="));
    ASSIGN_OR_RETURN(std::string value, OptionValue());
    options.emplace_back(std::move(name), std::move(value));
  } while (AcceptSymbol(","));
  RETURN_IF_ERROR(ExpectSymbol(")"));
  return options;
}

std::string_view CommandCursor::TextBetween(size_t first, size_t end) const {
  if (first >= end) return {};
  const uint32_t from = sql_.tokens[first].begin;
  return std::string_view(sql_.text).substr(from, sql_.tokens[end - 1].end - from);
}

std::string_view CommandCursor::TextUntil(const std::function<bool(const CommandCursor&)>& stop) {
  const size_t first = next_;
  int depth = 0;
  while (!AtEnd()) {
    if (depth == 0 && next_ > first && stop(*this)) break;
    if (PeekSymbol("(") || PeekSymbol("[")) ++depth;
    if (PeekSymbol(")") || PeekSymbol("]")) {
      if (depth == 0) break;
      --depth;
    }
    ++next_;
  }
  return TextBetween(first, next_);
}

std::string_view CommandCursor::TextToEnd() {
  const size_t first = next_;
  next_ = end_;
  return TextBetween(first, end_);
}

Result<std::string_view> CommandCursor::Parenthesized() {
  RETURN_IF_ERROR(ExpectSymbol("("));
  if (PeekSymbol(")")) return Unexpected();
  const std::string_view text = TextUntil([](const CommandCursor&) { return false; });
  RETURN_IF_ERROR(ExpectSymbol(")"));
  return text;
}

}  // namespace kalamdb::engine
