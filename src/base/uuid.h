// UUIDv7 and ULID: 128-bit ids that sort by the time they were made; and the text forms of both.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"

namespace kalamdb {

// Big-endian, as in RFC 9562 and the ULID specification: comparing bytes compares times.
using Id128 = std::array<uint8_t, 16>;

// Thread-safe. Ids of one generator and one kind only grow, also when the clock steps back.
class Id128Generator {
 public:
  // Both must outlive this.
  Id128Generator(const Clock& clock, RandomSource& random);

  // 48 bits of milliseconds, version 7, 12 bits of counter, variant 2, 62 random bits (RFC 9562, method 1).
  Id128 NextUuidV7() EXCLUDES(mutex_);

  // 48 bits of milliseconds, 80 random bits; within one millisecond the one before plus one.
  Id128 NextUlid() EXCLUDES(mutex_);

 private:
  const Clock& clock_;
  RandomSource& random_;
  Mutex mutex_;
  uint64_t uuid_ticks_ GUARDED_BY(mutex_) = 0;  // milliseconds << 12 | counter
  Id128 ulid_ GUARDED_BY(mutex_) = {};
};

// "0190163d-8694-739b-aea5-966c26f8ad91", lower case.
std::string FormatUuid(const Id128& id);
// Any case, with the four hyphens; nullopt for anything else.
std::optional<Id128> ParseUuid(std::string_view text);

// 26 characters of Crockford's base 32, upper case.
std::string FormatUlid(const Id128& id);
// Any case; nullopt for a wrong length, a foreign character or more than 128 bits.
std::optional<Id128> ParseUlid(std::string_view text);

}  // namespace kalamdb
