// Applying changes of the catalog: compare, then set.
#include "catalog/snapshot_editor.h"

#include "catalog/names.h"

namespace kalamdb::catalog {
namespace {

Error SchemaChanged(const Table& now, SchemaVersion expected) {
  return Error{ErrorCode::kSchemaChanged, "table " + now.QualifiedName() + " is at version " +
                                              std::to_string(now.version().value) + ", the statement was planned on " +
                                              std::to_string(expected.value)}
      .WithHint("Run the statement again.");
}

std::string QualifiedViewName(const View& view) {
  return QuoteIdentifier(view.namespace_name) + "." + QuoteIdentifier(view.name);
}

Error MissingUnderView(const View& view, const std::string& what) {
  return Error{ErrorCode::kDependentObjects, "view " + QualifiedViewName(view) + " names " + what}.WithHint(
      "Drop the view first, or say CASCADE.");
}

}  // namespace

std::string NameKey(std::string_view namespace_name, std::string_view name) {
  std::string key = row::FoldName(namespace_name);
  key += '\0';
  key += row::FoldName(name);
  return key;
}

Status SnapshotEditor::Apply(const Change& change) {
  RETURN_IF_ERROR(CheckBound(change));
  ++to_->generation_;
  switch (change.kind) {
    case Change::Kind::kPutNamespace: return PutNamespace(change);
    case Change::Kind::kDropNamespace: return DropNamespace(change);
    case Change::Kind::kPutTable: return PutTable(change);
    case Change::Kind::kDropTable: return DropTable(change);
    case Change::Kind::kPutView: return PutView(change);
    case Change::Kind::kDropView: return DropView(change);
  }
  KALAM_CHECK(!"a kind of change that is not in the list");
  return {};
}

Status SnapshotEditor::PutNamespace(const Change& change) {
  const std::string folded = row::FoldName(change.ns->name);
  const bool is_there = to_->namespaces_.Contains(folded);
  if (change.if_absent && is_there) {
    return Error{ErrorCode::kAlreadyExists, "namespace " + QuoteIdentifier(change.ns->name) + " already exists"};
  }
  if (!change.if_absent) RETURN_IF_ERROR(CheckNamespaceThere(change.ns->name));
  to_->namespaces_ = to_->namespaces_.Set(folded, change.ns);
  return {};
}

Status SnapshotEditor::DropNamespace(const Change& change) {
  RETURN_IF_ERROR(CheckNamespaceThere(change.namespace_name));
  const std::string folded = row::FoldName(change.namespace_name);
  if (folded == "default") {
    return Error{ErrorCode::kUnsupported, "the namespace \"default\" is always there and cannot be dropped"};
  }
  to_->namespaces_ = to_->namespaces_.Erase(folded);
  dropped_namespaces_.push_back(folded);
  return {};
}

Status SnapshotEditor::PutTable(const Change& change) {
  const TablePtr& table = change.table;
  RETURN_IF_ERROR(CheckNamespaceThere(table->namespace_name));
  const TablePtr* old = to_->tables_.Find(table->id.value);
  const std::string key = NameKey(table->namespace_name, table->name);
  if (!change.expected_version.is_set()) {
    RETURN_IF_ERROR(CheckNameFree(table->namespace_name, table->name));
    KALAM_CHECK(old == nullptr);  // ids are never given twice
  } else {
    if (old == nullptr) {
      return Error{ErrorCode::kTableNotFound, "table " + table->QualifiedName() + " does not exist any more"};
    }
    if ((*old)->version() != change.expected_version) return SchemaChanged(**old, change.expected_version);
    const std::string old_key = NameKey((*old)->namespace_name, (*old)->name);
    if (old_key != key) {
      RETURN_IF_ERROR(CheckNameFree(table->namespace_name, table->name));
      to_->tables_by_name_ = to_->tables_by_name_.Erase(old_key);
    }
    objects_changed_ = true;
  }
  to_->tables_by_name_ = to_->tables_by_name_.Set(key, table);
  to_->tables_ = to_->tables_.Set(table->id.value, table);
  return {};
}

Status SnapshotEditor::DropTable(const Change& change) {
  const TablePtr* old = to_->tables_.Find(change.table->id.value);
  if (old == nullptr) {
    return Error{ErrorCode::kTableNotFound, "table " + change.table->QualifiedName() + " does not exist any more"};
  }
  if (change.expected_version.is_set() && (*old)->version() != change.expected_version) {
    return SchemaChanged(**old, change.expected_version);
  }
  const std::string key = NameKey((*old)->namespace_name, (*old)->name);
  to_->tables_by_name_ = to_->tables_by_name_.Erase(key);
  to_->tables_ = to_->tables_.Erase(change.table->id.value);
  objects_changed_ = true;
  return {};
}

Status SnapshotEditor::PutView(const Change& change) {
  const ViewPtr& view = change.view;
  RETURN_IF_ERROR(CheckNamespaceThere(view->namespace_name));
  const std::string key = NameKey(view->namespace_name, view->name);
  const ViewPtr* old = to_->views_by_name_.Find(key);
  if (change.if_absent || old == nullptr) {
    RETURN_IF_ERROR(CheckNameFree(view->namespace_name, view->name));
  } else if ((*old)->id != view->id) {
    // Views over it name its id, and so does its record.
    return Error{ErrorCode::kSchemaChanged, "view " + QualifiedViewName(*view) + " was made meanwhile"}.WithHint(
        "Run the statement again.");
  }
  to_->views_by_name_ = to_->views_by_name_.Set(key, view);
  to_->views_ = to_->views_.Set(view->id, view);
  ++to_->views_generation_;
  objects_changed_ = true;
  return {};
}

Status SnapshotEditor::DropView(const Change& change) {
  if (!to_->views_.Contains(change.view->id)) {
    return Error{ErrorCode::kTableNotFound, "view " + QualifiedViewName(*change.view) + " does not exist any more"};
  }
  to_->views_by_name_ = to_->views_by_name_.Erase(NameKey(change.view->namespace_name, change.view->name));
  to_->views_ = to_->views_.Erase(change.view->id);
  ++to_->views_generation_;
  objects_changed_ = true;
  return {};
}

Status SnapshotEditor::CheckBound(const Change& change) const {
  if (change.bound_views && *change.bound_views != views_before_) {
    return Error{ErrorCode::kSchemaChanged, "views were made or dropped while the statement was planned"}.WithHint(
        "Run the statement again.");
  }
  for (const TablePtr& table : change.bound_tables) {
    const TablePtr* now = to_->tables_.Find(table->id.value);
    if (now == nullptr) {
      return Error{ErrorCode::kTableNotFound, "table " + table->QualifiedName() + " does not exist any more"};
    }
    if ((*now)->version() != table->version()) return SchemaChanged(**now, table->version());
  }
  return {};
}

Status SnapshotEditor::CheckNamespaceThere(std::string_view name) const {
  if (to_->namespaces_.Contains(row::FoldName(name))) return {};
  return Error{ErrorCode::kNamespaceNotFound, "namespace " + QuoteIdentifier(name) + " does not exist"};
}

Status SnapshotEditor::CheckNameFree(std::string_view namespace_name, std::string_view name) const {
  const std::string key = NameKey(namespace_name, name);
  const bool is_view = to_->views_by_name_.Contains(key);
  if (!is_view && !to_->tables_by_name_.Contains(key)) return {};
  return Error{ErrorCode::kAlreadyExists, std::string(is_view ? "view " : "table ") + QuoteIdentifier(namespace_name) +
                                              "." + QuoteIdentifier(name) + " already exists"};
}

Status SnapshotEditor::CheckDroppedNamespaces() const {
  for (const std::string& name : dropped_namespaces_) {
    if (to_->namespaces_.Contains(name)) continue;  // made again in the same commit
    std::vector<std::string> inside;
    for (const TablePtr& table : to_->Tables(name)) inside.push_back(table->QualifiedName());
    for (const ViewPtr& view : to_->Views(name)) inside.push_back(QualifiedViewName(*view));
    if (inside.empty()) continue;
    return Error{ErrorCode::kDependentObjects, "namespace " + QuoteIdentifier(name) + " holds " + ListNames(inside)}
        .WithHint("Drop them first, or say CASCADE.");
  }
  return {};
}

Status SnapshotEditor::CheckView(const View& view) const {
  for (const auto& [id, columns] : view.depends_on_tables) {
    const TablePtr* table = to_->tables_.Find(id.value);
    if (table == nullptr) return MissingUnderView(view, "a table that is not there any more");
    for (ColumnId column : columns) {
      if ((*table)->schema()->FindById(column)) continue;
      return MissingUnderView(view, "a column of table " + (*table)->QualifiedName() + " that is dropped");
    }
  }
  for (uint32_t id : view.depends_on_views) {
    if (!to_->views_.Contains(id)) return MissingUnderView(view, "a view that is not there any more");
  }
  return {};
}

Result<SnapshotPtr> SnapshotEditor::Finish() {
  RETURN_IF_ERROR(CheckDroppedNamespaces());
  if (objects_changed_) {
    for (const auto& [id, view] : to_->views_) RETURN_IF_ERROR(CheckView(*view));
  }
  return SnapshotPtr(std::move(to_));
}

}  // namespace kalamdb::catalog
