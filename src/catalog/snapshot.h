// The catalog at one commit: an immutable value from which every statement reads from start to end.
//
// Finding takes no lock; a change copies a path of persistent maps, never the catalog. Thread-safe: it never changes.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/persistent_map.h"
#include "catalog/table.h"

namespace kalamdb::catalog {

// One change of the catalog, decided outside, compared and applied by the committer.
struct Change {
  enum class Kind : uint8_t { kPutNamespace, kDropNamespace, kPutTable, kDropTable, kPutView, kDropView };
  Kind kind = Kind::kPutTable;
  std::string namespace_name;  // kPutNamespace, kDropNamespace
  NamespacePtr ns;             // kPutNamespace
  TablePtr table;              // kPutTable: the new object; kDropTable: the one that is dropped
  ViewPtr view;                // kPutView, kDropView
  // kPutTable: the version the change was planned on; unset = the table must not exist yet.
  // kDropTable: the version that may be dropped; unset = any.
  SchemaVersion expected_version;
  bool if_absent = false;  // kPutNamespace, kPutView: must not exist. kPutNamespace without it: must exist;
                           // kPutView without it: made, or put in the place of the one with its name, whose id it has
  // What it was bound against beside the table itself; where that has changed meanwhile: kSchemaChanged.
  std::optional<uint64_t> bound_views{};  // views_generation() of then: no view was made, changed or dropped since
  std::vector<TablePtr> bound_tables{};   // these are still of these versions
};

class Snapshot;
using SnapshotPtr = std::shared_ptr<const Snapshot>;

class Snapshot {
 public:
  static SnapshotPtr Empty();  // with namespace `default`

  // Names without regard to case. nullptr where there is none.
  NamespacePtr FindNamespace(std::string_view name) const;
  TablePtr FindTable(std::string_view namespace_name, std::string_view name) const;
  TablePtr FindTable(TableId id) const;
  ViewPtr FindView(std::string_view namespace_name, std::string_view name) const;
  ViewPtr FindView(uint32_t id) const;

  std::vector<NamespacePtr> Namespaces() const;                         // by name
  std::vector<TablePtr> Tables(std::string_view namespace_name) const;  // by name; "" = of all namespaces
  std::vector<ViewPtr> Views(std::string_view namespace_name) const;
  std::vector<ViewPtr> ViewsOn(TableId table) const;

  // The snapshot with all changes applied in order, or why not: kSchemaChanged (version is not the expected one),
  // kAlreadyExists, kNamespaceNotFound, kTableNotFound, kUnsupported (DROP of `default`), kDependentObjects (a
  // namespace that is dropped holds something; a view names a table, column or view that goes). Dependents are asked
  // for once all changes are applied, so their order within the list does not matter. Pure.
  Result<SnapshotPtr> Apply(const std::vector<Change>& changes) const;

  // Grows with each change; part of cache keys that depend on the catalog as a whole (name resolution).
  uint64_t generation() const { return generation_; }
  uint64_t views_generation() const { return views_generation_; }  // the same of views alone

 private:
  friend class SnapshotEditor;
  PersistentMap<std::string, NamespacePtr> namespaces_;  // folded name
  PersistentMap<std::string, TablePtr> tables_by_name_;  // folded namespace '\0' folded name
  PersistentMap<uint32_t, TablePtr> tables_;
  PersistentMap<std::string, ViewPtr> views_by_name_;  // folded namespace '\0' folded name
  PersistentMap<uint32_t, ViewPtr> views_;
  uint64_t generation_ = 0;
  uint64_t views_generation_ = 0;
};

// What a change of `before` writes into the `catalog` family: key, and value or nothing (delete).
// Keys: 'N' folded name · 'T' table id (4, big-endian) · 'S' table id (4) schema version (4) · 'V' view id (4) · 'I' an
// id that was given (4; empty value; the greatest counts, smaller ones are removed where they are met).
using Records = std::vector<std::pair<std::string, std::optional<std::string>>>;
Records RecordsOf(const Change& change, const Snapshot& before);

// Rebuilds the snapshot at start from all records of the family, in any order. Errors: kStorageUnavailable naming the
// record.
class Loader {
 public:
  Status Add(std::string_view key, std::string_view value);
  Result<SnapshotPtr> Finish();
  uint32_t next_id() const { return next_id_; }  // above every table and view id that was ever given

 private:
  Status AddVersion(std::string_view key, std::string_view value);
  // Puts the versions into their tables. Errors: one is missing, or has no table.
  Status JoinVersions();

  std::vector<NamespacePtr> namespaces_;
  std::vector<TableRecord> tables_;
  std::map<uint32_t, std::map<uint32_t, VersionRecord>> versions_;  // table id → version
  std::vector<ViewPtr> views_;
  uint32_t next_id_ = 1;
};

}  // namespace kalamdb::catalog
