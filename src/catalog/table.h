// One table as the catalog knows it: identity, options, every schema version, constraints. And views and namespaces.
//
// All objects here are immutable once made and shared by shared_ptr<const …>; safe from any thread. A change makes a
// new object (alter.h) which the commit pipeline puts into a new CatalogSnapshot by compare-and-set.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "row/projection.h"
#include "row/projection_cache.h"
#include "row/schema.h"

namespace kalamdb::catalog {

enum class TableKind : uint8_t { kUser = 1, kShared = 2, kStream = 3 };  // on disk: never renumber
enum class AccessLevel : uint8_t { kPublicWrite = 1, kPublic = 2, kPrivate = 3, kDba = 4 };
enum class Scope : uint8_t { kUser = 1, kShared = 2 };  // of a stream
enum class Compression : uint8_t { kZstd = 1, kSnappy = 2 };

std::string_view KindName(TableKind kind);            // "USER" …
std::string_view AccessLevelName(AccessLevel level);  // "PUBLIC_WRITE" …

struct TableOptions {
  uint64_t flush_rows = 100'000;                             // FLUSH_POLICY 'rows:N,interval:S'; 0 = not by rows
  uint64_t flush_interval_s = 300;                           // 0 = not by time
  std::optional<uint64_t> deleted_retention_s = 7 * 86'400;  // DELETED_RETENTION; nullopt = 'off'
  uint64_t ttl_seconds = 0;                                  // STREAM: required there, 0 elsewhere
  Scope scope = Scope::kUser;                                // STREAM only
  AccessLevel access_level = AccessLevel::kPrivate;          // SHARED tables and streams of scope SHARED
  Compression compression = Compression::kZstd;
  std::string storage_id = "local";
  bool operator==(const TableOptions&) const = default;
};

// Sets one option from SQL (`FLUSH_POLICY = 'rows:10000,interval:300'`), name without regard to case. TYPE is accepted
// where it names the kind the table has anyway. Errors: kInvalidParameter naming the option, the value and what is
// offered; also for options not offered yet.
Status SetTableOption(TableKind kind, std::string_view name, std::string_view value, TableOptions* options);
// What only holds for all options together: a STREAM needs TTL_SECONDS … Errors: kInvalidParameter.
Status CheckTableOptions(TableKind kind, const TableOptions& options);
// Names with SQL literals (`FLUSH_POLICY` and `'rows:…'`, `TTL_SECONDS` and `10`): the options as WITH (…) prints them,
// TYPE first.
std::vector<std::pair<std::string, std::string>> PrintTableOptions(TableKind kind, const TableOptions& options);

// A stored expression: SQL text with each column written as `"#<column id>"` (a quoted identifier), so that RENAME
// never touches its meaning. ToText prints it with the names of a schema, quoted where needed.
struct StoredExpression {
  std::string text;               // canonical, columns by id
  std::vector<ColumnId> columns;  // those it names, each once
  std::string ToText(const row::Schema& schema) const;
};

struct CheckConstraint {
  std::string name;  // given, or made: <table>_check, <table>_check1 …
  StoredExpression expression;
};

struct VersionInfo {
  SchemaVersion version;
  Micros created_at = 0;
  std::string changed_by;  // user name
  std::string changes;     // canonical SQL spelling of the actions, joined by ", "; `CREATE TABLE` for version 1
};

struct Table {
  TableId id;
  std::string namespace_name;  // spelling kept
  std::string name;            // spelling kept
  TableKind kind = TableKind::kShared;
  TableOptions options;
  UserId owner;
  std::string owner_name;
  Micros created_at = 0, updated_at = 0;
  std::string comment;
  ColumnId next_column_id{1};
  std::vector<row::SchemaPtr> schemas;  // schemas[v - 1] is version v; all are kept
  std::vector<VersionInfo> versions;    // the same length
  std::vector<CheckConstraint> checks;
  // The last version that changed the row layout or a constraint: a write planned on a table whose write_version is the
  // same commits, whatever options, comments or names have changed since.
  SchemaVersion write_version{1};
  // Loaded from a record of format 01, which held the versions too: the next change writes a record for each of them.
  bool versions_in_record = false;
  std::shared_ptr<row::ProjectionCache> projections =
      std::make_shared<row::ProjectionCache>();  // shared with older and newer versions

  const row::SchemaPtr& schema() const { return schemas.back(); }
  SchemaVersion version() const { return schema()->version(); }
  bool IsPerUser() const {
    return kind == TableKind::kUser || (kind == TableKind::kStream && options.scope == Scope::kUser);
  }
  std::string QualifiedName() const;  // app.t, quoted where needed ("default".t)
  // How rows of version `from` read now. REQUIRES: 1 <= from <= version(); Errors: kStorageUnavailable for a version
  // that is not known.
  Result<row::ProjectionPtr> ProjectionFrom(SchemaVersion from) const;
};
using TablePtr = std::shared_ptr<const Table>;

struct View {
  uint32_t id = 0;  // from the same counter as tables
  std::string namespace_name, name;
  UserId owner;
  std::string owner_name;
  std::string select_sql;  // canonical SELECT; tables by id and columns by id (engine/view_text.h)
  std::vector<std::pair<TableId, std::vector<ColumnId>>> depends_on_tables;
  std::vector<uint32_t> depends_on_views;
  std::vector<std::string> column_names;
  Micros created_at = 0;
};
using ViewPtr = std::shared_ptr<const View>;

struct Namespace {
  std::string name;  // spelling kept
  std::vector<std::pair<std::string, std::string>> options;
  Micros created_at = 0;
};
using NamespacePtr = std::shared_ptr<const Namespace>;

// Records of the `catalog` family (docs/formats/catalog.md), versioned by their first byte. A table has one record for
// itself and one for each of its schema versions, so that an ALTER writes as much at version 1,000 as at version 2.
// Errors: kStorageUnavailable.
struct TableRecord {
  std::shared_ptr<Table> table;  // without schemas and versions, unless versions_in_record
  size_t versions = 0;           // how many there must be
};
struct VersionRecord {
  VersionInfo info;
  row::SchemaPtr schema;
};
std::string EncodeTable(const Table& table);
Result<TableRecord> DecodeTable(std::string_view bytes);
// REQUIRES: 1 <= version <= table.version().
std::string EncodeVersion(const Table& table, SchemaVersion version);
Result<VersionRecord> DecodeVersion(std::string_view bytes);
std::string EncodeView(const View& view);
Result<ViewPtr> DecodeView(std::string_view bytes);
std::string EncodeNamespace(const Namespace& ns);
Result<NamespacePtr> DecodeNamespace(std::string_view bytes);

// `"a b"` where a bare a b would not do (reserved words of the engine, capitals kept by quoting, special characters).
std::string QuoteIdentifier(std::string_view name);

// Names the rules of SQL names allow (docs/sql.md, Names). Errors: kInvalidSql naming the rule.
Status CheckNamespaceName(std::string_view name);
Status CheckObjectName(std::string_view name);  // tables, views
Status CheckColumnName(std::string_view name);

}  // namespace kalamdb::catalog
