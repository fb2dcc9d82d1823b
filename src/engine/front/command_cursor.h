// Reads the tokens of one statement from left to right: what the recursive descent of our own commands is made of.
//
// One thread's. Positions in errors are characters from 1 within the statement.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/error.h"
#include "engine/command.h"
#include "engine/front/tokens.h"
#include "row/type.h"

namespace kalamdb::engine {

class CommandCursor {
 public:
  // Tokens [begin, end) of `sql`, which must outlive this.
  CommandCursor(const SqlText& sql, size_t begin, size_t end);

  bool AtEnd() const { return next_ >= end_; }
  size_t index() const { return next_; }
  const Token& token(size_t ahead = 0) const { return next_ + ahead < end_ ? sql_.tokens[next_ + ahead] : end_token_; }
  void Skip() { ++next_; }
  int64_t Position() const;  // of the next token
  int64_t PositionOfToken(size_t index) const { return PositionAt(sql_.tokens[index]); }

  bool Peek(std::string_view word, size_t ahead = 0) const { return sql_.IsWord(token(ahead), word); }
  bool PeekSymbol(std::string_view symbol, size_t ahead = 0) const { return sql_.IsSymbol(token(ahead), symbol); }
  bool Accept(std::string_view word);
  bool AcceptAll(std::initializer_list<std::string_view> words);  // all of them or none
  bool AcceptSymbol(std::string_view symbol);
  Status Expect(std::string_view word);
  Status ExpectSymbol(std::string_view symbol);
  Status ExpectEnd() const;

  // Errors of all: kInvalidSql at the token that is none.
  Result<std::string> Name(std::string_view what);          // a quoted name or a word that is not reserved
  Result<std::string> NamespaceName();                      // a name, or the word DEFAULT
  Result<ObjectName> QualifiedName(std::string_view what);  // [ns.]name
  Result<std::string> String(std::string_view what);
  Result<std::string> NameOrString(std::string_view what);  // spelling kept
  Result<int64_t> Integer(std::string_view what);
  Result<row::Type> Type();
  // A name, number, string or word as the value of an option.
  Result<std::string> OptionValue();
  Result<OptionList> Options();  // ( k = v, … )
  bool AcceptIfExists() { return AcceptAll({"if", "exists"}); }
  bool AcceptIfNotExists() { return AcceptAll({"if", "not", "exists"}); }

  // The tokens from here up to the first one at depth 0 for which stop says true, or the end, or a closing parenthesis
  // that was not opened here. The first token is taken without asking.
  std::string_view TextUntil(const std::function<bool(const CommandCursor&)>& stop);
  std::string_view TextToEnd();
  // What stands between ( and its ). Errors: kInvalidSql.
  Result<std::string_view> Parenthesized();

  Error Unexpected(std::string_view expected = "") const;
  Error ErrorAt(ErrorCode code, int64_t position, std::string message) const;
  const SqlText& sql() const { return sql_; }
  std::string Value(size_t ahead = 0) const { return sql_.Value(token(ahead)); }

 private:
  std::string_view TextBetween(size_t first, size_t end) const;
  int64_t PositionAt(const Token& token) const;

  const SqlText& sql_;
  const size_t begin_, end_;
  size_t next_;
  Token end_token_;
};

}  // namespace kalamdb::engine
