// The configuration of `kalamdb`: one table of keys, and what holds after file, environment and flags, in rising
// priority.
//
// Immutable after Load. Every key is documented in ConfigKeys(), which also feeds --help, `kalamdb config` and
// system.settings.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace kalamdb::cli {

enum class ConfigKind : uint8_t { kText, kChoice, kList, kBool, kInteger, kNumber, kBytes };

struct ConfigKey {
  std::string_view name;  // "limits.body_bytes"
  ConfigKind kind;
  std::string_view standard;      // the default, as it is written in a file
  std::string_view about;         // one sentence
  std::string_view choices = {};  // kChoice: "sync|wal"
  int64_t least = 0;              // of numbers
  std::string_view scope = {};    // of limits: "connection", "user", "address"; empty = the server, or no limit
};
std::span<const ConfigKey> ConfigKeys();
const ConfigKey* FindConfigKey(std::string_view name);
std::string EnvironmentName(std::string_view key);  // "KALAMDB_LIMITS_BODY_BYTES"
std::string_view UnitOf(const ConfigKey& key);      // "bytes", "s", "ms" …, by kind and name; may be empty

enum class ConfigSource : uint8_t { kDefault, kFile, kEnvironment, kFlag };
std::string_view ConfigSourceName(ConfigSource source);

struct ConfigValue {
  std::string text;  // as it is written in a file, strings without their quotes, lists joined by commas
  ConfigSource source = ConfigSource::kDefault;
};

// What one source says: key → text. Lists are separated by commas.
using ConfigTexts = std::vector<std::pair<std::string, std::string>>;

class Config {
 public:
  // Errors: kInvalidParameter naming key, value and source.
  static Result<Config> Load(const ConfigTexts& file, const ConfigTexts& environment, const ConfigTexts& flags);

  // REQUIRES: the key is in the table and of that kind.
  const std::string& Text(std::string_view key) const { return Get(key).text; }
  std::vector<std::string> List(std::string_view key) const;
  bool Bool(std::string_view key) const { return Get(key).text == "true"; }
  int64_t Integer(std::string_view key) const;
  uint64_t Bytes(std::string_view key) const { return static_cast<uint64_t>(Integer(key)); }
  double Number(std::string_view key) const;

  const ConfigValue& Get(std::string_view key) const;
  // `key = value # source`, a line each; a valid configuration file.
  std::string Print() const;
  // Keys whose values differ.
  std::vector<std::string> Differences(const Config& other) const;

 private:
  Status Set(std::string_view key, std::string_view text, ConfigSource source);
  std::map<std::string, ConfigValue, std::less<>> values_;
};

// The KALAMDB_* variables of `environment` ("NAME=value") that are keys. Unknown ones under a section of the table are
// errors; other unknown ones become `warnings`.
Result<ConfigTexts> ReadEnvironment(const char* const* environment, std::vector<std::string>* warnings);

// A TOML file. Errors: kInvalidParameter naming the line or the key.
Result<ConfigTexts> ReadConfigFile(const std::string& path);
// What such a file holds. Errors: as above.
Result<ConfigTexts> ParseConfigFile(std::string_view contents);

}  // namespace kalamdb::cli
