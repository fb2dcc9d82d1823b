// Eight ASCII bytes at a time, the rest by the table of RFC 3629.
#include "server/utf8.h"

#include <cstdint>
#include <cstring>

namespace kalamdb::server {

namespace {

bool IsTail(unsigned char byte) { return (byte & 0xC0) == 0x80; }

// Bytes of the sequence at `at`, 0 if it is none. REQUIRES: at < end, not ASCII.
int SequenceLength(const unsigned char* at, const unsigned char* end) {
  const unsigned char first = at[0];
  if (first < 0xC2 || first > 0xF4) return 0;
  const int length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (end - at < length) return 0;
  for (int i = 1; i < length; ++i) {
    if (!IsTail(at[i])) return 0;
  }
  const unsigned char second = at[1];
  if (first == 0xE0 && second < 0xA0) return 0;  // overlong
  if (first == 0xED && second > 0x9F) return 0;  // surrogates
  if (first == 0xF0 && second < 0x90) return 0;  // overlong
  if (first == 0xF4 && second > 0x8F) return 0;  // above U+10FFFF
  return length;
}

}  // namespace

bool IsUtf8(std::string_view text) {
  const auto* at = reinterpret_cast<const unsigned char*>(text.data());
  const auto* const end = at + text.size();
  while (at < end) {
    if (end - at >= 8) {
      uint64_t word;
      std::memcpy(&word, at, sizeof word);
      if ((word & 0x8080808080808080ull) == 0) {
        at += 8;
        continue;
      }
    }
    if (*at < 0x80) {
      ++at;
      continue;
    }
    const int length = SequenceLength(at, end);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

}  // namespace kalamdb::server
