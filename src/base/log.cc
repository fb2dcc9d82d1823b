// Lines of the log: written here, carried to the file or standard error by spdlog.
#include "base/log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <chrono>
#include <cmath>

namespace kalamdb {

namespace {

constexpr std::string_view kLevelNames[] = {"debug", "info", "warn", "error", "off"};
constexpr std::string_view kLevelLabels[] = {"DEBUG", "INFO", "WARN", "ERROR", "OFF"};

using Line = fmt::memory_buffer;

void Append(Line& line, std::string_view text) { line.append(text.data(), text.data() + text.size()); }

void AppendTime(Line& line) {
  auto now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  auto micros = now.time_since_epoch().count() % 1'000'000;
  fmt::format_to(std::back_inserter(line), "{:%FT%T}.{:06}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(now)),
                 micros);
}

// A JSON string with its quotes. Control characters are escaped, so that an event stays on its line.
void AppendQuoted(Line& line, std::string_view text) {
  line.push_back('"');
  for (char c : text) {
    switch (c) {
      case '"': Append(line, "\\\""); break;
      case '\\': Append(line, "\\\\"); break;
      case '\n': Append(line, "\\n"); break;
      case '\r': Append(line, "\\r"); break;
      case '\t': Append(line, "\\t"); break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
          fmt::format_to(std::back_inserter(line), "\\u{:04x}", static_cast<unsigned>(c));
        } else {
          line.push_back(c);
        }
    }
  }
  line.push_back('"');
}

bool NeedsQuotes(std::string_view text) {
  if (text.empty()) return true;
  for (char c : text) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == '"' || c == '\\' || c == '=' || c == 0x7F) return true;
  }
  return false;
}

void AppendValue(Line& line, const LogField& field, bool json) {
  switch (field.kind) {
    case LogField::Kind::kText:
      if (json || NeedsQuotes(field.text)) {
        AppendQuoted(line, field.text);
      } else {
        Append(line, field.text);
      }
      break;
    case LogField::Kind::kInteger: fmt::format_to(std::back_inserter(line), "{}", field.integer); break;
    case LogField::Kind::kBool: Append(line, field.integer != 0 ? "true" : "false"); break;
    case LogField::Kind::kNumber:
      if (std::isfinite(field.number)) {
        fmt::format_to(std::back_inserter(line), "{}", field.number);
      } else {
        Append(line, "null");  // JSON has no other word for it
      }
      break;
  }
}

template <typename Enum, size_t N>
Result<Enum> Parse(const std::string_view (&names)[N], std::string_view name, const char* what) {
  std::string known;
  for (size_t i = 0; i < N; ++i) {
    if (names[i] == name) return static_cast<Enum>(i);
    known += (i == 0 ? "" : ", ") + std::string(names[i]);
  }
  return Error{.code = ErrorCode::kInvalidParameter,
               .message = fmt::format("unknown log {} '{}'", what, name),
               .hint = "one of " + known};
}

}  // namespace

Result<LogLevel> ParseLogLevel(std::string_view name) { return Parse<LogLevel>(kLevelNames, name, "level"); }

Result<LogFormat> ParseLogFormat(std::string_view name) {
  constexpr std::string_view names[] = {"text", "json"};
  return Parse<LogFormat>(names, name, "format");
}

struct Logger::Sink {
  std::shared_ptr<spdlog::sinks::sink> out;
};

Logger::Logger() = default;
Logger::~Logger() = default;

Result<std::unique_ptr<Logger>> Logger::Open(const LogOptions& options) {
  auto logger = std::make_unique<Logger>();
  logger->level_ = options.level;
  logger->format_ = options.format;
  logger->sink_ = std::make_unique<Sink>();
  try {
    if (options.file.empty()) {
      logger->sink_->out = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    } else {
      logger->sink_->out = std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.file);
    }
  } catch (const std::exception&) {
    return kalamdb::Error{.code = ErrorCode::kStorageUnavailable, .message = "cannot open the log file"};
  }
  logger->sink_->out->set_pattern("%v");
  return logger;
}

void Logger::Write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  if (!Enabled(level) || sink_ == nullptr) return;
  const bool json = format_ == LogFormat::kJson;
  Line line;
  Append(line, json ? "{\"ts\":\"" : "");
  AppendTime(line);
  if (json) {
    fmt::format_to(std::back_inserter(line), R"(","level":"{}","event":)", kLevelNames[static_cast<size_t>(level)]);
    AppendQuoted(line, event);
  } else {
    fmt::format_to(std::back_inserter(line), " {} {}", kLevelLabels[static_cast<size_t>(level)], event);
  }
  for (const LogField& field : fields) {
    if (json) {
      line.push_back(',');
      AppendQuoted(line, field.name);
      line.push_back(':');
    } else {
      line.push_back(' ');
      Append(line, field.name);
      line.push_back('=');
    }
    AppendValue(line, field, json);
  }
  if (json) line.push_back('}');
  spdlog::details::log_msg message("", spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
  try {
    sink_->out->log(message);
    sink_->out->flush();
  } catch (const std::exception&) {
    // A log that cannot be written must not stop the server.
  }
}

}  // namespace kalamdb
