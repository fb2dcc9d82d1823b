// Case folding of names: ASCII, and the simple (one to one) foldings of the bicameral scripts of the Basic Multilingual
// Plane.
//
// Folded: Latin-1, Latin Extended-A, Extended Additional, Greek, Cyrillic, Armenian, Georgian (Asomtavruli), full-width
// Latin. Not folded: ß against SS, ligatures, the Turkish dotless i, other scripts. Invalid UTF-8 is kept byte by byte.
#include <cstdint>

#include "row/ascii.h"
#include "row/schema.h"

namespace kalamdb::row {
namespace {

// How the code points of a range find their lower case.
enum class Rule : uint8_t {
  kShift,     // all of them, by a constant
  kEvenPair,  // an even code point is the capital of the next
  kOddPair,   // an odd code point is the capital of the next
};

struct FoldRange {
  uint32_t first, last;
  Rule rule;
  int32_t shift;
};

constexpr FoldRange kFoldRanges[] = {
    {0x00C0, 0x00D6, Rule::kShift, 32},   {0x00D8, 0x00DE, Rule::kShift, 32},   {0x0100, 0x012F, Rule::kEvenPair, 1},
    {0x0132, 0x0137, Rule::kEvenPair, 1}, {0x0139, 0x0148, Rule::kOddPair, 1},  {0x014A, 0x0177, Rule::kEvenPair, 1},
    {0x0178, 0x0178, Rule::kShift, -121}, {0x0179, 0x017E, Rule::kOddPair, 1},  {0x0386, 0x0386, Rule::kShift, 38},
    {0x0388, 0x038A, Rule::kShift, 37},   {0x038C, 0x038C, Rule::kShift, 64},   {0x038E, 0x038F, Rule::kShift, 63},
    {0x0391, 0x03A1, Rule::kShift, 32},   {0x03A3, 0x03AB, Rule::kShift, 32},   {0x03C2, 0x03C2, Rule::kShift, 1},
    {0x0400, 0x040F, Rule::kShift, 80},   {0x0410, 0x042F, Rule::kShift, 32},   {0x0460, 0x0481, Rule::kEvenPair, 1},
    {0x048A, 0x04BF, Rule::kEvenPair, 1}, {0x04C0, 0x04C0, Rule::kShift, 15},   {0x04C1, 0x04CE, Rule::kOddPair, 1},
    {0x04D0, 0x052F, Rule::kEvenPair, 1}, {0x0531, 0x0556, Rule::kShift, 48},   {0x10A0, 0x10C5, Rule::kShift, 7264},
    {0x1E00, 0x1E95, Rule::kEvenPair, 1}, {0x1EA0, 0x1EFF, Rule::kEvenPair, 1}, {0xFF21, 0xFF3A, Rule::kShift, 32},
};

uint32_t FoldCodePoint(uint32_t code) {
  for (const FoldRange& range : kFoldRanges) {
    if (code < range.first) return code;
    if (code > range.last) continue;
    const bool capital = range.rule == Rule::kShift || (code % 2 == 0) == (range.rule == Rule::kEvenPair);
    return capital ? static_cast<uint32_t>(static_cast<int32_t>(code) + range.shift) : code;
  }
  return code;
}

bool IsContinuation(char c) { return (static_cast<uint8_t>(c) & 0xC0) == 0x80; }

// Length of the two- or three-byte character at `at` (no range above needs four), with its code point; 0 where there is
// none.
size_t DecodeCharacter(std::string_view text, size_t at, uint32_t* code) {
  const auto lead = static_cast<uint8_t>(text[at]);
  if (lead >= 0xC2 && lead < 0xE0 && at + 1 < text.size() && IsContinuation(text[at + 1])) {
    *code = (lead & 0x1Fu) << 6 | (static_cast<uint8_t>(text[at + 1]) & 0x3Fu);
    return 2;
  }
  if (lead >= 0xE0 && lead < 0xF0 && at + 2 < text.size() && IsContinuation(text[at + 1]) &&
      IsContinuation(text[at + 2])) {
    *code = (lead & 0x0Fu) << 12 | (static_cast<uint8_t>(text[at + 1]) & 0x3Fu) << 6 |
            (static_cast<uint8_t>(text[at + 2]) & 0x3Fu);
    return *code >= 0x800 ? 3 : 0;
  }
  return 0;
}

void AppendUtf8(uint32_t code, std::string* out) {
  if (code < 0x800) {
    out->push_back(static_cast<char>(0xC0 | code >> 6));
  } else {
    out->push_back(static_cast<char>(0xE0 | code >> 12));
    out->push_back(static_cast<char>(0x80 | (code >> 6 & 0x3F)));
  }
  out->push_back(static_cast<char>(0x80 | (code & 0x3F)));
}

}  // namespace

std::string FoldName(std::string_view name) {
  std::string folded;
  folded.reserve(name.size());
  for (size_t at = 0; at < name.size();) {
    const char c = name[at];
    if (static_cast<uint8_t>(c) < 0x80) {
      folded.push_back(ToLower(c));
      ++at;
      continue;
    }
    uint32_t code = 0;
    const size_t length = DecodeCharacter(name, at, &code);
    if (length == 0) {
      folded.push_back(c);
      ++at;
      continue;
    }
    AppendUtf8(FoldCodePoint(code), &folded);
    at += length;
  }
  return folded;
}

}  // namespace kalamdb::row
