// The grammar of our own statements (engine/command.h), by recursive descent over the tokens of one statement.
//
// Files: command_parser.cc (which statement is it, namespaces, users, jobs …), command_table.cc (CREATE TABLE, views),
// command_alter.cc (ALTER TABLE, COMMENT ON). Pure, thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/error.h"
#include "engine/command.h"
#include "engine/front/command_cursor.h"

namespace kalamdb::engine {

// Parses tokens [begin, end) as a statement of its own: for EXECUTE AS.
using InnerParser = std::function<Result<std::shared_ptr<const ParsedStatement>>(size_t begin, size_t end)>;

// nullopt: not ours, the engine's parser may know it. Errors: kInvalidSql: the text is wrong; any other code: the text
// is a statement, and this is what executing it answers.
Result<std::optional<Command>> ParseCommand(CommandCursor& cursor, const InnerParser& inner);

Result<Command> ParseCreateTable(CommandCursor& cursor, std::optional<catalog::TableKind> kind);  // behind TABLE
Result<Command> ParseCreateView(CommandCursor& cursor, bool or_replace);                          // behind VIEW
Result<Command> ParseAlterTable(CommandCursor& cursor, std::optional<catalog::TableKind> kind);   // behind TABLE
Result<Command> ParseCommentOn(CommandCursor& cursor);                                            // behind COMMENT
Result<Command> ParseCopy(CommandCursor& cursor);                                                 // behind COPY

// USER, SHARED or STREAM in front of TABLE; moves behind TABLE where it is one. nullopt: neither stands here.
struct TableKeyword {
  std::optional<catalog::TableKind> kind;
};
std::optional<TableKeyword> AcceptTableKeyword(CommandCursor& cursor);

// True where a clause of a column or an action begins: the end of a DEFAULT expression.
bool AtColumnClause(const CommandCursor& cursor);

}  // namespace kalamdb::engine
