// The views that are alive, oldest first: what may be trimmed depends on the oldest one.
#pragma once

#include <list>
#include <memory>
#include <optional>

#include "base/mutex.h"
#include "storage/read_view.h"

namespace kalamdb::storage {

// Thread-safe. Views may outlive the registry's owner: they share it.
class ViewRegistry : public std::enable_shared_from_this<ViewRegistry> {
 public:
  // The view as readers share it; it leaves the list when the last reference goes. In order of sequence.
  ReadViewPtr Adopt(std::unique_ptr<const ReadView> view) EXCLUDES(mutex_);

  // What the oldest live view sees. Floors and segments only move forward, so what is dead in it is dead in all.
  struct Oldest {
    Seq seq;
    int64_t taken_ns = 0;
    PersistentMap<uint32_t, TableColdPtr> cold_by_table;
  };
  std::optional<Oldest> FindOldest() const EXCLUDES(mutex_);
  size_t count() const EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  std::list<const ReadView*> views_ GUARDED_BY(mutex_);
};

}  // namespace kalamdb::storage
