// The engine's connections that live queries bind and evaluate with, kept for as long as anything bound through them
// lives.
//
// Thread-safe. Binding is one at a time; evaluating takes no lock: each evaluator has executors of its own on the
// shared context.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "base/mutex.h"
#include "duckdb.hpp"
#include "engine/bridge/instance.h"
#include "engine/live_select.h"
#include "engine/query_runner.h"
#include "storage/database.h"

namespace kalamdb::engine {

// What the executors of all evaluators may keep between batches; above it they are made anew for each, at some 2 µs.
inline constexpr size_t kKeptExecutorBytes = 64u << 20;

struct LiveSelectList;
using LiveSelectListPtr = std::shared_ptr<const LiveSelectList>;

class LiveSession {
 public:
  explicit LiveSession(std::shared_ptr<Instance> instance);

  const Instance& instance() const { return *instance_; }
  // Runs `body` in a transaction of the binding connection. Its exceptions pass through.
  void Bind(const std::function<void(duckdb::ClientContext&)>& body) EXCLUDES(mutex_);
  // For executors only.
  duckdb::ClientContext& evaluation() const { return *evaluating_->context; }

  // The list of that text (LiveListText) over exactly this table; nullptr: none lives.
  LiveSelectListPtr FindList(const std::string& text, const catalog::TablePtr& table) EXCLUDES(lists_mutex_);
  // The one that is there already, or this one from now on.
  LiveSelectListPtr ShareList(LiveSelectListPtr list) EXCLUDES(lists_mutex_);

  // Memory of executors that are kept. False: there is too much already.
  bool Reserve(size_t bytes);
  void Release(size_t bytes) { kept_bytes_ -= bytes; }

 private:
  const std::shared_ptr<Instance> instance_;  // keeps the database alive
  Mutex mutex_;
  const std::unique_ptr<duckdb::Connection> binding_;
  const std::unique_ptr<duckdb::Connection> evaluating_;
  std::atomic<size_t> kept_bytes_{0};

  static constexpr size_t kMinLists = 256;
  Mutex lists_mutex_;
  std::unordered_map<std::string, std::weak_ptr<const LiveSelectList>> lists_
      GUARDED_BY(lists_mutex_);  // as many as live, and as many dead
  size_t prune_lists_at_ GUARDED_BY(lists_mutex_) = kMinLists;
};
using LiveSessionPtr = std::shared_ptr<LiveSession>;

// What live queries need from the engine. All pointers outlive the live selects. Thread-safe.
class LiveParts {
 public:
  struct Services {
    std::function<std::shared_ptr<Instance>()> instance;  // the one at hand; it may be replaced
    QueryRunner* runner = nullptr;
    storage::Database* database = nullptr;
    const Clock* clock = nullptr;
  };
  explicit LiveParts(Services services) : services_(std::move(services)) {}

  const Services& services() const { return services_; }
  LiveSessionPtr Session() EXCLUDES(mutex_);  // over the instance at hand

  // Equal subscriptions share one select: by its text and its table's version. nullptr: none lives.
  LiveSelectPtr Find(const std::string& key) EXCLUDES(mutex_);
  void Add(const std::string& key, const LiveSelectPtr& select) EXCLUDES(mutex_);

 private:
  static constexpr size_t kMinSelects = 1'024;

  const Services services_;
  Mutex mutex_;
  LiveSessionPtr session_ GUARDED_BY(mutex_);
  std::unordered_map<std::string, std::weak_ptr<const LiveSelect>> selects_
      GUARDED_BY(mutex_);  // as many as live, and as many dead
  size_t prune_at_ GUARDED_BY(mutex_) = kMinSelects;
};
using LivePartsPtr = std::shared_ptr<LiveParts>;

}  // namespace kalamdb::engine
