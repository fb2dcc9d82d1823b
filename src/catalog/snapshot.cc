// Finding in a snapshot, and its records on disk.
#include "catalog/snapshot.h"

#include <algorithm>

#include "catalog/snapshot_editor.h"

namespace kalamdb::catalog {
namespace {

constexpr char kNamespaceRecord = 'N';
constexpr char kTableRecord = 'T';
constexpr char kVersionRecord = 'S';
constexpr char kViewRecord = 'V';
constexpr char kGivenIdRecord = 'I';

void AppendId(uint32_t id, std::string* key) {
  for (int shift = 24; shift >= 0; shift -= 8) *key += static_cast<char>(id >> shift & 0xFF);
}

uint32_t IdAt(std::string_view key, size_t at) {
  uint32_t id = 0;
  for (char c : key.substr(at, 4)) id = id << 8 | static_cast<unsigned char>(c);
  return id;
}

std::string IdKey(char kind, uint32_t id) {
  std::string key(1, kind);
  AppendId(id, &key);
  return key;
}

std::string VersionKey(TableId table, uint32_t version) {
  std::string key = IdKey(kVersionRecord, table.value);
  AppendId(version, &key);
  return key;
}

// The versions that `now` has and `before`, which may be nullptr, has not; all where they had no records yet.
void PutVersions(const Table& now, const Table* before, Records* records) {
  const bool some_are_there = before != nullptr && !before->versions_in_record;
  for (uint32_t v = some_are_there ? before->version().value + 1 : 1; v <= now.version().value; ++v)
    records->emplace_back(VersionKey(now.id, v), EncodeVersion(now, SchemaVersion(v)));
}

// Entries of one namespace, or of all where `namespace_name` is empty, by name.
template <typename Object>
std::vector<Object> Within(const PersistentMap<std::string, Object>& by_name, std::string_view namespace_name) {
  std::vector<Object> found;
  std::string prefix;
  if (!namespace_name.empty()) prefix = NameKey(namespace_name, "");
  for (auto it = by_name.LowerBound(prefix); it != by_name.end() && it->first.starts_with(prefix); ++it) {
    found.push_back(it->second);
  }
  return found;
}

template <typename Key, typename Object>
Object FindIn(const PersistentMap<Key, Object>& map, const Key& key) {
  const Object* found = map.Find(key);
  return found == nullptr ? nullptr : *found;
}

Error WrongRecord(std::string_view key, std::string_view why) {
  std::string shown(1, key.empty() ? '?' : key[0]);
  for (size_t i = 1; i < key.size(); ++i) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    shown += kDigits[static_cast<unsigned char>(key[i]) >> 4];
    shown += kDigits[static_cast<unsigned char>(key[i]) & 15];
  }
  return Error{ErrorCode::kStorageUnavailable, "catalog record " + shown + ": " + std::string(why)}.WithHint(
      "Restore the catalog from a backup.");
}

}  // namespace

SnapshotPtr Snapshot::Empty() {
  auto ns = std::make_shared<Namespace>();
  ns->name = "default";
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->namespaces_ = snapshot->namespaces_.Set("default", std::move(ns));
  return snapshot;
}

NamespacePtr Snapshot::FindNamespace(std::string_view name) const { return FindIn(namespaces_, row::FoldName(name)); }

TablePtr Snapshot::FindTable(std::string_view namespace_name, std::string_view name) const {
  return FindIn(tables_by_name_, NameKey(namespace_name, name));
}

TablePtr Snapshot::FindTable(TableId id) const { return FindIn(tables_, id.value); }

ViewPtr Snapshot::FindView(std::string_view namespace_name, std::string_view name) const {
  return FindIn(views_by_name_, NameKey(namespace_name, name));
}

ViewPtr Snapshot::FindView(uint32_t id) const { return FindIn(views_, id); }

std::vector<NamespacePtr> Snapshot::Namespaces() const {
  std::vector<NamespacePtr> found;
  for (const auto& [name, ns] : namespaces_) found.push_back(ns);
  return found;
}

std::vector<TablePtr> Snapshot::Tables(std::string_view namespace_name) const {
  return Within(tables_by_name_, namespace_name);
}

std::vector<ViewPtr> Snapshot::Views(std::string_view namespace_name) const {
  return Within(views_by_name_, namespace_name);
}

std::vector<ViewPtr> Snapshot::ViewsOn(TableId table) const {
  std::vector<ViewPtr> found;
  for (const auto& [name, view] : views_by_name_) {
    const bool depends = std::any_of(view->depends_on_tables.begin(), view->depends_on_tables.end(),
                                     [&](const auto& dependency) { return dependency.first == table; });
    if (depends) found.push_back(view);
  }
  return found;
}

Result<SnapshotPtr> Snapshot::Apply(const std::vector<Change>& changes) const {
  SnapshotEditor editor(*this);
  for (const Change& change : changes) RETURN_IF_ERROR(editor.Apply(change));
  return editor.Finish();
}

Records RecordsOf(const Change& change, const Snapshot& before) {
  Records records;
  uint32_t given = 0;
  switch (change.kind) {
    case Change::Kind::kPutNamespace:
      records.emplace_back(kNamespaceRecord + row::FoldName(change.ns->name), EncodeNamespace(*change.ns));
      break;
    case Change::Kind::kDropNamespace:
      records.emplace_back(kNamespaceRecord + row::FoldName(change.namespace_name), std::nullopt);
      break;
    case Change::Kind::kPutTable:
      records.emplace_back(IdKey(kTableRecord, change.table->id.value), EncodeTable(*change.table));
      PutVersions(*change.table, before.FindTable(change.table->id).get(), &records);
      if (!change.expected_version.is_set()) given = change.table->id.value;
      break;
    case Change::Kind::kDropTable: {
      const TablePtr table = before.FindTable(change.table->id);
      records.emplace_back(IdKey(kTableRecord, change.table->id.value), std::nullopt);
      for (uint32_t v = 1; table != nullptr && v <= table->version().value; ++v)
        records.emplace_back(VersionKey(table->id, v), std::nullopt);
      break;
    }
    case Change::Kind::kPutView:
      records.emplace_back(IdKey(kViewRecord, change.view->id), EncodeView(*change.view));
      given = change.view->id;
      break;
    case Change::Kind::kDropView: records.emplace_back(IdKey(kViewRecord, change.view->id), std::nullopt); break;
  }
  if (given != 0) {
    // Two statements may commit in another order than they took their ids: a mark never takes away a greater one.
    records.emplace_back(IdKey(kGivenIdRecord, given), std::string());
    records.emplace_back(IdKey(kGivenIdRecord, given - 1), std::nullopt);
  }
  return records;
}

Status Loader::Add(std::string_view key, std::string_view value) {
  if (key.empty()) return WrongRecord(key, "its key is empty");
  const std::string_view rest = key.substr(1);
  uint32_t id = 0;
  if (key[0] == kVersionRecord) return AddVersion(key, value);
  if (key[0] != kNamespaceRecord) {
    if (rest.size() != 4) return WrongRecord(key, "its key has a wrong length");
    id = IdAt(rest, 0);
    if (id != UINT32_MAX) next_id_ = std::max(next_id_, id + 1);
  }
  switch (key[0]) {
    case kNamespaceRecord: {
      ASSIGN_OR_RETURN(NamespacePtr ns, DecodeNamespace(value));
      if (row::FoldName(ns->name) != rest) return WrongRecord(key, "it holds another namespace");
      namespaces_.push_back(std::move(ns));
      return {};
    }
    case kTableRecord: {
      ASSIGN_OR_RETURN(TableRecord record, DecodeTable(value));
      if (record.table->id.value != id) return WrongRecord(key, "it holds another table");
      tables_.push_back(std::move(record));
      return {};
    }
    case kViewRecord: {
      ASSIGN_OR_RETURN(ViewPtr view, DecodeView(value));
      if (view->id != id) return WrongRecord(key, "it holds another view");
      views_.push_back(std::move(view));
      return {};
    }
    case kGivenIdRecord: return {};
    default: return WrongRecord(key, "its kind is not known to this version");
  }
}

Status Loader::AddVersion(std::string_view key, std::string_view value) {
  if (key.size() != 9) return WrongRecord(key, "its key has a wrong length");
  ASSIGN_OR_RETURN(VersionRecord version, DecodeVersion(value));
  if (version.info.version.value != IdAt(key, 5)) return WrongRecord(key, "it holds another version");
  versions_[IdAt(key, 1)].emplace(version.info.version.value, std::move(version));
  return {};
}

Status Loader::JoinVersions() {
  for (TableRecord& record : tables_) {
    Table& table = *record.table;
    if (table.versions_in_record) continue;
    auto& versions = versions_[table.id.value];
    for (uint32_t v = 1; v <= record.versions; ++v) {
      const auto version = versions.find(v);
      if (version == versions.end()) return WrongRecord(VersionKey(table.id, v), "it is missing");
      table.versions.push_back(std::move(version->second.info));
      table.schemas.push_back(std::move(version->second.schema));
    }
    if (versions.size() != record.versions)
      return WrongRecord(VersionKey(table.id, versions.rbegin()->first), "its table is older");
    versions_.erase(table.id.value);
  }
  if (versions_.empty()) return {};
  return WrongRecord(VersionKey(TableId(versions_.begin()->first), 1), "it has no table");
}

Result<SnapshotPtr> Loader::Finish() {
  RETURN_IF_ERROR(JoinVersions());
  // The same door as every later change, so that what was loaded obeys the same rules.
  const SnapshotPtr empty = Snapshot::Empty();
  SnapshotEditor editor(*empty);
  const auto add = [&editor](Change change) -> Status {
    const Status status = editor.Apply(change);
    if (!status.ok())
      return Error{ErrorCode::kStorageUnavailable, "the catalog contradicts itself: " + status.error().message};
    return {};
  };
  for (const NamespacePtr& ns : namespaces_) {
    Change change{.kind = Change::Kind::kPutNamespace, .ns = ns};
    change.if_absent = row::FoldName(ns->name) != "default";
    RETURN_IF_ERROR(add(std::move(change)));
  }
  for (const TableRecord& record : tables_)
    RETURN_IF_ERROR(add({.kind = Change::Kind::kPutTable, .table = record.table}));
  for (const ViewPtr& view : views_) {
    RETURN_IF_ERROR(add({.kind = Change::Kind::kPutView, .view = view, .if_absent = true}));
  }
  Result<SnapshotPtr> finished = editor.Finish();
  if (finished.ok()) return finished;
  return Error{ErrorCode::kStorageUnavailable, "the catalog contradicts itself: " + finished.error().message};
}

}  // namespace kalamdb::catalog
