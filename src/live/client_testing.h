// Clients for the tests of live: they replay what they are sent and notice what may not come.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "live/hub.h"
#include "row/json_document.h"

namespace kalamdb::live {

inline constexpr auto kPatience = std::chrono::seconds(60);  // a test that waits longer has failed

using Row = std::map<std::string, std::string>;  // column → JSON text

inline Row ParseRow(row::JsonView object) {
  Row row;
  for (const auto [name, value] : object.fields()) row[std::string(name)] = std::string(value.text());
  return row;
}

// One subscription as its client sees it. Every frame that may not come is a failure.
class Replica {
 public:
  void Apply(std::string_view frame) {
    const auto document = row::JsonDocument::Parse(frame);
    ASSERT_TRUE(document.ok()) << frame;
    const row::JsonView root = document->root();
    const std::string type(*root.Find("type")->AsString());
    types_.push_back(type);
    if (type == "subscription_ack") seq_ = std::stoull(std::string(root.Find("seq")->text()));
    if (type == "initial_data_batch") ApplyBatch(root, frame);
    if (type == "change") TakeChange(root, frame);
    if (type == "resync_required") rows_.clear();
    if (type == "schema_change") ApplySchema(root, frame);
    if (type == "subscription_closed") closed_ = std::string(root.Find("reason")->text());
    if (type == "error") error_ = std::string(root.Find("code")->text());
  }
  const std::map<std::string, Row>& rows() const { return rows_; }
  uint64_t seq() const { return seq_; }  // to resume from
  bool ready() const { return ready_; }
  const std::vector<std::string>& types() const { return types_; }
  size_t Count(std::string_view type) const {
    return static_cast<size_t>(std::count(types_.begin(), types_.end(), type));
  }
  const std::string& closed() const { return closed_; }
  const std::string& error() const { return error_; }
  void StartFrom(const Replica& other) {  // a client that comes back
    rows_ = other.rows_;
    seq_ = other.seq_;
  }

 private:
  void ApplyBatch(row::JsonView root, std::string_view frame) {
    for (row::JsonView object : root.Find("rows")->items()) {
      Row row = ParseRow(object);
      const std::string id = row["id"];
      EXPECT_TRUE(rows_.emplace(id, std::move(row)).second) << "twice in the snapshot: " << frame;
    }
    const row::JsonView control = *root.Find("batch_control");
    seq_ = std::stoull(std::string(control.Find("last_seq_id")->text()));
    ready_ = control.Find("status")->text() == "ready";
  }
  // A commit counts when its last frame is there: who comes back before gets all of it again.
  void TakeChange(row::JsonView root, std::string_view frame) {
    pending_.emplace_back(frame);
    if (root.Find("more")) return;
    for (const std::string& one : std::exchange(pending_, {})) {
      const auto document = row::JsonDocument::Parse(one);
      ApplyChange(document->root(), one);
    }
  }
  void ApplyChange(row::JsonView root, std::string_view frame) {
    const std::string kind(root.Find("change_type")->text());
    const uint64_t seq = std::stoull(std::string(root.Find("seq")->text()));
    EXPECT_GE(seq, seq_) << "out of order: " << frame;
    seq_ = seq;
    const row::JsonView changed = *root.Find(kind == "delete" ? "old_values" : "rows");
    for (row::JsonView object : changed.items()) {
      Row row = ParseRow(object);
      const std::string id = row["id"];
      if (kind == "insert") {
        EXPECT_FALSE(rows_.contains(id)) << "is there already: " << frame;
      } else {
        EXPECT_TRUE(rows_.contains(id)) << "is not there: " << frame;
      }
      if (kind == "delete") {
        EXPECT_EQ(rows_[id]["_seq"], row["_seq"]) << frame;
        rows_.erase(id);
      } else {
        rows_[id] = std::move(row);
      }
    }
  }
  void ApplySchema(row::JsonView root, std::string_view frame) {
    EXPECT_LT(*root.Find("old_version")->AsInt64(), *root.Find("new_version")->AsInt64()) << frame;
    for (row::JsonView column : root.Find("schema")->items()) {
      const std::string name(column.Find("name")->text());
      for (auto& [id, row] : rows_) row.try_emplace(name, column.Find("initial_default")->text());
    }
  }

  std::map<std::string, Row> rows_;
  std::vector<std::string> pending_;  // frames of a commit that is not whole
  std::vector<std::string> types_;
  std::string closed_, error_;
  uint64_t seq_ = 0;
  bool ready_ = false;
};

// A socket: its frames are replayed by subscription; Stall() makes it a slow one.
class TestSink final : public FrameSink {
 public:
  void Send(Frame frame, std::string_view) override {
    std::lock_guard lock(mutex_);
    if (stalled_) queued_ += frame->size();
    const auto document = row::JsonDocument::Parse(*frame);
    const auto id = document->root().Find("subscription_id");
    frames_.push_back(*frame);
    replicas_[id ? std::string(id->text()) : ""].Apply(*frame);
    changed_.notify_all();
  }
  size_t QueuedBytes() const override {
    std::lock_guard lock(mutex_);
    return queued_;
  }
  void WhenDrained(size_t below, std::function<void()> callback) override {
    {
      std::lock_guard lock(mutex_);
      changed_.notify_all();
      ++drain_waits_;
      if (queued_ > below) {
        callbacks_.push_back(std::move(callback));
        return;
      }
    }
    callback();
  }
  void Stall(size_t queued) {
    std::lock_guard lock(mutex_);
    stalled_ = true;
    queued_ += queued;
  }
  void Drain() {
    std::vector<std::function<void()>> callbacks;
    {
      std::lock_guard lock(mutex_);
      stalled_ = false;
      queued_ = 0;
      callbacks.swap(callbacks_);
    }
    for (auto& callback : callbacks) callback();
  }
  // Waits until the condition holds for what was received.
  bool WaitUntil(const std::function<bool(TestSink&)>& condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return condition(*this); });
  }
  bool WaitFor(const std::string& id, const std::function<bool(const Replica&)>& condition) {
    return WaitUntil([&](TestSink& sink) { return condition(sink.replicas_[id]); });
  }
  Replica Of(const std::string& id) const {
    std::lock_guard lock(mutex_);
    const auto found = replicas_.find(id);
    return found == replicas_.end() ? Replica() : found->second;
  }
  void Begin(const std::string& id, const Replica& from) {
    std::lock_guard lock(mutex_);
    replicas_[id].StartFrom(from);
  }
  std::vector<std::string> frames() const {
    std::lock_guard lock(mutex_);
    return frames_;
  }
  size_t drain_waits_ = 0;  // within WaitUntil

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Replica> replicas_;
  std::vector<std::string> frames_;
  std::vector<std::function<void()>> callbacks_;
  size_t queued_ = 0;
  bool stalled_ = false;
};

}  // namespace kalamdb::live
