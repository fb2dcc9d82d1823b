// What the libFuzzer targets share. Each *_fuzz.cc defines Run: it feeds bytes from outside to one of our own parsers,
// and ends the process where a promise of that parser's header does not hold (KALAM_CHECK); the sanitizers do the rest.
#pragma once

#include <cstdint>
#include <string_view>

namespace kalamdb::fuzz {

void Run(std::string_view in);

// The first byte, which picks what the rest is read as; 0 where there is none.
inline uint8_t TakeByte(std::string_view* in) {
  if (in->empty()) return 0;
  const auto byte = static_cast<uint8_t>(in->front());
  in->remove_prefix(1);
  return byte;
}

}  // namespace kalamdb::fuzz
