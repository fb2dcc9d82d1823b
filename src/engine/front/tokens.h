// The tokens of a SQL text, as the engine's own tokenizer cuts them, with the text each stands for.
//
// Positions of tokens are bytes of SqlText::text; messages count characters from 1 (PositionOf). Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace kalamdb::engine {

enum class TokenKind : uint8_t {
  kWord,    // unquoted identifier or keyword
  kQuoted,  // "identifier"
  kString,  // 'text', E'text', $$text$$, x'00'
  kNumber,
  kParameter,  // $1, ?
  kSymbol,     // anything else: one or more characters
  kEnd,        // behind the last one
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  uint32_t begin = 0, end = 0;
};

// A text and its tokens; comments and blanks are in none. Immutable once made.
struct SqlText {
  std::string text;  // unusual blanks of Unicode are plain ones here, each still one character
  std::vector<Token> tokens;
  // Characters before byte 0, kCountedBytes, 2 * kCountedBytes …; none where each byte is a character.
  static constexpr size_t kCountedBytes = 1'024;
  std::vector<uint32_t> counted;

  // Characters from 1 of the byte at `offset`: as PositionOf, at once wherever it lies.
  int64_t Position(size_t offset) const;

  std::string_view Raw(const Token& token) const {
    return std::string_view(text).substr(token.begin, token.end - token.begin);
  }
  // What it means: a word in lower case, a quoted name without its quotes, a string's content.
  std::string Value(const Token& token) const;
  // kWord equal to `lower_case_word`.
  bool IsWord(const Token& token, std::string_view lower_case_word) const;
  bool IsSymbol(const Token& token, std::string_view symbol) const {
    return token.kind == TokenKind::kSymbol && Raw(token) == symbol;
  }
};

// Errors: kInvalidSql with position: no valid UTF-8, a string, name or comment that does not end.
Result<SqlText> Tokenize(std::string_view sql);

// Characters from 1 of the byte at `offset`.
int64_t PositionOf(std::string_view text, size_t offset);

// True where a bare word cannot be a name (a reserved word of the engine). REQUIRES: lower case.
bool IsReservedWord(const std::string& word);

}  // namespace kalamdb::engine
