// The scanner over canonical SQL text.
#include "catalog/sql_text.h"

#include <charconv>

namespace kalamdb::catalog {
namespace {

bool IsNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
bool IsNameByte(char c) { return IsNameStart(c) || (c >= '0' && c <= '9') || c == '$'; }

// Behind the closing quote; a doubled quote is part of the text.
size_t EndOfQuoted(std::string_view sql, size_t begin) {
  const char quote = sql[begin];
  size_t i = begin + 1;
  for (; i < sql.size(); ++i) {
    if (sql[i] != quote) continue;
    if (i + 1 < sql.size() && sql[i + 1] == quote) {
      ++i;
    } else {
      return i + 1;
    }
  }
  return i;
}

}  // namespace

SqlPart NextPart(std::string_view sql, size_t begin) {
  const char first = sql[begin];
  SqlPart part;
  part.begin = begin;
  size_t end = begin + 1;
  if (first == '\'' || first == '"') {
    part.kind = first == '"' ? SqlPart::Kind::kQuotedName : SqlPart::Kind::kLiteral;
    end = EndOfQuoted(sql, begin);
  } else if (IsNameStart(first)) {
    part.kind = SqlPart::Kind::kBareName;
    while (end < sql.size() && IsNameByte(sql[end])) ++end;
  } else if (first >= '0' && first <= '9') {
    // A number with its exponent is one part: the e of 1e5 is no name.
    part.kind = SqlPart::Kind::kLiteral;
    while (end < sql.size() && (IsNameByte(sql[end]) || sql[end] == '.')) ++end;
  }
  part.text = sql.substr(begin, end - begin);
  return part;
}

std::string Unquote(std::string_view quoted) {
  std::string name;
  for (size_t i = 1; i + 1 < quoted.size(); ++i) {
    name += quoted[i];
    if (quoted[i] == '"') ++i;
  }
  return name;
}

int ColumnIdOf(const SqlPart& part) {
  if (part.kind != SqlPart::Kind::kQuotedName || part.text.size() < 4 || part.text[1] != '#') return 0;
  const std::string_view digits = part.text.substr(2, part.text.size() - 3);
  int id = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
  return error == std::errc() && end == digits.data() + digits.size() && id > 0 ? id : 0;
}

}  // namespace kalamdb::catalog
