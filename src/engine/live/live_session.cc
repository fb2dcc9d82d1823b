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
  if (session_ == nullptr || &session_->instance() != instance.get()) session_ = std::make_shared<LiveSession>(std::move(instance));
  return session_;
}

}  // namespace kalamdb::engine
