// What of a pattern makes it read ahead.
#include "engine/bridge/regex_bounds.h"

#include <algorithm>
#include <array>

namespace kalamdb::engine {
namespace {

constexpr size_t kShortPattern = 256;  // reads less than that ahead where it repeats nothing

// Behind the class of characters at `i`, which is a `[`.
size_t EndOfClass(std::string_view pattern, size_t i) {
  ++i;
  if (i < pattern.size() && pattern[i] == '^') ++i;
  if (i < pattern.size() && pattern[i] == ']') ++i;
  while (i < pattern.size() && pattern[i] != ']') i += pattern[i] == '\\' ? 2 : 1;
  return i + 1;
}

bool IsQuantifier(char c) { return c == '*' || c == '+' || c == '?' || c == '{'; }

}  // namespace

bool FindsAllMatches(std::string_view function_name) {
  constexpr std::array<std::string_view, 5> kNames = {"regexp_extract_all", "regexp_replace", "regexp_split_to_array",
                                                      "str_split_regex", "string_split_regex"};
  return std::find(kNames.begin(), kNames.end(), function_name) != kNames.end();
}

// A match whose end can be seen only later needs a choice (an alternative, or a group that may be left out or repeated)
// and something long in it.
bool MayReadFarAhead(std::string_view pattern) {
  bool chooses = false, repeats = pattern.size() > kShortPattern;
  for (size_t i = 0; i < pattern.size();) {
    const char c = pattern[i];
    if (c == '[') {
      i = EndOfClass(pattern, i);
      continue;
    }
    chooses |= c == '|' || (c == ')' && i + 1 < pattern.size() && IsQuantifier(pattern[i + 1]));
    repeats |= c == '*' || c == '+' || c == '{';
    i += c == '\\' ? 2 : 1;
  }
  return chooses && repeats;
}

}  // namespace kalamdb::engine
