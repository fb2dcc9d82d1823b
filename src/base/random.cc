// The kernel's randomness, and splitmix64 for tests.
#include "base/random.h"

#include <sys/random.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace kalamdb {

void SystemRandom::Fill(std::span<uint8_t> bytes) {
  while (!bytes.empty()) {
    ssize_t got = getrandom(bytes.data(), bytes.size(), 0);
    if (got < 0) {
      KALAM_CHECK(errno == EINTR);  // without randomness no token is safe
      continue;
    }
    bytes = bytes.subspan(static_cast<size_t>(got));
  }
}

uint64_t SeededRandom::Next() {
  state_ += 0x9E3779B97F4A7C15;
  uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

void SeededRandom::Fill(std::span<uint8_t> bytes) {
  while (!bytes.empty()) {
    uint64_t word = Next();
    size_t count = bytes.size() < sizeof word ? bytes.size() : sizeof word;
    std::memcpy(bytes.data(), &word, count);
    bytes = bytes.subspan(count);
  }
}

}  // namespace kalamdb
