// The scanner over canonical SQL text.
#include "catalog/sql_text.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "row/schema.h"

namespace kalamdb::catalog {
namespace {

// Sorted. Of the session's functions those that need no brackets are kSessionWords.
constexpr std::array<std::string_view, 14> kVolatileFunctions = {
    "current_setting", "currval",      "gen_random_uuid", "getvariable", "nextval", "rand",
    "random",          "snowflake_id", "txid_current",    "ulid",        "uuid",    "uuid_v7",
    "uuidv4",          "uuidv7"};
constexpr std::array<std::string_view, 7> kSessionWords = {
    "current_catalog", "current_database", "current_role", "current_schema", "current_user", "session_user", "user"};
static_assert(std::is_sorted(kVolatileFunctions.begin(), kVolatileFunctions.end()));
static_assert(std::is_sorted(kSessionWords.begin(), kSessionWords.end()));

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

std::string FindVolatileCall(std::string_view sql) {
  for (size_t i = 0; i < sql.size();) {
    const SqlPart part = NextPart(sql, i);
    i += part.text.size();
    const bool quoted = part.kind == SqlPart::Kind::kQuotedName;
    if (!quoted && part.kind != SqlPart::Kind::kBareName) continue;
    std::string name = row::FoldName(quoted ? Unquote(part.text) : std::string(part.text));
    const size_t next = sql.find_first_not_of(' ', i);
    const bool called = next != std::string_view::npos && sql[next] == '(';
    if (std::binary_search(kSessionWords.begin(), kSessionWords.end(), name)) return name;
    if (called && std::binary_search(kVolatileFunctions.begin(), kVolatileFunctions.end(), name)) return name;
  }
  return {};
}

bool IsSimpleExpression(std::string_view sql) {
  int depth = 0;
  bool called = false;
  for (size_t i = 0; i < sql.size();) {
    const SqlPart part = NextPart(sql, i);
    if (part.text == "(" && depth++ == 0) {
      if (called) return false;
      called = true;
    }
    if (part.text == ")") --depth;
    const bool operators = part.kind == SqlPart::Kind::kOther && part.text != "(" && part.text != ")";
    // A sign may lead; behind a closed call nothing may follow.
    if (depth == 0 && operators && !(i == 0 && part.text == "-")) return false;
    i += part.text.size();
  }
  return !sql.empty();
}

bool IsIntegerLiteral(std::string_view sql) {
  if (sql.starts_with('-')) sql.remove_prefix(1);
  return !sql.empty() && std::all_of(sql.begin(), sql.end(), [](char c) { return c >= '0' && c <= '9'; });
}

int ColumnIdOf(const SqlPart& part) {
  if (part.kind != SqlPart::Kind::kQuotedName || part.text.size() < 4 || part.text[1] != '#') return 0;
  const std::string_view digits = part.text.substr(2, part.text.size() - 3);
  int id = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
  return error == std::errc() && end == digits.data() + digits.size() && id > 0 ? id : 0;
}

}  // namespace kalamdb::catalog
