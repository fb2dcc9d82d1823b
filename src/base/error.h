// Errors as values: the code a client sees, the message, and Result<T> that carries either a value or an error.
//
// What a healthy process can meet (bad input, a full disk, a lost race) is an Error in a Result. What only a bug of
// ours can cause is a KALAM_CHECK, which ends the process with a stack trace. Exceptions of a library stop at the
// module that calls the library. All types here are plain values: copyable, movable, safe to use from one thread at a
// time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace kalamdb {

// The codes of docs/errors.md, exact and stable. A caller that would do something different gets a code of its own.
enum class ErrorCode : uint8_t {
  kInvalidSql,            // the text cannot be parsed or bound
  kEmptySql,              // no statement at all
  kInvalidParameter,      // a parameter, option, header or body field is wrong
  kTypeMismatch,          // a value does not fit its type: cast, range, length
  kUnsupported,           // valid, but not offered
  kNotNullViolation,      // NULL for a NOT NULL column
  kCheckViolation,        // a CHECK is false
  kCardinalityViolation,  // one statement would change a row twice
  kUnauthenticated,       // no identity, or a wrong one
  kTokenExpired,          // the identity has run out
  kPermissionDenied,      // known, but not allowed
  kAccountLocked,         // too many failed logins
  kTableNotFound,
  kNamespaceNotFound,
  kColumnNotFound,
  kNotFound,  // user, storage, job, live query, route …
  kMethodNotAllowed,
  kTimeout,
  kTooLarge,     // a limit in bytes or rows; the message names it
  kRateLimited,  // a limit in events a time; the message names it
  kCancelled,
  kAlreadyExists,
  kUniqueViolation,
  kWriteConflict,   // retryable: lost a race for a row
  kSchemaChanged,   // retryable: lost a race against ALTER
  kSnapshotTooOld,  // retryable: the view was given up
  kDependentObjects,
  kStarting,            // recovery is not done
  kDraining,            // the server is shutting down
  kStorageUnavailable,  // disk full, unwritable or damaged
  kInternal,            // our fault; the message carries an id that is in the log
};

// What went wrong, for the one who asked. Never holds another user's data, a path of the host or a secret.
struct [[nodiscard]] Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;           // one sentence: what is wrong, naming table, column, rule and value
  std::string hint = {};         // what would work; may be empty
  int64_t position = 0;          // characters from 1 within the statement; 0 = none
  bool outcome_unknown = false;  // the change may or may not have happened (failed fsync)

  Error WithHint(std::string text) && {
    hint = std::move(text);
    return std::move(*this);
  }
  Error At(int64_t pos) && {
    position = pos;
    return std::move(*this);
  }
};

// "TABLE_NOT_FOUND" and so on.
std::string_view ErrorCodeName(ErrorCode code);

// A T or an Error. Result<void> holds nothing or an Error. REQUIRES of value(): ok().
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  Error& error() & { return std::get<1>(state_); }
  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  Error& error() & { return *error_; }
  const Error& error() const& { return *error_; }
  Error&& error() && { return *std::move(error_); }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

// Ends the process: prints the condition, the place and a stack trace. For our own bugs only.
[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);

}  // namespace kalamdb

#define KALAM_CHECK(condition)                                \
  do {                                                        \
    if (!(condition)) [[unlikely]]                            \
      ::kalamdb::CheckFailed(#condition, __FILE__, __LINE__); \
  } while (0)

#define KALAM_CONCAT_INNER(a, b) a##b
#define KALAM_CONCAT(a, b) KALAM_CONCAT_INNER(a, b)

// Leaves the function with the error, if there is one.
#define RETURN_IF_ERROR(expr)                                        \
  do {                                                               \
    if (auto kalam_status = (expr); !kalam_status.ok()) [[unlikely]] \
      return std::move(kalam_status).error();                        \
  } while (0)

// ASSIGN_OR_RETURN(auto x, F()); leaves the function with F's error, else declares x.
#define ASSIGN_OR_RETURN(lhs, expr) ASSIGN_OR_RETURN_IMPL(KALAM_CONCAT(kalam_result_, __LINE__), lhs, expr)
#define ASSIGN_OR_RETURN_IMPL(tmp, lhs, expr) \
  auto tmp = (expr);                          \
  if (!tmp.ok()) [[unlikely]]                 \
    return std::move(tmp).error();            \
  lhs = *std::move(tmp)
