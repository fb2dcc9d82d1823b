// Cuts a text with the engine's tokenizer and finds where each token ends (the tokenizer only says where it starts).
#include "engine/front/tokens.h"

#include <algorithm>

#include "duckdb.hpp"
#include "duckdb/parser/parser.hpp"

namespace kalamdb::engine {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'; }

bool IsWordByte(char c) {
  const auto u = static_cast<unsigned char>(c);
  return u >= 0x80 || c == '_' || c == '$' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
         (c >= 'A' && c <= 'Z');
}

char LowerAscii(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// Bytes of the UTF-8 character at the front, 0 where it is none.
size_t CharacterBytes(std::string_view text) {
  const auto at = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const unsigned first = at(0);
  if (first < 0x80) return 1;
  const size_t bytes = first >= 0xc2 && first <= 0xdf   ? 2
                       : first >= 0xe0 && first <= 0xef ? 3
                       : first >= 0xf0 && first <= 0xf4 ? 4
                                                        : 0;
  if (bytes == 0) return 0;
  for (size_t i = 1; i < bytes; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
  }
  const unsigned second = at(1);
  if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) || (first == 0xf0 && second < 0x90) ||
      (first == 0xf4 && second > 0x8f))
    return 0;
  return bytes;
}

// The first byte that is no UTF-8, or npos.
size_t FindInvalidUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    if (static_cast<unsigned char>(text[i]) < 0x80) {
      ++i;
      continue;
    }
    const size_t bytes = CharacterBytes(text.substr(i));
    if (bytes == 0) return i;
    i += bytes;
  }
  return std::string_view::npos;
}

// Behind the closing quote of what starts at `begin`; npos where there is none. `backslash`: E'…'.
size_t EndOfQuoted(std::string_view text, size_t begin, char quote, bool backslash) {
  for (size_t i = begin + 1; i < text.size(); ++i) {
    if (backslash && text[i] == '\\') {
      ++i;
    } else if (text[i] == quote) {
      if (i + 1 < text.size() && text[i + 1] == quote) {
        ++i;
      } else {
        return i + 1;
      }
    }
  }
  return std::string_view::npos;
}

size_t EndOfDollarQuoted(std::string_view text, size_t begin) {
  const size_t tag_end = text.find('$', begin + 1);
  if (tag_end == std::string_view::npos) return tag_end;
  const std::string_view tag = text.substr(begin, tag_end - begin + 1);
  const size_t close = text.find(tag, tag_end + 1);
  return close == std::string_view::npos ? close : close + tag.size();
}

// Behind blanks and comments from `i`; npos in front of a comment that does not end.
size_t SkipBlanks(std::string_view text, size_t i) {
  while (i < text.size()) {
    if (IsBlank(text[i])) {
      ++i;
    } else if (text.substr(i, 2) == "--") {
      i = std::min(text.find_first_of("\r\n", i), text.size());
    } else if (text.substr(i, 2) == "/*") {
      size_t depth = 0;
      do {
        if (text.substr(i, 2) == "/*") {
          ++depth;
          i += 2;
        } else if (text.substr(i, 2) == "*/") {
          --depth;
          i += 2;
        } else if (++i >= text.size()) {
          return std::string_view::npos;
        }
      } while (depth > 0);
    } else {
      break;
    }
  }
  return i;
}

Error SyntaxError(std::string_view text, size_t offset, std::string message) {
  return Error{ErrorCode::kInvalidSql, std::move(message)}.WithHint("").At(PositionOf(text, offset));
}

// The end and kind of the token at `begin`; the next one starts at `limit`.
Token Classify(std::string_view text, duckdb::SimplifiedTokenType type, size_t begin, size_t limit) {
  Token token{TokenKind::kSymbol, static_cast<uint32_t>(begin), static_cast<uint32_t>(limit)};
  const char first = text[begin];
  const auto word_end = [&](size_t from) {
    while (from < limit && IsWordByte(text[from])) ++from;
    return static_cast<uint32_t>(from);
  };
  const auto set_end = [&](size_t end) {
    token.end = static_cast<uint32_t>(end == std::string_view::npos ? limit : end);
  };
  using Type = duckdb::SimplifiedTokenType;
  if (type == Type::SIMPLIFIED_TOKEN_STRING_CONSTANT) {
    token.kind = TokenKind::kString;
    if (first == '$') {
      set_end(EndOfDollarQuoted(text, begin));
    } else {
      const size_t quote = text.find('\'', begin);
      set_end(EndOfQuoted(text, quote, '\'', LowerAscii(first) == 'e'));
    }
  } else if (first == '"') {
    token.kind = TokenKind::kQuoted;
    set_end(EndOfQuoted(text, begin, '"', false));
  } else if (type == Type::SIMPLIFIED_TOKEN_NUMERIC_CONSTANT) {
    token.kind = TokenKind::kNumber;
    while (token.end > begin && !IsWordByte(text[token.end - 1]) && text[token.end - 1] != '.') --token.end;
    const size_t blank = text.substr(begin, token.end - begin).find_first_of(" \t\r\n\f\v-/");
    if (blank != std::string_view::npos && (text[begin + blank] != '-' || LowerAscii(text[begin + blank - 1]) != 'e'))
      set_end(begin + blank);
  } else if (first == '$' || first == '?') {
    token.kind = TokenKind::kParameter;
    token.end = word_end(begin + 1);
  } else if (IsWordByte(first)) {
    token.kind = TokenKind::kWord;
    token.end = word_end(begin + 1);
  } else {
    size_t end = begin + 1;
    while (end < limit && !IsBlank(text[end]) && !IsWordByte(text[end]) && text.substr(end, 2) != "--" &&
           text.substr(end, 2) != "/*")
      ++end;
    token.end = static_cast<uint32_t>(end);
  }
  return token;
}

std::string UnquoteDoubled(std::string_view inside, char quote) {
  std::string value;
  value.reserve(inside.size());
  for (size_t i = 0; i < inside.size(); ++i) {
    value += inside[i];
    if (inside[i] == quote) ++i;
  }
  return value;
}

}  // namespace

std::string SqlText::Value(const Token& token) const {
  const std::string_view raw = Raw(token);
  switch (token.kind) {
    case TokenKind::kWord: {
      std::string value(raw);
      std::transform(value.begin(), value.end(), value.begin(), LowerAscii);
      return value;
    }
    case TokenKind::kQuoted: return UnquoteDoubled(raw.substr(1, raw.size() - 2), '"');
    case TokenKind::kString: {
      if (raw.front() == '$') {
        const size_t tag = raw.find('$', 1) + 1;
        return std::string(raw.substr(tag, raw.size() - 2 * tag));
      }
      const size_t quote = raw.find('\'');
      return UnquoteDoubled(raw.substr(quote + 1, raw.size() - quote - 2), '\'');
    }
    default: return std::string(raw);
  }
}

bool SqlText::IsWord(const Token& token, std::string_view lower_case_word) const {
  if (token.kind != TokenKind::kWord || token.end - token.begin != lower_case_word.size()) return false;
  const std::string_view raw = Raw(token);
  return std::equal(raw.begin(), raw.end(), lower_case_word.begin(), [](char a, char b) { return LowerAscii(a) == b; });
}

int64_t SqlText::Position(size_t offset) const {
  offset = std::min(offset, text.size());
  if (counted.empty()) return static_cast<int64_t>(offset) + 1;
  const size_t block = offset / kCountedBytes, start = block * kCountedBytes;
  return counted[block] + PositionOf(std::string_view(text).substr(start), offset - start);
}

namespace {

// The counts of SqlText::counted.
std::vector<uint32_t> CountCharacters(std::string_view text) {
  if (std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; })) return {};
  std::vector<uint32_t> counts = {0};
  for (size_t start = 0; start + SqlText::kCountedBytes <= text.size(); start += SqlText::kCountedBytes) {
    const std::string_view block = text.substr(start, SqlText::kCountedBytes);
    counts.push_back(counts.back() + static_cast<uint32_t>(PositionOf(block, block.size()) - 1));
  }
  return counts;
}

}  // namespace

Result<SqlText> Tokenize(std::string_view sql) {
  SqlText result;
  if (const size_t bad = FindInvalidUtf8(sql); bad != std::string_view::npos)
    return SyntaxError(sql.substr(0, bad), bad, "the text is no valid UTF-8");
  if (const size_t zero = sql.find('\0'); zero != std::string_view::npos)
    return SyntaxError(sql, zero, "the text holds a zero byte");
  result.text = std::string(sql);
  duckdb::vector<duckdb::SimplifiedToken> cut;
  try {
    if (std::string plain; duckdb::Parser::StripUnicodeSpaces(result.text, plain)) result.text = std::move(plain);
    cut = duckdb::Parser::Tokenize(result.text);
  } catch (const std::exception& e) {
    return SyntaxError(sql, 0, duckdb::ErrorData(e).RawMessage());
  }
  const std::string_view text = result.text;
  result.counted = CountCharacters(text);
  result.tokens.reserve(cut.size() + 1);
  size_t end = 0;
  for (size_t i = 0; i < cut.size(); ++i) {
    const size_t limit = i + 1 < cut.size() ? cut[i + 1].start : text.size();
    result.tokens.push_back(Classify(text, cut[i].type, cut[i].start, limit));
    end = result.tokens.back().end;
  }
  // What the tokenizer gave up on lies behind its last token.
  const size_t rest = SkipBlanks(text, end);
  if (rest == std::string_view::npos) return SyntaxError(text, text.find("/*", end), "the comment does not end");
  if (rest < text.size()) {
    const char c = text[rest];
    const bool empty = text.substr(rest).starts_with("\"\"");
    const std::string what = c == '"' && empty       ? "a quoted name is empty"
                             : c == '"'              ? "the quoted name does not end"
                             : c == '\'' || c == '$' ? "the string does not end"
                                                     : "syntax error";
    return SyntaxError(text, rest, what);
  }
  result.tokens.push_back({TokenKind::kEnd, static_cast<uint32_t>(text.size()), static_cast<uint32_t>(text.size())});
  return result;
}

int64_t PositionOf(std::string_view text, size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  return 1 + std::count_if(before.begin(), before.end(),
                           [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
}

bool IsReservedWord(const std::string& word) {
  return duckdb::Parser::IsKeyword(word) == duckdb::KeywordCategory::KEYWORD_RESERVED;
}

}  // namespace kalamdb::engine
