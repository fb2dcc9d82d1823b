// Expressions of DEFAULT and CHECK as canonical text: the one spelling that is stored, printed and compared.
//
// Pure, thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace kalamdb::engine {

// What the text of a DEFAULT is, once parsed: refused are columns, parameters, subqueries, aggregates' stars.
// NOW() and our own generators are printed in capitals; DEFAULT NULL is "".
Result<std::string> CanonicalDefault(std::string_view text);

// A CHECK by names of columns, and the columns it names (each once, spelling as written). Refused are parameters and
// subqueries.
struct CheckText {
  std::string text;
  std::vector<std::string> columns;
};
Result<CheckText> CanonicalCheck(std::string_view text);

// What a default does at each row: decides rule 4 of ALTER, and what a statement computes once.
enum class DefaultKind : uint8_t { kConstant, kNow, kPerRow, kSession };
DefaultKind KindOfDefault(std::string_view canonical);

}  // namespace kalamdb::engine
