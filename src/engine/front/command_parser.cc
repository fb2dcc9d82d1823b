// Which statement is it; namespaces, users, jobs, SHOW, DESCRIBE, COPY; and what is specified or well known but not
// offered.
#include "engine/front/command_parser.h"

#include <array>

namespace kalamdb::engine {
namespace {

using auth::Role;

Command NotOffered(std::string what, std::string hint = "") {
  return Unsupported{std::move(what) + " is not offered", std::move(hint)};
}
Command NotYet(std::string what) { return Unsupported{std::move(what) + " is not offered yet", ""}; }

Result<Role> ParseRoleName(CommandCursor& cursor) {
  const int64_t position = cursor.Position();
  ASSIGN_OR_RETURN(const std::string name, cursor.OptionValue());
  std::string folded = name;
  for (char& c : folded) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const auto role = auth::ParseRole(folded);
  if (!role)
    return cursor.ErrorAt(ErrorCode::kInvalidParameter, position,
                          "role " + name + " is none: there are user, service, dba and system");
  return *role;
}

Result<Command> ParseCreateNamespace(CommandCursor& cursor) {
  CreateNamespace command;
  command.if_not_exists = cursor.AcceptIfNotExists();
  ASSIGN_OR_RETURN(command.name, cursor.NamespaceName());
  if (cursor.Accept("with")) {
    ASSIGN_OR_RETURN(command.options, cursor.Options());
  }
  RETURN_IF_ERROR(cursor.ExpectEnd());
  return Command(std::move(command));
}

Result<Command> ParseCreateUser(CommandCursor& cursor) {
  CreateUser command;
  command.if_not_exists = cursor.AcceptIfNotExists();
  ASSIGN_OR_RETURN(command.name, cursor.NameOrString("the name of a user"));
  cursor.Accept("with");
  bool password = false;
  while (!cursor.AtEnd()) {
    if (cursor.Accept("password")) {
      ASSIGN_OR_RETURN(command.password, cursor.String("the password as a string"));
      password = true;
    } else if (cursor.Accept("role")) {
      ASSIGN_OR_RETURN(command.role, ParseRoleName(cursor));
    } else if (cursor.Accept("email")) {
      ASSIGN_OR_RETURN(command.email, cursor.String("the address as a string"));
    } else if (cursor.Peek("oauth")) {
      return NotYet("WITH OAUTH");
    } else {
      return cursor.Unexpected("PASSWORD, ROLE or EMAIL");
    }
  }
  if (!password) return cursor.Unexpected("WITH PASSWORD");
  return Command(std::move(command));
}

Result<Command> ParseAlterUser(CommandCursor& cursor) {
  AlterUser command;
  ASSIGN_OR_RETURN(command.name, cursor.NameOrString("the name of a user"));
  do {
    cursor.Accept("set");
    if (cursor.Accept("password")) {
      ASSIGN_OR_RETURN(command.password, cursor.String("the password as a string"));
    } else if (cursor.Accept("role")) {
      ASSIGN_OR_RETURN(command.role, ParseRoleName(cursor));
    } else if (cursor.Accept("email")) {
      ASSIGN_OR_RETURN(command.email, cursor.String("the address as a string"));
    } else {
      return cursor.Unexpected("SET PASSWORD, ROLE or EMAIL");
    }
    cursor.AcceptSymbol(",");
  } while (!cursor.AtEnd());
  return Command(std::move(command));
}

Result<Command> ParseCreate(CommandCursor& cursor) {
  bool or_replace = false;
  if (cursor.AcceptAll({"or", "replace"})) or_replace = true;
  if (cursor.Accept("namespace") || cursor.Accept("schema")) {
    if (or_replace) return NotOffered("CREATE OR REPLACE NAMESPACE");
    return ParseCreateNamespace(cursor);
  }
  if (const auto keyword = AcceptTableKeyword(cursor)) {
    if (or_replace) return NotOffered("CREATE OR REPLACE TABLE", "DROP TABLE and CREATE TABLE are two statements.");
    return ParseCreateTable(cursor, keyword->kind);
  }
  if (cursor.Accept("view")) return ParseCreateView(cursor, or_replace);
  if (cursor.Accept("user")) return ParseCreateUser(cursor);
  if (cursor.Peek("index") || (cursor.Peek("unique") && cursor.Peek("index", 1))) {
    return NotOffered("CREATE INDEX", "Put the columns you look up by first in the primary key.");
  }
  if (cursor.Peek("storage")) return NotYet("CREATE STORAGE");
  for (const char* word :
       {"temp", "temporary", "sequence", "type", "macro", "function", "secret", "persistent", "trigger", "topic",
        "materialized", "recursive", "database", "role", "extension", "policy"}) {
    if (cursor.Peek(word)) return NotOffered("CREATE " + std::string(cursor.sql().Raw(cursor.token())));
  }
  return cursor.Unexpected("NAMESPACE, TABLE, VIEW or USER");
}

Result<Command> ParseAlter(CommandCursor& cursor) {
  if (cursor.Accept("namespace") || cursor.Accept("schema")) {
    AlterNamespace command;
    ASSIGN_OR_RETURN(command.name, cursor.NamespaceName());
    if (cursor.Peek("rename")) return NotOffered("ALTER NAMESPACE RENAME");
    RETURN_IF_ERROR(cursor.Expect("set"));
    cursor.Accept("options");
    ASSIGN_OR_RETURN(command.options, cursor.Options());
    RETURN_IF_ERROR(cursor.ExpectEnd());
    return Command(std::move(command));
  }
  if (const auto keyword = AcceptTableKeyword(cursor)) return ParseAlterTable(cursor, keyword->kind);
  if (cursor.Accept("user")) return ParseAlterUser(cursor);
  if (cursor.Peek("view")) return NotOffered("ALTER VIEW", "CREATE OR REPLACE VIEW makes it anew.");
  if (cursor.Peek("storage")) return NotYet("ALTER STORAGE");
  for (const char* word : {"index", "sequence", "type", "database", "role", "topic"}) {
    if (cursor.Peek(word)) return NotOffered("ALTER " + std::string(cursor.sql().Raw(cursor.token())));
  }
  return cursor.Unexpected("TABLE, NAMESPACE or USER");
}

Result<Command> ParseDrop(CommandCursor& cursor) {
  const auto cascade = [&] {
    const bool cascades = cursor.Accept("cascade");
    if (!cascades) cursor.Accept("restrict");
    return cascades;
  };
  if (cursor.Accept("namespace") || cursor.Accept("schema")) {
    DropNamespace command;
    command.if_exists = cursor.AcceptIfExists();
    ASSIGN_OR_RETURN(command.name, cursor.NamespaceName());
    command.cascade = cascade();
    RETURN_IF_ERROR(cursor.ExpectEnd());
    return Command(std::move(command));
  }
  if (AcceptTableKeyword(cursor)) {
    DropTable command;
    command.if_exists = cursor.AcceptIfExists();
    ASSIGN_OR_RETURN(command.name, cursor.QualifiedName("the name of a table"));
    command.cascade = cascade();
    RETURN_IF_ERROR(cursor.ExpectEnd());
    return Command(std::move(command));
  }
  if (cursor.Accept("view")) {
    DropView command;
    command.if_exists = cursor.AcceptIfExists();
    ASSIGN_OR_RETURN(command.name, cursor.QualifiedName("the name of a view"));
    command.cascade = cascade();
    RETURN_IF_ERROR(cursor.ExpectEnd());
    return Command(std::move(command));
  }
  if (cursor.Accept("user")) {
    DropUser command;
    command.if_exists = cursor.AcceptIfExists();
    ASSIGN_OR_RETURN(command.name, cursor.NameOrString("the name of a user"));
    RETURN_IF_ERROR(cursor.ExpectEnd());
    return Command(std::move(command));
  }
  if (cursor.Peek("storage")) return NotYet("DROP STORAGE");
  for (const char* word : {"index", "sequence", "type", "macro", "function", "secret", "database", "role", "topic",
                           "trigger", "extension", "policy"}) {
    if (cursor.Peek(word)) return NotOffered("DROP " + std::string(cursor.sql().Raw(cursor.token())));
  }
  return cursor.Unexpected("NAMESPACE, TABLE, VIEW or USER");
}

Result<std::optional<Command>> ParseDescribe(CommandCursor& cursor) {
  for (const char* word : {"select", "with", "values", "from"}) {
    if (cursor.Peek(word)) return std::optional<Command>();
  }
  if (cursor.PeekSymbol("(")) return std::optional<Command>();
  cursor.Accept("table");
  Describe command;
  ASSIGN_OR_RETURN(command.name, cursor.QualifiedName("the name of a table"));
  if (cursor.Accept("history")) {
    command.history = true;
  } else if (cursor.AcceptAll({"at", "version"})) {
    const int64_t position = cursor.Position();
    ASSIGN_OR_RETURN(const int64_t version, cursor.Integer("a version"));
    if (version < 1 || version > UINT32_MAX)
      return cursor.ErrorAt(ErrorCode::kNotFound, position,
                            "version " + std::to_string(version) + " is none: versions count from 1");
    command.version = static_cast<uint32_t>(version);
  }
  RETURN_IF_ERROR(cursor.ExpectEnd());
  return std::optional<Command>(std::move(command));
}

Result<Command> ParseShow(CommandCursor& cursor) {
  Show command;
  if (cursor.Accept("namespaces") || cursor.Accept("schemas")) {
    command.what = Show::What::kNamespaces;
  } else if (cursor.Accept("tables")) {
    if (cursor.Accept("in") || cursor.Accept("from")) {
      cursor.Accept("namespace");
      ASSIGN_OR_RETURN(command.name.namespace_name, cursor.NamespaceName());
    }
  } else if (cursor.Accept("storages")) {
    command.what = Show::What::kStorages;
  } else if (cursor.AcceptAll({"create", "table"})) {
    command.what = Show::What::kCreateTable;
    ASSIGN_OR_RETURN(command.name, cursor.QualifiedName("the name of a table"));
  } else if (cursor.Accept("stats") || cursor.Peek("segments")) {
    command.what = cursor.Accept("segments") ? Show::What::kSegments : Show::What::kStats;
    RETURN_IF_ERROR(cursor.Expect("for"));
    cursor.Accept("table");
    ASSIGN_OR_RETURN(command.name, cursor.QualifiedName("the name of a table"));
  } else if (cursor.Peek("backup")) {
    return NotYet("SHOW BACKUP");
  } else if (cursor.Peek("all") || cursor.Peek("databases")) {
    return NotOffered("SHOW " + std::string(cursor.sql().Raw(cursor.token())));
  } else {
    return cursor.Unexpected("NAMESPACES, TABLES, CREATE TABLE, STATS, SEGMENTS or STORAGES");
  }
  RETURN_IF_ERROR(cursor.ExpectEnd());
  return Command(std::move(command));
}

Result<Command> ParseStorage(CommandCursor& cursor) {
  StorageJob command;
  if (cursor.Peek("check")) return NotYet("STORAGE CHECK");
  if (cursor.Accept("compact")) {
    command.kind = StorageJob::Kind::kCompact;
  } else {
    RETURN_IF_ERROR(cursor.Expect("flush"));
  }
  if (cursor.Accept("all")) {
    command.all = true;
    if (cursor.Accept("in")) {
      cursor.Accept("namespace");
      ASSIGN_OR_RETURN(command.name.namespace_name, cursor.NamespaceName());
    }
  } else {
    RETURN_IF_ERROR(cursor.Expect("table"));
    ASSIGN_OR_RETURN(command.name, cursor.QualifiedName("the name of a table"));
  }
  command.wait = cursor.Accept("wait");
  RETURN_IF_ERROR(cursor.ExpectEnd());
  return Command(std::move(command));
}

Result<Command> ParseExecuteAs(CommandCursor& cursor, const InnerParser& inner) {
  if (!cursor.Accept("as"))
    return NotOffered("EXECUTE", "A statement is prepared by sending it; its parameters come beside it.");
  RETURN_IF_ERROR(cursor.Expect("user"));
  ExecuteAs command;
  ASSIGN_OR_RETURN(command.user, cursor.NameOrString("the name of a user"));
  RETURN_IF_ERROR(cursor.ExpectSymbol("("));
  const size_t begin = cursor.index();
  if (cursor.Peek("execute") && cursor.Peek("as", 1)) return cursor.Unexpected("a statement other than EXECUTE AS");
  if (cursor.TextUntil([](const CommandCursor&) { return false; }).empty()) return cursor.Unexpected("a statement");
  const size_t end = cursor.index();
  const int64_t before = cursor.PositionOfToken(begin) - 1;
  auto statement = inner(begin, end);
  if (!statement.ok()) {
    Error error = std::move(statement).error();
    if (error.position > 0) error.position += before;
    return error;
  }
  command.statement = *std::move(statement);
  RETURN_IF_ERROR(cursor.ExpectSymbol(")"));
  RETURN_IF_ERROR(cursor.ExpectEnd());
  return Command(std::move(command));
}

struct NamedRefusal {
  std::string_view word;
  bool later;  // specified, not here yet
};
constexpr std::array<NamedRefusal, 40> kRefusals = {{
    {"begin", true},
    {"start", true},
    {"commit", true},
    {"end", true},
    {"rollback", true},
    {"abort", true},
    {"savepoint", false},
    {"release", false},
    {"kill", true},
    {"backup", true},
    {"restore", true},
    {"export", true},
    {"erase", true},
    {"subscribe", false},
    {"grant", false},
    {"revoke", false},
    {"attach", false},
    {"detach", false},
    {"install", false},
    {"load", false},
    {"set", false},
    {"reset", false},
    {"pragma", false},
    {"call", false},
    {"prepare", false},
    {"deallocate", false},
    {"vacuum", false},
    {"analyze", false},
    {"checkpoint", false},
    {"force", false},
    {"import", false},
    {"lock", false},
    {"listen", false},
    {"notify", false},
    {"update_extensions", false},
    {"declare", false},
    {"fetch", false},
    {"close", false},
    {"reindex", false},
    {"discard", false},
}};

std::optional<Command> RefusalOf(const CommandCursor& cursor) {
  for (const NamedRefusal& refusal : kRefusals) {
    if (!cursor.Peek(refusal.word)) continue;
    const std::string word(cursor.sql().Raw(cursor.token()));
    if (refusal.word == "subscribe") return NotOffered(word, "Subscribe over the WebSocket at /v1/ws.");
    if (refusal.word == "grant" || refusal.word == "revoke")
      return NotOffered(word, "Rights come from the user's role and the table's ACCESS_LEVEL.");
    return refusal.later ? NotYet(word) : NotOffered(word);
  }
  return std::nullopt;
}

Result<std::optional<Command>> Some(Result<Command> command) {
  if (!command.ok()) return std::move(command).error();
  return std::optional<Command>(*std::move(command));
}

}  // namespace

std::optional<TableKeyword> AcceptTableKeyword(CommandCursor& cursor) {
  if (cursor.Accept("table")) return TableKeyword{};
  if (cursor.AcceptAll({"user", "table"})) return TableKeyword{catalog::TableKind::kUser};
  if (cursor.AcceptAll({"shared", "table"})) return TableKeyword{catalog::TableKind::kShared};
  if (cursor.AcceptAll({"stream", "table"})) return TableKeyword{catalog::TableKind::kStream};
  return std::nullopt;
}

Result<std::optional<Command>> ParseCommand(CommandCursor& cursor, const InnerParser& inner) {
  if (cursor.Accept("create")) return Some(ParseCreate(cursor));
  if (cursor.Accept("alter")) return Some(ParseAlter(cursor));
  if (cursor.Accept("drop")) return Some(ParseDrop(cursor));
  if (cursor.Accept("describe") || cursor.Accept("desc")) return ParseDescribe(cursor);
  if (cursor.Accept("show")) return Some(ParseShow(cursor));
  if (cursor.Accept("storage")) return Some(ParseStorage(cursor));
  if (cursor.Accept("comment")) return Some(ParseCommentOn(cursor));
  if (cursor.Accept("execute")) return Some(ParseExecuteAs(cursor, inner));
  if (cursor.Accept("copy")) return Some(ParseCopy(cursor));
  if (cursor.Accept("use")) {
    UseNamespace command;
    cursor.Accept("namespace");
    ASSIGN_OR_RETURN(command.name, cursor.NamespaceName());
    RETURN_IF_ERROR(cursor.ExpectEnd());
    return std::optional<Command>(std::move(command));
  }
  if (cursor.Accept("truncate")) {
    TruncateTable command;
    cursor.Accept("table");
    ASSIGN_OR_RETURN(command.name, cursor.QualifiedName("the name of a table"));
    RETURN_IF_ERROR(cursor.ExpectEnd());
    return std::optional<Command>(std::move(command));
  }
  return RefusalOf(cursor);
}

}  // namespace kalamdb::engine
