// Numbers as little-endian and big-endian bytes, read and written where they lie: the only place that knows the byte
// order.
//
// All functions are pure and need no alignment. REQUIRES: the bytes are there.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace kalamdb::row {

static_assert(std::endian::native == std::endian::little, "the formats are little-endian and copied as they are");

template <typename T>
T LoadLittle(const char* from) {
  static_assert(std::is_trivially_copyable_v<T>);
  T value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

template <typename T>
void StoreLittle(char* to, T value) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::memcpy(to, &value, sizeof(value));
}

// 0.0 of -0.0, anything else as it is. SQL holds them equal, and so does a Parquet dictionary, which keeps one of them
// for both: rows hold 0.0 alone, so that a value is the same hot and cold.
template <typename Floating>
Floating WithoutMinusZero(Floating value) {
  return value + Floating(0);
}

// Bytes of an unsigned number in the other order.
inline uint8_t ReverseBytes(uint8_t v) { return v; }
inline uint16_t ReverseBytes(uint16_t v) { return __builtin_bswap16(v); }
inline uint32_t ReverseBytes(uint32_t v) { return __builtin_bswap32(v); }
inline uint64_t ReverseBytes(uint64_t v) { return __builtin_bswap64(v); }
inline unsigned __int128 ReverseBytes(unsigned __int128 v) {
  return static_cast<unsigned __int128>(__builtin_bswap64(static_cast<uint64_t>(v))) << 64 |
         __builtin_bswap64(static_cast<uint64_t>(v >> 64));
}

template <typename T>
T LoadBig(const char* from) {
  return ReverseBytes(LoadLittle<T>(from));
}

template <typename T>
void StoreBig(char* to, T value) {
  StoreLittle(to, ReverseBytes(value));
}

}  // namespace kalamdb::row
