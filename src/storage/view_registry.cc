// The list of live views.
#include "storage/view_registry.h"

namespace kalamdb::storage {

ReadViewPtr ViewRegistry::Adopt(std::unique_ptr<const ReadView> view) {
  std::list<const ReadView*>::iterator place;
  {
    MutexLock lock(mutex_);
    place = views_.insert(views_.end(), view.get());
  }
  auto leave = [registry = shared_from_this(), place](const ReadView* gone) {
    {
      MutexLock lock(registry->mutex_);
      registry->views_.erase(place);
    }
    delete gone;
  };
  return ReadViewPtr(view.release(), std::move(leave));
}

std::optional<ViewRegistry::Oldest> ViewRegistry::FindOldest() const {
  MutexLock lock(mutex_);
  if (views_.empty()) return std::nullopt;
  const ReadView& view = *views_.front();
  return Oldest{.seq = view.seq, .taken_ns = view.taken_ns, .cold_by_table = view.cold_by_table};
}

size_t ViewRegistry::count() const {
  MutexLock lock(mutex_);
  return views_.size();
}

}  // namespace kalamdb::storage
