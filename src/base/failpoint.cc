// The table of armed places and of names that were reached.
#include "base/failpoint.h"

#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace kalamdb {

namespace {

constexpr Micros kLongestWait = 60'000'000;
constexpr int kCrashStatus = 137;  // what a shell reports for kill -9

struct Step {
  enum class Kind : uint8_t { kError, kCrash, kSignal, kWait };
  Kind kind = Kind::kError;
  ErrorCode code = ErrorCode::kStorageUnavailable;
  std::string point = {};
};

struct Place {
  std::vector<Step> steps = {};
  std::function<Status()> callback = {};
  uint64_t only_at_hit = 0;  // 0 = always
  uint64_t hits = 0;
};

struct Table {
  Mutex mutex;
  CondVar reached_changed;
  std::map<std::string, Place, std::less<>> places GUARDED_BY(mutex);
  std::set<std::string, std::less<>> reached GUARDED_BY(mutex);
};

// Never destroyed: places are passed until the last thread ends.
Table& ArmedTable() {
  static Table* table = new Table;
  return *table;
}

std::optional<ErrorCode> FindErrorCode(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(ErrorCode::kInternal); ++i) {
    ErrorCode code = static_cast<ErrorCode>(i);
    if (ErrorCodeName(code) == name) return code;
  }
  return std::nullopt;
}

Error BadAction(std::string_view action) {
  return Error{.code = ErrorCode::kInvalidParameter,
               .message = "failpoint action '" + std::string(action) + "' is not understood",
               .hint = "[N@] error[:CODE] | crash | signal:NAME | wait:NAME, joined by +"};
}

std::optional<Step> ParseStep(std::string_view text) {
  size_t colon = text.find(':');
  std::string_view verb = text.substr(0, colon);
  std::string_view argument = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  if (verb == "crash" && argument.empty()) return Step{.kind = Step::Kind::kCrash};
  if (verb == "signal" && !argument.empty()) return Step{.kind = Step::Kind::kSignal, .point = std::string(argument)};
  if (verb == "wait" && !argument.empty()) return Step{.kind = Step::Kind::kWait, .point = std::string(argument)};
  if (verb != "error") return std::nullopt;
  if (argument.empty()) return Step{.kind = Step::Kind::kError};
  std::optional<ErrorCode> code = FindErrorCode(argument);
  if (!code) return std::nullopt;
  return Step{.kind = Step::Kind::kError, .code = *code};
}

Result<Place> ParsePlace(std::string_view action) {
  Place place;
  std::string_view rest = action;
  if (size_t at = rest.find('@'); at != std::string_view::npos) {
    auto [end, error] = std::from_chars(rest.data(), rest.data() + at, place.only_at_hit);
    if (error != std::errc() || end != rest.data() + at || place.only_at_hit == 0) return BadAction(action);
    rest.remove_prefix(at + 1);
  }
  for (;;) {
    size_t plus = rest.find('+');
    std::optional<Step> step = ParseStep(rest.substr(0, plus));
    if (!step) return BadAction(action);
    place.steps.push_back(std::move(*step));
    if (plus == std::string_view::npos) return place;
    rest.remove_prefix(plus + 1);
  }
}

void Arm(const std::string& name, Place place) {
  Table& table = ArmedTable();
  MutexLock lock(table.mutex);
  if (table.places.insert_or_assign(name, std::move(place)).second) ++failpoint_internal::armed_places;
}

Status RunSteps(std::string_view name, const std::vector<Step>& steps) {
  for (const Step& step : steps) {
    switch (step.kind) {
      case Step::Kind::kError: return Error{.code = step.code, .message = "failpoint " + std::string(name)};
      case Step::Kind::kCrash: _exit(kCrashStatus);
      case Step::Kind::kSignal: SignalPoint(step.point); break;
      case Step::Kind::kWait: WaitForPoint(step.point); break;
    }
  }
  return {};
}

}  // namespace

namespace failpoint_internal {

Status Hit(std::string_view name) {
  Place place;
  {
    Table& table = ArmedTable();
    MutexLock lock(table.mutex);
    auto it = table.places.find(name);
    if (it == table.places.end()) return {};
    ++it->second.hits;
    if (it->second.only_at_hit != 0 && it->second.only_at_hit != it->second.hits) return {};
    place = it->second;
  }
  return place.callback ? place.callback() : RunSteps(name, place.steps);
}

}  // namespace failpoint_internal

Status ArmFailpoint(const std::string& name, std::string_view action) {
  ASSIGN_OR_RETURN(Place place, ParsePlace(action));
  Arm(name, std::move(place));
  return {};
}

Status ArmFailpoints(std::string_view spec) {
  std::vector<std::pair<std::string, Place>> parsed;
  while (!spec.empty()) {
    size_t end = spec.find(';');
    std::string_view entry = spec.substr(0, end);
    spec.remove_prefix(end == std::string_view::npos ? spec.size() : end + 1);
    if (entry.empty()) continue;
    size_t equals = entry.find('=');
    if (equals == std::string_view::npos || equals == 0) return BadAction(entry);
    ASSIGN_OR_RETURN(Place place, ParsePlace(entry.substr(equals + 1)));
    parsed.emplace_back(std::string(entry.substr(0, equals)), std::move(place));
  }
  for (auto& [name, place] : parsed) Arm(name, std::move(place));
  return {};
}

Status ArmFailpointsFromEnvironment() {
  const char* spec = std::getenv("KALAMDB_FAILPOINTS");
  return spec == nullptr ? Status() : ArmFailpoints(spec);
}

void DisarmFailpoint(const std::string& name) {
  Table& table = ArmedTable();
  MutexLock lock(table.mutex);
  if (table.places.erase(name) != 0) --failpoint_internal::armed_places;
}

void ResetFailpoints() {
  Table& table = ArmedTable();
  MutexLock lock(table.mutex);
  failpoint_internal::armed_places -= static_cast<int>(table.places.size());
  table.places.clear();
  table.reached.clear();
}

void SignalPoint(const std::string& name) {
  Table& table = ArmedTable();
  MutexLock lock(table.mutex);
  table.reached.insert(name);
  table.reached_changed.NotifyAll();
}

void WaitForPoint(const std::string& name) {
  Table& table = ArmedTable();
  MutexLock lock(table.mutex);
  while (!table.reached.contains(name)) {
    if (!table.reached_changed.WaitFor(table.mutex, kLongestWait) && !table.reached.contains(name)) {
      std::fprintf(stderr, "kalamdb: nobody reached '%s' within 60 s\n", name.c_str());
      KALAM_CHECK(false);
    }
  }
}

uint64_t FailpointHits(const std::string& name) {
  Table& table = ArmedTable();
  MutexLock lock(table.mutex);
  auto it = table.places.find(name);
  return it == table.places.end() ? 0 : it->second.hits;
}

ScopedFailpoint::ScopedFailpoint(std::string name, std::string_view action) : name_(std::move(name)) {
  KALAM_CHECK(ArmFailpoint(name_, action).ok());
}

ScopedFailpoint::ScopedFailpoint(std::string name, std::function<Status()> callback) : name_(std::move(name)) {
  Arm(name_, Place{.callback = std::move(callback)});
}

ScopedFailpoint::~ScopedFailpoint() { DisarmFailpoint(name_); }

}  // namespace kalamdb
