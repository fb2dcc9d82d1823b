// Configuration files: TOML, flattened to dotted keys. Hides toml++.
#include <toml++/toml.h>

#include <sstream>

#include "base/files.h"
#include "cli/config.h"

namespace kalamdb::cli {

namespace {

Error Wrong(const toml::node& node, const std::string& key, const char* what) {
  return {ErrorCode::kInvalidParameter,
          "line " + std::to_string(node.source().begin.line) + " of the configuration file: " + key + " " + what};
}

Result<std::string> ScalarText(const toml::node& node, const std::string& key) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* integer = node.as_integer()) return std::to_string(integer->get());
  if (const auto* flag = node.as_boolean()) return std::string(flag->get() ? "true" : "false");
  if (const auto* number = node.as_floating_point()) {
    std::ostringstream out;
    out << number->get();
    return out.str();
  }
  return Wrong(node, key, "is neither text, number, boolean nor a list of them");
}

Status Flatten(const toml::table& table, const std::string& prefix, ConfigTexts* texts) {
  for (const auto& [name, node] : table) {
    const std::string key = prefix + std::string(name.str());
    if (const auto* inner = node.as_table()) {
      RETURN_IF_ERROR(Flatten(*inner, key + ".", texts));
      continue;
    }
    const ConfigKey* known = FindConfigKey(key);
    if (known == nullptr) return Wrong(node, key, "is an unknown key");
    std::string text;
    if (const auto* list = node.as_array()) {
      if (known->kind != ConfigKind::kList) return Wrong(node, key, "takes no list");
      for (const toml::node& item : *list) {
        ASSIGN_OR_RETURN(std::string part, ScalarText(item, key));
        text += (text.empty() ? "" : ",") + part;
      }
    } else {
      ASSIGN_OR_RETURN(text, ScalarText(node, key));
    }
    texts->emplace_back(key, std::move(text));
  }
  return {};
}

}  // namespace

Result<ConfigTexts> ReadConfigFile(const std::string& path) {
  Result<std::string> contents = ReadFile(path, 1 << 20);
  if (!contents.ok())
    return Error{ErrorCode::kInvalidParameter, "the configuration file " + path + ": " + contents.error().message};
  ConfigTexts texts;
  try {
    const toml::table table = toml::parse(*contents);
    RETURN_IF_ERROR(Flatten(table, "", &texts));
  } catch (const toml::parse_error& error) {
    return Error{ErrorCode::kInvalidParameter, "line " + std::to_string(error.source().begin.line) +
                                                   " of the configuration file: " + std::string(error.description())};
  }
  return texts;
}

}  // namespace kalamdb::cli
