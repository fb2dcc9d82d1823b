// Connections for live queries.
#include "engine/live/live_session.h"

#include "engine/live/live_binding.h"

namespace kalamdb::engine {
namespace {

std::string ListKey(const catalog::Table& table, const std::string& text) {
  std::string key = std::to_string(table.id.value);
  key += ':';
  key += std::to_string(table.version().value);
  key += ':';
  return key += text;
}

}  // namespace

LiveSession::LiveSession(std::shared_ptr<Instance> instance)
    : instance_(std::move(instance)),
      binding_(std::make_unique<duckdb::Connection>(const_cast<Instance&>(*instance_).database())),
      evaluating_(std::make_unique<duckdb::Connection>(const_cast<Instance&>(*instance_).database())) {}

void LiveSession::Bind(const std::function<void(duckdb::ClientContext&)>& body) {
  const MutexLock lock(mutex_);
  duckdb::ClientContext& context = *binding_->context;
  context.RunFunctionInTransaction([&] { body(context); });
}

LiveSelectListPtr LiveSession::FindList(const std::string& text, const catalog::TablePtr& table) {
  const MutexLock lock(lists_mutex_);
  const auto found = lists_.find(ListKey(*table, text));
  LiveSelectListPtr list = found == lists_.end() ? nullptr : found->second.lock();
  return list != nullptr && list->table == table ? list : nullptr;
}

LiveSelectListPtr LiveSession::ShareList(LiveSelectListPtr list) {
  const MutexLock lock(lists_mutex_);
  if (lists_.size() >= prune_lists_at_) {
    std::erase_if(lists_, [](const auto& entry) { return entry.second.expired(); });
    prune_lists_at_ = std::max(kMinLists, lists_.size() * 2);
  }
  std::weak_ptr<const LiveSelectList>& known = lists_[ListKey(*list->table, list->text)];
  if (LiveSelectListPtr there = known.lock(); there != nullptr && there->table == list->table) return there;
  known = list;
  return list;
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
