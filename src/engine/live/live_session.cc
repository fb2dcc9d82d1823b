// Connections for live queries.
#include "engine/live/live_session.h"

namespace kalamdb::engine {

LiveSession::LiveSession(std::shared_ptr<Instance> instance)
    : instance_(std::move(instance)),
      binding_(std::make_unique<duckdb::Connection>(const_cast<Instance&>(*instance_).database())),
      evaluating_(std::make_unique<duckdb::Connection>(const_cast<Instance&>(*instance_).database())) {}

void LiveSession::Bind(const std::function<void(duckdb::ClientContext&)>& body) {
  const MutexLock lock(mutex_);
  duckdb::ClientContext& context = *binding_->context;
  context.RunFunctionInTransaction([&] { body(context); });
}

LiveSessionPtr LiveParts::Session() {
  std::shared_ptr<Instance> instance = services_.instance();
  const MutexLock lock(mutex_);
  if (session_ == nullptr || &session_->instance() != instance.get())
    session_ = std::make_shared<LiveSession>(std::move(instance));
  return session_;
}

bool LiveSession::Reserve(size_t bytes) {
  if (kept_bytes_.fetch_add(bytes) + bytes <= kKeptExecutorBytes) return true;
  kept_bytes_ -= bytes;
  return false;
}

LiveSelectPtr LiveParts::Find(const std::string& key) {
  const MutexLock lock(mutex_);
  const auto found = selects_.find(key);
  return found == selects_.end() ? nullptr : found->second.lock();
}

void LiveParts::Add(const std::string& key, const LiveSelectPtr& select) {
  const MutexLock lock(mutex_);
  if (selects_.size() >= prune_at_) {
    std::erase_if(selects_, [](const auto& entry) { return entry.second.expired(); });
    prune_at_ = std::max(kMinSelects, selects_.size() * 2);
  }
  selects_[key] = select;
}

}  // namespace kalamdb::engine
