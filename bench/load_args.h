// Arguments of the load generator: a scenario and `--name value` pairs.
#pragma once

#include <cstdlib>
#include <map>
#include <string>

namespace kalamdb::bench {

class LoadArgs {
 public:
  LoadArgs(int argc, char** argv) {
    for (int i = 2; i + 1 < argc; i += 2) values_[argv[i]] = argv[i + 1];
  }
  std::string Text(const std::string& name, const std::string& absent) const {
    auto found = values_.find("--" + name);
    return found == values_.end() ? absent : found->second;
  }
  long Number(const std::string& name, long absent) const {
    auto found = values_.find("--" + name);
    return found == values_.end() ? absent : std::atol(found->second.c_str());
  }

 private:
  std::map<std::string, std::string> values_;
};

}  // namespace kalamdb::bench
