// Names and texts as SQL writes them: what a name may be, and literals. The rest of the naming rules is in table.h.
//
// All functions are pure and thread-safe.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace kalamdb::catalog {

inline constexpr size_t kMaxNameCharacters = 64;  // of namespaces, tables, views, columns, constraints

// The number of characters (code points); nothing where the text is no valid UTF-8 or holds a control character.
std::optional<size_t> CountNameCharacters(std::string_view text);

// 'it''s'
std::string QuoteLiteral(std::string_view text);

// "a, b, c and 4 more": for messages that list what is there. Shows at most ten.
template <typename Container>
std::string ListNames(const Container& names) {
  constexpr size_t kShown = 10;
  std::string text;
  size_t count = 0;
  for (const auto& name : names) {
    if (count++ >= kShown) continue;
    if (!text.empty()) text += ", ";
    text += name;
  }
  if (count > kShown) text += " and " + std::to_string(count - kShown) + " more";
  return text;
}

}  // namespace kalamdb::catalog
