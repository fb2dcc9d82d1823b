// Values of keys: reading, checking, printing.
#include "cli/config.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

namespace kalamdb::cli {

namespace {

constexpr std::string_view kPrefix = "KALAMDB_";
// Variables that are no keys.
constexpr std::string_view kOtherVariables[] = {"KALAMDB_ROOT_PASSWORD", "KALAMDB_FAILPOINTS",
                                                "KALAMDB_TEST_SECONDS_AHEAD", "KALAMDB_CONFIG"};

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// "1048576", "1MiB", "1 MB", "1m": units are powers of 1,024.
std::optional<int64_t> ParseBytes(std::string_view text) {
  uint64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  std::string unit(Trimmed(text.substr(static_cast<size_t>(end - text.data()))));
  for (char& c : unit) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  int shift = 0;
  if (!unit.empty() && unit != "b") {
    const size_t step = std::string_view("kmgt").find(unit[0]);
    const std::string rest = unit.substr(1);
    if (step == std::string_view::npos || (!rest.empty() && rest != "b" && rest != "ib")) return std::nullopt;
    shift = 10 * (static_cast<int>(step) + 1);
  }
  if (number > (static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) >> shift)) return std::nullopt;
  return static_cast<int64_t>(number << shift);
}

std::optional<int64_t> ParseInteger(std::string_view text) {
  int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<double> ParseDouble(std::string_view text) {
  double number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || !(number >= 0) || number > 1e15) return std::nullopt;
  return number;
}

bool IsChoice(std::string_view choices, std::string_view text) {
  while (!choices.empty()) {
    const size_t bar = std::min(choices.find('|'), choices.size());
    if (choices.substr(0, bar) == text) return true;
    choices.remove_prefix(std::min(bar + 1, choices.size()));
  }
  return false;
}

std::vector<std::string> SplitList(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    if (std::string_view item = Trimmed(text.substr(0, comma)); !item.empty()) items.emplace_back(item);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return items;
}

std::string JoinedList(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ",") + item;
  return text;
}

// The text in its one spelling, or what the key takes.
Result<std::string> Normalized(const ConfigKey& key, std::string_view text) {
  auto wrong = [&](std::string takes) {
    return Error{ErrorCode::kInvalidParameter,
                 std::string(key.name) + " takes " + takes + ", not \"" + std::string(text) + "\""};
  };
  const std::string least = " of at least " + std::to_string(key.least);
  switch (key.kind) {
    case ConfigKind::kText: return std::string(text);
    case ConfigKind::kList: return JoinedList(SplitList(text));
    case ConfigKind::kChoice:
      if (!IsChoice(key.choices, text)) return wrong(std::string(key.choices));
      return std::string(text);
    case ConfigKind::kBool:
      if (text == "true" || text == "1" || text == "on" || text == "yes") return std::string("true");
      if (text == "false" || text == "0" || text == "off" || text == "no") return std::string("false");
      return wrong("true or false");
    case ConfigKind::kInteger:
    case ConfigKind::kBytes: {
      const std::optional<int64_t> number = key.kind == ConfigKind::kBytes ? ParseBytes(text) : ParseInteger(text);
      if (!number || *number < key.least)
        return wrong((key.kind == ConfigKind::kBytes ? "a size" : "a whole number") + least);
      if (key.kind == ConfigKind::kInteger && *number > 1'000'000'000)
        return wrong("a whole number of at most 1000000000");
      return std::to_string(*number);
    }
    case ConfigKind::kNumber: {
      const std::optional<double> number = ParseDouble(text);
      if (!number) return wrong("a number of at least 0");
      char spelled[32];
      return std::string(spelled, std::to_chars(spelled, std::end(spelled), *number).ptr);
    }
  }
  return std::string(text);
}

// As a TOML string: control characters are written by their number.
std::string Quoted(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string quoted = "\"";
  for (char c : text) {
    if ((c >= 0 && c < ' ') || c == 0x7F) {
      quoted.append("\\u00").append(1, kDigits[static_cast<size_t>(c) >> 4]).append(1, kDigits[c & 15]);
      continue;
    }
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

}  // namespace

std::string EnvironmentName(std::string_view key) {
  std::string name(kPrefix);
  for (char c : key) name += static_cast<char>(c == '.' ? '_' : c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return name;
}

std::string_view ConfigSourceName(ConfigSource source) {
  constexpr std::string_view kNames[] = {"default", "file", "environment", "flag"};
  return kNames[static_cast<size_t>(source)];
}

Status Config::Set(std::string_view key, std::string_view text, ConfigSource source) {
  const ConfigKey* known = FindConfigKey(key);
  if (known == nullptr) {
    return Error{ErrorCode::kInvalidParameter,
                 "the key " + std::string(key) + " (" + std::string(ConfigSourceName(source)) + ") is unknown"};
  }
  ASSIGN_OR_RETURN(std::string normalized, Normalized(*known, Trimmed(text)));
  values_.insert_or_assign(std::string(key), ConfigValue{std::move(normalized), source});
  return {};
}

Result<Config> Config::Load(const ConfigTexts& file, const ConfigTexts& environment, const ConfigTexts& flags) {
  Config config;
  for (const ConfigKey& key : ConfigKeys()) RETURN_IF_ERROR(config.Set(key.name, key.standard, ConfigSource::kDefault));
  for (const auto& [key, text] : file) RETURN_IF_ERROR(config.Set(key, text, ConfigSource::kFile));
  for (const auto& [key, text] : environment) RETURN_IF_ERROR(config.Set(key, text, ConfigSource::kEnvironment));
  for (const auto& [key, text] : flags) RETURN_IF_ERROR(config.Set(key, text, ConfigSource::kFlag));
  for (std::string_view later : {"server.tls_cert", "server.tls_key", "auth.issuers"}) {
    if (!config.Text(later).empty()) return Error{ErrorCode::kUnsupported, std::string(later) + " is not offered yet"};
  }
  return config;
}

const ConfigValue& Config::Get(std::string_view key) const {
  auto found = values_.find(key);
  KALAM_CHECK(found != values_.end());
  return found->second;
}

std::vector<std::string> Config::List(std::string_view key) const { return SplitList(Text(key)); }

int64_t Config::Integer(std::string_view key) const {
  std::optional<int64_t> number = ParseInteger(Text(key));
  KALAM_CHECK(number.has_value());
  return *number;
}

double Config::Number(std::string_view key) const {
  std::optional<double> number = ParseDouble(Text(key));
  KALAM_CHECK(number.has_value());
  return *number;
}

std::string Config::Print() const {
  std::string out;
  for (const ConfigKey& key : ConfigKeys()) {
    const ConfigValue& value = Get(key.name);
    std::string text = value.text;
    if (key.kind == ConfigKind::kText || key.kind == ConfigKind::kChoice) text = Quoted(text);
    if (key.kind == ConfigKind::kList) {
      text = "[";
      for (const std::string& item : SplitList(value.text)) text += (text.size() > 1 ? ", " : "") + Quoted(item);
      text += "]";
    }
    out.append(key.name).append(" = ").append(text).append(" # ").append(ConfigSourceName(value.source)).append("\n");
  }
  return out;
}

std::vector<std::string> Config::Differences(const Config& other) const {
  std::vector<std::string> keys;
  for (const auto& [key, value] : values_) {
    if (other.Get(key).text != value.text) keys.push_back(key);
  }
  return keys;
}

Result<ConfigTexts> ReadEnvironment(const char* const* environment, std::vector<std::string>* warnings) {
  ConfigTexts texts;
  for (; *environment != nullptr; ++environment) {
    const std::string_view variable = *environment;
    const size_t equals = variable.find('=');
    if (!variable.starts_with(kPrefix) || equals == std::string_view::npos) continue;
    const std::string_view name = variable.substr(0, equals);
    if (std::find(std::begin(kOtherVariables), std::end(kOtherVariables), name) != std::end(kOtherVariables)) continue;
    bool known = false, known_section = false;
    for (const ConfigKey& key : ConfigKeys()) {
      const std::string key_name = EnvironmentName(key.name);
      known_section = known_section ||
                      name.starts_with(std::string_view(key_name).substr(0, kPrefix.size() + key.name.find('.') + 1));
      if (key_name != name) continue;
      texts.emplace_back(key.name, variable.substr(equals + 1));
      known = true;
    }
    if (known) continue;
    const std::string text = "the environment variable " + std::string(name) + " names no key";
    if (known_section) return Error{ErrorCode::kInvalidParameter, text};
    warnings->push_back(text);
  }
  return texts;
}

}  // namespace kalamdb::cli
