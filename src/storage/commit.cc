// Sizes of requests, and waiting for a commit.
#include "storage/commit.h"

#include "base/mutex.h"

namespace kalamdb::storage {

size_t CommitRequest::ByteSize() const {
  size_t bytes = sizeof(CommitRequest);
  for (const WriteSet& write : writes) {
    bytes += sizeof(WriteSet);
    for (const RowChange& change : write.changes) {
      bytes += sizeof(RowChange) + change.key.size() + change.row.size() + change.old_row.size();
    }
  }
  for (const auto& [key, value] : system_records) bytes += key.size() + (value ? value->size() : 0);
  return bytes;
}

CommitOutcome CommitPipeline::Run(CommitRequest request) {
  struct Waiting {
    Mutex mutex;
    CondVar done_changed;
    std::optional<CommitOutcome> outcome GUARDED_BY(mutex);
  };
  // Shared: the committing thread may still be notifying when this one has gone on.
  auto waiting = std::make_shared<Waiting>();
  Submit(std::move(request), true, [waiting](CommitOutcome outcome) {
    MutexLock lock(waiting->mutex);
    waiting->outcome = std::move(outcome);
    waiting->done_changed.NotifyOne();
  });
  MutexLock lock(waiting->mutex);
  while (!waiting->outcome) waiting->done_changed.Wait(waiting->mutex);
  return *std::move(waiting->outcome);
}

}  // namespace kalamdb::storage
