// Makes a new snapshot from an old one, change by change. Private to catalog/.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "catalog/snapshot.h"

namespace kalamdb::catalog {

// `folded namespace '\0' folded name`. No name holds a control character, so no two pairs meet.
std::string NameKey(std::string_view namespace_name, std::string_view name);

// One thread at a time; the first error ends its use.
class SnapshotEditor {
 public:
  explicit SnapshotEditor(const Snapshot& from)
      : to_(std::make_shared<Snapshot>(from)), views_before_(from.views_generation_) {}

  Status Apply(const Change& change);
  // What must hold for all changes together, then the snapshot.
  Result<SnapshotPtr> Finish();

 private:
  Status PutNamespace(const Change& change);
  Status DropNamespace(const Change& change);
  Status PutTable(const Change& change);
  Status DropTable(const Change& change);
  Status PutView(const Change& change);
  Status DropView(const Change& change);

  Status CheckBound(const Change& change) const;
  Status CheckNamespaceThere(std::string_view name) const;
  Status CheckNameFree(std::string_view namespace_name, std::string_view name) const;
  Status CheckDroppedNamespaces() const;
  Status CheckView(const View& view) const;

  std::shared_ptr<Snapshot> to_;
  const uint64_t views_before_;
  std::vector<std::string> dropped_namespaces_;  // folded
  bool objects_changed_ = false;                 // a table or view went or changed: views are asked
};

}  // namespace kalamdb::catalog
