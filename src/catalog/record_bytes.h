// Fields of the catalog's and the users' records as bytes: varints and strings, one behind the other.
//
//   varint = unsigned LEB128, at most 10 bytes · signed = varint of the zigzag form · string = varint length, then its
//   bytes
// A reader never fails in the middle: after damage it gives zeros and empty strings, and ok() is false. One thread at a
// time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kalamdb::catalog {

class RecordWriter {
 public:
  explicit RecordWriter(uint8_t format) { bytes_ += static_cast<char>(format); }

  void Byte(uint8_t value) { bytes_ += static_cast<char>(value); }
  void Varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) Byte(static_cast<uint8_t>(value | 0x80));
    Byte(static_cast<uint8_t>(value));
  }
  void Signed(int64_t value) { Varint(static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63)); }
  void String(std::string_view text) {
    Varint(text.size());
    bytes_ += text;
  }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class RecordReader {
 public:
  // Reads the format byte at once.
  explicit RecordReader(std::string_view bytes) : rest_(bytes) { format_ = Byte(); }

  uint8_t format() const { return format_; }
  uint8_t Byte() {
    if (rest_.empty()) return Fail();
    const auto value = static_cast<uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  uint64_t Varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const uint8_t byte = Byte();
      if (shift == 63 && byte > 1) break;
      value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return ok_ ? value : 0;
    }
    return Fail();
  }
  int64_t Signed() {
    const uint64_t value = Varint();
    return static_cast<int64_t>(value >> 1 ^ (~(value & 1) + 1));
  }
  std::string_view String() {
    const uint64_t size = Varint();
    if (size > rest_.size()) {
      Fail();
      return {};
    }
    const std::string_view text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }
  // How many items follow, of at least one byte each: a damaged count never makes the caller allocate much.
  uint64_t Count() {
    const uint64_t count = Varint();
    return count <= rest_.size() ? count : Fail();
  }

  bool ok() const { return ok_; }
  // Whole and nothing behind.
  bool Done() const { return ok_ && rest_.empty(); }

 private:
  uint8_t Fail() {
    ok_ = false;
    rest_ = {};
    return 0;
  }

  std::string_view rest_;
  uint8_t format_ = 0;
  bool ok_ = true;
};

}  // namespace kalamdb::catalog
