// Task: a piece of work to be run once, which may own what cannot be copied (std::function cannot hold a unique_ptr).
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace kalamdb {

// Movable, not copyable. One heap allocation. Running an empty Task is a bug.
class Task {
 public:
  Task() = default;

  template <typename F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, Task> && std::is_invocable_v<std::remove_cvref_t<F>&>)
  Task(F&& function)  // NOLINT(google-explicit-constructor)
      : body_(std::make_unique<Holder<std::remove_cvref_t<F>>>(std::forward<F>(function))) {}

  explicit operator bool() const { return body_ != nullptr; }
  void operator()() { body_->Run(); }

 private:
  struct Body {
    virtual ~Body() = default;
    virtual void Run() = 0;
  };
  template <typename F>
  struct Holder final : Body {
    explicit Holder(F f) : function(std::move(f)) {}
    void Run() override { function(); }
    F function;
  };

  std::unique_ptr<Body> body_;
};

}  // namespace kalamdb
