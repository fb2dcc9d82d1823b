// Canonical SQL text, cut into the parts where a column can stand and those where none can.
//
// Works on text the engine has printed (never on what a client wrote): quotes are closed, there are no comments. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kalamdb::catalog {

// One part of the text, in order and without a gap.
struct SqlPart {
  enum class Kind { kOther, kLiteral, kBareName, kQuotedName };
  Kind kind = Kind::kOther;
  std::string_view text;  // as it stands, with quotes
  size_t begin = 0;
};

// The part that starts at `begin`. REQUIRES: begin < sql.size().
SqlPart NextPart(std::string_view sql, size_t begin);

// What a kQuotedName says: `"a""b"` → a"b.
std::string Unquote(std::string_view quoted);

// The function that makes this expression give another value for each row or session ("snowflake_id"), empty where none
// does. NOW() and the like are not among them: they are one value for a statement.
std::string FindVolatileCall(std::string_view sql);

// `5`, `'a'`, `now()`: can stand behind DEFAULT without brackets.
bool IsSimpleExpression(std::string_view sql);

// `5`, `-12`.
bool IsIntegerLiteral(std::string_view sql);

// The column id in a quoted name of a stored expression (`"#12"` → 12), 0 for any other part.
int ColumnIdOf(const SqlPart& part);

}  // namespace kalamdb::catalog
