// ALTER TABLE and COMMENT ON: all actions of docs/schema-evolution.md.
#include "engine/front/command_parser.h"
#include "engine/front/expression_text.h"

namespace kalamdb::engine {
namespace {

using catalog::AlterAction;
using Kind = AlterAction::Kind;

Result<std::string> ParseDefaultText(CommandCursor& cursor) {
  const int64_t position = cursor.Position();
  const std::string_view text =
      cursor.TextUntil([](const CommandCursor& at) { return at.PeekSymbol(",") || AtColumnClause(at); });
  if (text.empty()) return cursor.Unexpected("an expression");
  auto canonical = CanonicalDefault(text);
  if (!canonical.ok()) return std::move(canonical).error().At(position);
  return canonical;
}

bool AtActionEnd(const CommandCursor& cursor) { return cursor.AtEnd() || cursor.PeekSymbol(","); }

Status ParseAddClauses(CommandCursor& cursor, AlterAction* action) {
  while (!AtActionEnd(cursor)) {
    const int64_t position = cursor.Position();
    if (cursor.AcceptAll({"not", "null"})) {
      action->nullable = false;
    } else if (cursor.Accept("null")) {
      action->nullable = true;
    } else if (cursor.Accept("default")) {
      ASSIGN_OR_RETURN(action->default_sql, ParseDefaultText(cursor));
    } else if (cursor.Accept("comment")) {
      ASSIGN_OR_RETURN(action->comment, cursor.String("the comment as a string"));
    } else if (cursor.Peek("check") || cursor.Peek("unique") || cursor.Peek("primary") || cursor.Peek("references") ||
               cursor.Peek("generated") || cursor.Peek("constraint") || cursor.Peek("collate")) {
      const std::string word(cursor.sql().Raw(cursor.token()));
      return cursor.ErrorAt(ErrorCode::kUnsupported, position, word + " is not offered in ADD COLUMN")
          .WithHint("NOT NULL, DEFAULT and COMMENT are.");
    } else if (cursor.Peek("auto_increment") || cursor.Peek("autoincrement")) {
      action->default_sql = "SNOWFLAKE_ID()";
      cursor.Skip();
    } else if (cursor.Peek("first") || cursor.Peek("after")) {
      return cursor.ErrorAt(ErrorCode::kUnsupported, position, "an added column stands last");
    } else {
      return cursor.Unexpected("NOT NULL, DEFAULT or COMMENT");
    }
  }
  return {};
}

Result<AlterAction> ParseAdd(CommandCursor& cursor) {
  AlterAction action;
  action.kind = Kind::kAddColumn;
  const int64_t position = cursor.Position();
  for (const char* word : {"constraint", "check", "primary", "unique", "foreign"}) {
    if (cursor.Peek(word) && !cursor.Peek("column"))
      return cursor.ErrorAt(ErrorCode::kUnsupported, position, "ADD CONSTRAINT is not offered yet");
  }
  cursor.Accept("column");
  action.if_not_exists = cursor.AcceptIfNotExists();
  ASSIGN_OR_RETURN(action.column, cursor.Name("the name of a column"));
  if (cursor.Accept("serial") || cursor.Accept("bigserial")) {
    action.type = row::Type::Of(row::TypeKind::kBigInt);
    action.default_sql = "SNOWFLAKE_ID()";
  } else {
    ASSIGN_OR_RETURN(action.type, cursor.Type());
  }
  RETURN_IF_ERROR(ParseAddClauses(cursor, &action));
  return action;
}

Result<AlterAction> ParseDropAction(CommandCursor& cursor) {
  AlterAction action;
  if (cursor.Accept("constraint")) {
    action.kind = Kind::kDropConstraint;
    action.if_exists = cursor.AcceptIfExists();
    ASSIGN_OR_RETURN(action.column, cursor.Name("the name of a constraint"));
    cursor.Accept("restrict");
    return action;
  }
  action.kind = Kind::kDropColumn;
  cursor.Accept("column");
  action.if_exists = cursor.AcceptIfExists();
  ASSIGN_OR_RETURN(action.column, cursor.Name("the name of a column"));
  action.cascade = cursor.Accept("cascade");
  if (!action.cascade) cursor.Accept("restrict");
  return action;
}

Result<AlterAction> ParseModify(CommandCursor& cursor) {
  AlterAction action;
  action.kind = Kind::kModifyColumn;
  cursor.Accept("column");
  ASSIGN_OR_RETURN(action.column, cursor.Name("the name of a column"));
  ASSIGN_OR_RETURN(action.type, cursor.Type());
  if (cursor.AcceptAll({"not", "null"})) {
    action.nullable = false;
  } else if (cursor.Accept("null")) {
    action.nullable = true;
  }
  return action;
}

Result<AlterAction> ParseAlterColumn(CommandCursor& cursor) {
  AlterAction action;
  cursor.Accept("column");
  ASSIGN_OR_RETURN(action.column, cursor.Name("the name of a column"));
  if (cursor.Accept("type") || cursor.AcceptAll({"set", "data", "type"})) {
    action.kind = Kind::kSetType;
    ASSIGN_OR_RETURN(action.type, cursor.Type());
    if (cursor.Peek("using"))
      return cursor.ErrorAt(ErrorCode::kUnsupported, cursor.Position(), "ALTER COLUMN TYPE … USING is not offered")
          .WithHint("Add a column, UPDATE it, drop the old one.");
  } else if (cursor.AcceptAll({"set", "default"})) {
    action.kind = Kind::kSetDefault;
    ASSIGN_OR_RETURN(action.default_sql, ParseDefaultText(cursor));
    if (action.default_sql.empty()) action.kind = Kind::kDropDefault;
  } else if (cursor.AcceptAll({"drop", "default"})) {
    action.kind = Kind::kDropDefault;
  } else if (cursor.AcceptAll({"set", "not", "null"})) {
    action.kind = Kind::kSetNotNull;
  } else if (cursor.AcceptAll({"drop", "not", "null"})) {
    action.kind = Kind::kDropNotNull;
  } else {
    return cursor.Unexpected("TYPE, SET DEFAULT, DROP DEFAULT, SET NOT NULL or DROP NOT NULL");
  }
  return action;
}

Result<AlterAction> ParseRename(CommandCursor& cursor) {
  AlterAction action;
  if (cursor.Accept("to")) {
    action.kind = Kind::kRenameTable;
    ASSIGN_OR_RETURN(action.new_name, cursor.Name("a new name"));
    if (cursor.PeekSymbol("."))
      return cursor.ErrorAt(ErrorCode::kUnsupported, cursor.Position(), "a table stays in its namespace");
    return action;
  }
  action.kind = Kind::kRenameColumn;
  cursor.Accept("column");
  ASSIGN_OR_RETURN(action.column, cursor.Name("the name of a column"));
  RETURN_IF_ERROR(cursor.Expect("to"));
  ASSIGN_OR_RETURN(action.new_name, cursor.Name("a new name"));
  return action;
}

Result<AlterAction> ParseAction(CommandCursor& cursor) {
  if (cursor.Accept("add")) return ParseAdd(cursor);
  if (cursor.Accept("drop")) return ParseDropAction(cursor);
  if (cursor.Accept("modify")) return ParseModify(cursor);
  if (cursor.Accept("alter")) return ParseAlterColumn(cursor);
  if (cursor.Accept("rename")) return ParseRename(cursor);
  if (cursor.Accept("set")) {
    AlterAction action;
    action.kind = Kind::kSetOptions;
    cursor.Accept("tblproperties");
    cursor.Accept("options");
    ASSIGN_OR_RETURN(action.options, cursor.Options());
    return action;
  }
  return cursor.Unexpected("ADD, DROP, MODIFY, ALTER, RENAME or SET");
}

}  // namespace

bool AtColumnClause(const CommandCursor& cursor) {
  for (const char* word :
       {"not", "null", "comment", "primary", "unique", "check", "default", "references", "constraint", "generated",
        "auto_increment", "autoincrement", "collate", "first", "after", "restrict", "cascade"}) {
    if (cursor.Peek(word)) return true;
  }
  return false;
}

Result<Command> ParseAlterTable(CommandCursor& cursor, std::optional<catalog::TableKind> kind) {
  AlterTable command;
  command.kind = kind;
  command.if_exists = cursor.AcceptIfExists();
  ASSIGN_OR_RETURN(command.name, cursor.QualifiedName("the name of a table"));
  do {
    ASSIGN_OR_RETURN(AlterAction action, ParseAction(cursor));
    command.actions.push_back(std::move(action));
  } while (cursor.AcceptSymbol(","));
  RETURN_IF_ERROR(cursor.ExpectEnd());
  return Command(std::move(command));
}

Result<Command> ParseCommentOn(CommandCursor& cursor) {
  RETURN_IF_ERROR(cursor.Expect("on"));
  AlterTable command;
  AlterAction action;
  if (cursor.Accept("table")) {
    action.kind = Kind::kCommentTable;
    ASSIGN_OR_RETURN(command.name, cursor.QualifiedName("the name of a table"));
  } else if (cursor.Accept("column")) {
    action.kind = Kind::kCommentColumn;
    command.name.position = cursor.Position();
    std::vector<std::string> parts;
    do {
      ASSIGN_OR_RETURN(std::string part, parts.empty() ? cursor.NamespaceName() : cursor.Name("a name"));
      parts.push_back(std::move(part));
    } while (cursor.AcceptSymbol("."));
    if (parts.size() < 2 || parts.size() > 3) return cursor.Unexpected("table.column or namespace.table.column");
    action.column = std::move(parts.back());
    command.name.name = std::move(parts[parts.size() - 2]);
    if (parts.size() == 3) command.name.namespace_name = std::move(parts[0]);
  } else {
    return cursor.Unexpected("TABLE or COLUMN");
  }
  RETURN_IF_ERROR(cursor.Expect("is"));
  if (!cursor.Accept("null")) {
    ASSIGN_OR_RETURN(action.comment, cursor.String("the comment as a string, or NULL"));
  }
  RETURN_IF_ERROR(cursor.ExpectEnd());
  command.actions.push_back(std::move(action));
  return Command(std::move(command));
}

}  // namespace kalamdb::engine
