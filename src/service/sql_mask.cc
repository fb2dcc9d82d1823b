// The scanner that finds literals and comments.
#include "service/sql_mask.h"

#include <algorithm>
#include <cctype>

namespace kalamdb::service {
namespace {

bool IsWord(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Behind the closing quote; a doubled quote does not close.
size_t EndOfQuoted(std::string_view sql, size_t at, char quote, bool backslash) {
  for (++at; at < sql.size(); ++at) {
    if (backslash && sql[at] == '\\') {
      ++at;
    } else if (sql[at] == quote) {
      if (at + 1 >= sql.size() || sql[at + 1] != quote) return at + 1;
      ++at;
    }
  }
  return sql.size();
}

// Of $tag$ … $tag$; `at` itself where none begins here.
size_t EndOfDollarQuoted(std::string_view sql, size_t at) {
  size_t tag = at + 1;
  if (tag < sql.size() && IsDigit(sql[tag])) return at;  // a parameter
  while (tag < sql.size() && IsWord(sql[tag])) ++tag;
  if (tag >= sql.size() || sql[tag] != '$') return at;
  const size_t close = sql.find(sql.substr(at, tag + 1 - at), tag + 1);
  return close == std::string_view::npos ? sql.size() : close + (tag + 1 - at);
}

size_t EndOfBlockComment(std::string_view sql, size_t at) {
  int depth = 0;
  while (at < sql.size()) {
    if (sql.substr(at, 2) == "/*") {
      ++depth;
      at += 2;
    } else if (sql.substr(at, 2) == "*/") {
      at += 2;
      if (--depth == 0) return at;
    } else {
      ++at;
    }
  }
  return at;
}

size_t EndOfNumber(std::string_view sql, size_t at) {
  while (at < sql.size() && (IsWord(sql[at]) || sql[at] == '.')) ++at;
  return at;
}

}  // namespace

std::string MaskSql(std::string_view sql) {
  std::string out;
  size_t at = 0;
  while (at < sql.size() && out.size() < kMaskedSqlBytes) {
    const char c = sql[at];
    if (std::isspace(static_cast<unsigned char>(c)) != 0) {
      if (!out.empty() && out.back() != ' ') out += ' ';
      ++at;
    } else if (sql.substr(at, 2) == "--") {
      at = std::min(sql.find('\n', at), sql.size());
    } else if (sql.substr(at, 2) == "/*") {
      at = EndOfBlockComment(sql, at);
    } else if (c == '\'') {
      const bool escapes = at > 0 && (sql[at - 1] == 'e' || sql[at - 1] == 'E');
      at = EndOfQuoted(sql, at, '\'', escapes);
      out += '?';
    } else if (c == '"') {
      const size_t end = EndOfQuoted(sql, at, '"', false);
      out += sql.substr(at, end - at);
      at = end;
    } else if (c == '$' && EndOfDollarQuoted(sql, at) != at) {
      at = EndOfDollarQuoted(sql, at);
      out += '?';
    } else if (IsDigit(c) && !(at > 0 && (IsWord(sql[at - 1]) || sql[at - 1] == '$'))) {
      at = EndOfNumber(sql, at);
      out += '?';
    } else if (IsWord(c) || c == '$') {
      do {
        out += sql[at++];
      } while (at < sql.size() && IsWord(sql[at]));
    } else {
      out += c;
      ++at;
    }
  }
  if (at < sql.size()) out += "…";
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

}  // namespace kalamdb::service
