// Our own statements as the front parser gives them: what the engine's grammar does not know, or may not see.
//
// Plain data, immutable after parsing. Names are as written (quotes removed, unquoted ones in lower case); an empty
// namespace means the request's. Everything that is not one of these is SQL for the engine (SqlStatement in
// statement.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "auth/identity.h"
#include "catalog/alter.h"
#include "catalog/table.h"

namespace kalamdb::engine {

class ParsedStatement;
using OptionList = std::vector<std::pair<std::string, std::string>>;

struct ObjectName {
  std::string namespace_name, name;
  int64_t position = 0;  // characters from 1
};

struct CreateNamespace {
  std::string name;
  bool if_not_exists = false;
  OptionList options;
};
struct AlterNamespace {
  std::string name;
  OptionList options;
};
struct DropNamespace {
  std::string name;
  bool if_exists = false, cascade = false;
};
struct UseNamespace {
  std::string name;
};

struct ColumnSpec {
  row::Column column;  // no id yet; write_default as canonical text
  int64_t position = 0;
};
struct CreateTable {
  ObjectName name;
  std::optional<catalog::TableKind> kind;  // from the keyword
  bool if_not_exists = false;
  std::vector<ColumnSpec> columns;
  std::vector<std::pair<std::string, std::string>> checks;  // name or "", canonical expression text
  OptionList options;  // WITH (…), TTL n, FLUSH POLICY …, USING TYPE …, in one spelling
  std::string comment;
  std::string as_select;  // CREATE TABLE … AS: its text
};
struct AlterTable {
  ObjectName name;
  std::optional<catalog::TableKind> kind;
  bool if_exists = false;
  std::vector<catalog::AlterAction> actions;  // default_value not folded yet
};
struct DropTable {
  ObjectName name;
  bool if_exists = false, cascade = false;
};
struct TruncateTable {
  ObjectName name;
};
struct CreateView {
  ObjectName name;
  bool or_replace = false;
  std::string select;
};
struct DropView {
  ObjectName name;
  bool if_exists = false, cascade = false;
};

struct Describe {
  ObjectName name;
  bool history = false;
  std::optional<uint32_t> version;
};
struct Show {
  enum class What : uint8_t { kNamespaces, kTables, kStorages, kCreateTable, kStats, kSegments };
  What what = What::kTables;
  ObjectName name;  // kTables: namespace_name of IN; kCreateTable, kStats, kSegments: the table
};

struct StorageJob {
  enum class Kind : uint8_t { kFlush, kCompact };
  Kind kind = Kind::kFlush;
  bool all = false;
  ObjectName name;  // all: only namespace_name, perhaps empty
  bool wait = false;
};

struct CreateUser {
  std::string name, password, email;
  auth::Role role = auth::Role::kUser;
  bool if_not_exists = false;
};
struct AlterUser {
  std::string name;
  std::optional<std::string> password, email;
  std::optional<auth::Role> role;
};
struct DropUser {
  std::string name;
  bool if_exists = false;
};
struct ExecuteAs {
  std::string user;
  std::shared_ptr<const ParsedStatement> statement;
};

struct CopyTable {  // COPY t FROM/TO 'file': admins only, within storage.copy_directories
  ObjectName name;
  std::vector<std::string> columns;
  std::string select;  // COPY (SELECT …) TO
  bool from = true;
  std::string path, format;  // format: parquet, csv, json; from the option or the file's ending
  OptionList options;
};

struct Unsupported {
  std::string what, hint;
};  // specified or well known, not offered yet: UNSUPPORTED saying so

using Command = std::variant<CreateNamespace, AlterNamespace, DropNamespace, UseNamespace, CreateTable, AlterTable,
                             DropTable, TruncateTable, CreateView, DropView, Describe, Show, StorageJob, CreateUser,
                             AlterUser, DropUser, ExecuteAs, CopyTable, Unsupported>;

}  // namespace kalamdb::engine
