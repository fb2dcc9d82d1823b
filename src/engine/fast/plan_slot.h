// Where a statement keeps its compiled fast plans: a few, one for each namespace and table version it met lately.
//
// Thread-safe. Holds at most kMaxPlans; the oldest goes.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

namespace kalamdb::engine {

class FastPlan;  // fast/plan.h

class PlanSlot {
 public:
  static constexpr size_t kMaxPlans = 4;
  using List = std::vector<std::shared_ptr<const FastPlan>>;

  std::shared_ptr<const List> Load() const { return plans_.load(std::memory_order_acquire); }
  // Puts a plan first. Returns how many were dropped.
  size_t Add(std::shared_ptr<const FastPlan> plan) {
    std::shared_ptr<const List> old = plans_.load(std::memory_order_acquire);
    while (true) {
      auto made = std::make_shared<List>();
      made->push_back(plan);
      size_t dropped = 0;
      if (old != nullptr) {
        for (const auto& kept : *old) {
          if (made->size() < kMaxPlans) {
            made->push_back(kept);
          } else {
            ++dropped;
          }
        }
      }
      if (plans_.compare_exchange_strong(old, std::shared_ptr<const List>(made))) return dropped;
    }
  }
  bool Empty() const { return plans_.load(std::memory_order_acquire) == nullptr; }

 private:
  std::atomic<std::shared_ptr<const List>> plans_;
};

}  // namespace kalamdb::engine
