// The shape of a statement's text: the text with each plain literal replaced by a mark of its kind. Texts of one shape
// are one sequence of tokens with other literals in it, so what was compiled from one serves the others.
//
// Pure. Knows only plain texts (ASCII outside of strings, one statement, no comments, parameters or prefixed strings);
// of any other it says nothing, and the parser is asked. Whether a literal stands where only its value matters is for
// the compiler to say (FastPlan::literals).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "duckdb.hpp"

namespace kalamdb::engine {

inline constexpr size_t kMaxShapedBytes = 2'048;  // of a text
inline constexpr size_t kMaxLiterals = 16;

struct TextLiteral {
  uint32_t begin = 0, end = 0;  // bytes of the text
  bool operator==(const TextLiteral&) const = default;
};

struct TextShape {
  std::string shape;
  std::vector<TextLiteral> literals;  // in the order of the text
};

// nullopt: not a plain text, or one without literals.
std::optional<TextShape> ShapeOf(std::string_view text);

// What the engine's parser makes of the literal; nullopt: more than a BIGINT.
std::optional<duckdb::Value> ValueOf(std::string_view text, const TextLiteral& literal);

}  // namespace kalamdb::engine
