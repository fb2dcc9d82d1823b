// UUIDv7 and ULID: making, writing, reading.
#include "base/uuid.h"

#include <algorithm>
#include <span>

namespace kalamdb {

namespace {

constexpr int kUuidCounterBits = 12;
constexpr char kHexDigits[] = "0123456789abcdef";
constexpr char kCrockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

// Six bytes, highest first.
void PutMillis(Id128& id, uint64_t millis) {
  for (size_t i = 0; i < 6; ++i) id[i] = static_cast<uint8_t>(millis >> (40 - 8 * i));
}

uint64_t WallMillis(const Clock& clock) { return static_cast<uint64_t>(clock.NowMicros() / kMicrosPerMilli); }

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Crockford's alphabet reads I and L as 1, O as 0.
int CrockfordValue(char c) {
  if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  if (c == 'I' || c == 'L') return 1;
  if (c == 'O') return 0;
  for (int i = 0; i < 32; ++i) {
    if (kCrockford[i] == c) return i;
  }
  return -1;
}

}  // namespace

Id128Generator::Id128Generator(const Clock& clock, RandomSource& random) : clock_(clock), random_(random) {}

Id128 Id128Generator::NextUuidV7() {
  MutexLock lock(mutex_);
  uint64_t now = WallMillis(clock_) << kUuidCounterBits;
  uuid_ticks_ = std::max(now, uuid_ticks_ + 1);
  Id128 id;
  PutMillis(id, uuid_ticks_ >> kUuidCounterBits);
  id[6] = static_cast<uint8_t>(0x70 | ((uuid_ticks_ >> 8) & 0x0F));
  id[7] = static_cast<uint8_t>(uuid_ticks_);
  random_.Fill(std::span(id).subspan(8));
  id[8] = static_cast<uint8_t>(0x80 | (id[8] & 0x3F));
  return id;
}

Id128 Id128Generator::NextUlid() {
  MutexLock lock(mutex_);
  Id128 fresh;
  PutMillis(fresh, WallMillis(clock_));
  if (std::lexicographical_compare(ulid_.begin(), ulid_.begin() + 6, fresh.begin(), fresh.begin() + 6)) {
    random_.Fill(std::span(fresh).subspan(6));
    ulid_ = fresh;
  } else {
    // Same millisecond, or the clock went back: one more. 80 random bits do not run over in practice; if they do, the
    // carry moves the milliseconds on, which keeps the order.
    for (size_t i = ulid_.size(); i-- > 0 && ++ulid_[i] == 0;) {
    }
  }
  return ulid_;
}

std::string FormatUuid(const Id128& id) {
  std::string text;
  text.reserve(36);
  for (size_t i = 0; i < id.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += kHexDigits[id[i] >> 4];
    text += kHexDigits[id[i] & 0x0F];
  }
  return text;
}

std::optional<Id128> ParseUuid(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  Id128 id{};
  size_t nibble = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (text[i] != '-') return std::nullopt;
      continue;
    }
    int value = HexValue(text[i]);
    if (value < 0) return std::nullopt;
    id[nibble / 2] = static_cast<uint8_t>(id[nibble / 2] << 4 | value);
    ++nibble;
  }
  return id;
}

std::string FormatUlid(const Id128& id) {
  // 26 digits of 5 bits are 130 bits: the first digit holds only the 3 highest.
  std::string text(26, '0');
  unsigned pending = 0;
  int bits = 0;
  size_t at = text.size();
  for (size_t i = id.size(); i-- > 0;) {
    pending |= static_cast<unsigned>(id[i]) << bits;
    for (bits += 8; bits >= 5; bits -= 5) {
      text[--at] = kCrockford[pending & 31];
      pending >>= 5;
    }
  }
  text[0] = kCrockford[pending & 31];
  return text;
}

std::optional<Id128> ParseUlid(std::string_view text) {
  if (text.size() != 26) return std::nullopt;
  Id128 id{};
  unsigned pending = 0;
  int bits = 0;
  size_t at = id.size();
  for (size_t i = text.size(); i-- > 0;) {
    int value = CrockfordValue(text[i]);
    if (value < 0) return std::nullopt;
    pending |= static_cast<unsigned>(value) << bits;
    bits += 5;
    if (bits >= 8 && at > 0) {
      id[--at] = static_cast<uint8_t>(pending);
      pending >>= 8;
      bits -= 8;
    }
  }
  if (pending != 0) return std::nullopt;  // more than 128 bits
  return id;
}

}  // namespace kalamdb
