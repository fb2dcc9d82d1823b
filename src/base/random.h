// Randomness, as an object that is passed in: the kernel's in a server, a seeded one in tests.
#pragma once

#include <cstdint>
#include <span>

namespace kalamdb {

// Thread-safe unless said otherwise.
class RandomSource {
 public:
  virtual ~RandomSource() = default;
  virtual void Fill(std::span<uint8_t> bytes) = 0;
};

// getrandom(2): good for secrets.
class SystemRandom final : public RandomSource {
 public:
  void Fill(std::span<uint8_t> bytes) override;
};

// The same bytes for the same seed (splitmix64). Not for secrets; one thread at a time.
class SeededRandom final : public RandomSource {
 public:
  explicit SeededRandom(uint64_t seed) : state_(seed) {}
  void Fill(std::span<uint8_t> bytes) override;
  uint64_t Next();
  // 0 … bound - 1. REQUIRES: bound > 0.
  uint64_t Below(uint64_t bound) { return Next() % bound; }

 private:
  uint64_t state_;
};

}  // namespace kalamdb
