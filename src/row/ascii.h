// Classes of ASCII characters, without regard to a locale.
#pragma once

namespace kalamdb::row {

constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }
constexpr bool IsBlank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}  // JSON's and SQL's white space
constexpr char ToLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

inline constexpr char kHexDigits[] = "0123456789abcdef";

}  // namespace kalamdb::row
