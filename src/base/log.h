// Structured log: one event a line, with named fields, as JSON or as text.
//
//   log.Info("flush", {{"table", "chat.messages"}, {"rows", 1200}, {"ms", 3.4}, {"request_id", request_id}});
//   {"ts":"2026-01-01T00:00:00.000000Z","level":"info","event":"flush","table":"chat.messages","rows":1200,"ms":3.4,…}
//   2026-01-01T00:00:00.000000Z INFO flush table=chat.messages rows=1200 ms=3.4 …
//
// The event is a short constant name; what varies goes into fields. Fields used by all: request_id, user, table, rows,
// ms, error. Never a password, a token, a parameter's value or an unmasked SQL literal.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/error.h"

namespace kalamdb {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarn, kError, kOff };
enum class LogFormat : uint8_t { kText, kJson };

// "debug", "info", "warn", "error", "off"; INVALID_PARAMETER for others. Likewise "text" and "json".
Result<LogLevel> ParseLogLevel(std::string_view name);
Result<LogFormat> ParseLogFormat(std::string_view name);

// A name and a value; refers to the caller's strings, so it lives no longer than the call.
struct LogField {
  enum class Kind : uint8_t { kText, kInteger, kNumber, kBool };

  LogField(std::string_view n, std::string_view value) : name(n), kind(Kind::kText), text(value) {}
  LogField(std::string_view n, const char* value) : LogField(n, std::string_view(value)) {}
  LogField(std::string_view n, const std::string& value) : LogField(n, std::string_view(value)) {}
  template <typename T>
    requires std::is_arithmetic_v<T>
  LogField(std::string_view n, T value) : name(n) {
    if constexpr (std::is_same_v<T, bool>) {
      kind = Kind::kBool;
      integer = value;
    } else if constexpr (std::is_floating_point_v<T>) {
      kind = Kind::kNumber;
      number = value;
    } else {
      kind = Kind::kInteger;
      integer = static_cast<int64_t>(value);
    }
  }

  std::string_view name;
  Kind kind = Kind::kText;
  std::string_view text = {};
  int64_t integer = 0;
  double number = 0;
};

struct LogOptions {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kText;
  std::string file = {};  // appended to; empty = standard error
};

// Thread-safe. A line below the level costs one comparison. Lines are written at once (nothing is lost in a crash).
class Logger {
 public:
  // STORAGE_UNAVAILABLE if the file cannot be opened.
  static Result<std::unique_ptr<Logger>> Open(const LogOptions& options);

  // Writes nothing anywhere: for tests.
  Logger();
  ~Logger();
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  void Debug(std::string_view event, std::initializer_list<LogField> fields = {}) {
    Write(LogLevel::kDebug, event, fields);
  }
  void Info(std::string_view event, std::initializer_list<LogField> fields = {}) {
    Write(LogLevel::kInfo, event, fields);
  }
  void Warn(std::string_view event, std::initializer_list<LogField> fields = {}) {
    Write(LogLevel::kWarn, event, fields);
  }
  void Error(std::string_view event, std::initializer_list<LogField> fields = {}) {
    Write(LogLevel::kError, event, fields);
  }

  bool Enabled(LogLevel level) const { return level >= level_; }
  void Write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields);

 private:
  struct Sink;
  LogLevel level_ = LogLevel::kOff;
  LogFormat format_ = LogFormat::kText;
  std::unique_ptr<Sink> sink_;
};

}  // namespace kalamdb
