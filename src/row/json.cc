// Writes values as JSON.
#include "row/json.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

#include <simdjson.h>

#include "row/ascii.h"
#include "row/byte_order.h"
#include "row/text_form.h"
#include "row/value_bytes.h"

namespace kalamdb::row {
namespace {

constexpr char kBase64Digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr size_t kWordBytes = sizeof(uint64_t);

// How each byte is written: 0 as it is, 'u' as \u00xx, else behind a backslash.
constexpr std::array<char, 256> kEscapes = [] {
  std::array<char, 256> escapes{};
  for (size_t c = 0; c < 0x20; ++c) escapes[c] = 'u';
  escapes['\b'] = 'b';
  escapes['\t'] = 't';
  escapes['\n'] = 'n';
  escapes['\f'] = 'f';
  escapes['\r'] = 'r';
  escapes['"'] = '"';
  escapes['\\'] = '\\';
  return escapes;
}();

constexpr uint64_t Repeat(uint8_t byte) { return 0x0101010101010101ull * byte; }

// High bits set at the bytes below `bound` (<= 0x80); exact up to the first of them, bytes above 0x7F are never marked.
constexpr uint64_t BytesBelow(uint64_t word, uint8_t bound) { return (word - Repeat(bound)) & ~word & Repeat(0x80); }
constexpr uint64_t BytesEqual(uint64_t word, uint8_t byte) { return BytesBelow(word ^ Repeat(byte), 1); }

// Where the first byte stands that is not written as it is, or (ascii_only) is above 0x7F; the size if there is none.
template <bool ascii_only>
size_t PlainRun(const char* bytes, size_t size) {
  size_t at = 0;
  for (; at + kWordBytes <= size; at += kWordBytes) {
    const auto word = LoadLittle<uint64_t>(bytes + at);
    uint64_t marked = BytesBelow(word, 0x20) | BytesEqual(word, '"') | BytesEqual(word, '\\');
    if constexpr (ascii_only) marked |= word & Repeat(0x80);
    if (marked != 0) return at + static_cast<size_t>(__builtin_ctzll(marked)) / 8;
  }
  for (; at < size; ++at) {
    const auto byte = static_cast<uint8_t>(bytes[at]);
    if (kEscapes[byte] != 0 || (ascii_only && byte >= 0x80)) return at;
  }
  return size;
}

void AppendEscape(char c, std::string* out) {
  const auto byte = static_cast<uint8_t>(c);
  const char escape = kEscapes[byte];
  if (escape != 'u') {
    const char text[] = {'\\', escape};
    out->append(text, sizeof(text));
  } else {
    const char text[] = {'\\', 'u', '0', '0', kHexDigits[byte >> 4], kHexDigits[byte & 0xF]};
    out->append(text, sizeof(text));
  }
}

// REQUIRES: valid UTF-8.
void AppendEscapedText(std::string_view text, std::string* out) {
  while (true) {
    const size_t run = PlainRun<false>(text.data(), text.size());
    out->append(text.data(), run);
    if (run == text.size()) return;
    AppendEscape(text[run], out);
    text.remove_prefix(run + 1);
  }
}

// Bytes of the character at the front as RFC 3629 allows it; 0 where there is none.
size_t CharacterLength(std::string_view text) {
  const auto lead = static_cast<uint8_t>(text[0]);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (length > text.size() || !simdjson::validate_utf8(text.data(), length)) return 0;
  return length;
}

void AppendDamaged(std::string_view text, std::string* out) {
  while (!text.empty()) {
    const size_t length = CharacterLength(text);
    if (length == 0)
      out->append(kReplacement);
    else
      AppendEscapedText(text.substr(0, length), out);
    text.remove_prefix(length == 0 ? 1 : length);
  }
}

template <typename Number>
void AppendFloating(Number value, std::string* out) {
  if (!std::isfinite(value)) [[unlikely]] {
    out->append(std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
    return;
  }
  char text[32];
  out->append(text, std::to_chars(text, text + sizeof(text), value).ptr);
}

void AppendByteArray(std::string_view bytes, std::string* out) {
  out->push_back('[');
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i != 0) out->push_back(',');
    AppendJsonInt(static_cast<uint8_t>(bytes[i]), out);
  }
  out->push_back(']');
}

}  // namespace

void AppendJsonString(std::string_view text, std::string* out) {
  out->push_back('"');
  const size_t run = PlainRun<true>(text.data(), text.size());
  out->append(text.data(), run);
  if (run != text.size()) {
    const std::string_view rest = text.substr(run);
    if (simdjson::validate_utf8(rest.data(), rest.size()))
      AppendEscapedText(rest, out);
    else
      AppendDamaged(rest, out);
  }
  out->push_back('"');
}

void AppendJsonNumber(double value, std::string* out) { AppendFloating(value, out); }
void AppendJsonNumber(float value, std::string* out) { AppendFloating(value, out); }

void AppendJsonInt(int64_t value, std::string* out) {
  char text[24];
  out->append(text, std::to_chars(text, text + sizeof(text), value).ptr);
}

void AppendJsonBigInt(int64_t value, std::string* out) {
  char text[24];
  text[0] = '"';
  char* end = std::to_chars(text + 1, text + sizeof(text) - 1, value).ptr;
  *end++ = '"';
  out->append(text, end);
}

void AppendJsonDecimal(Int128 unscaled, uint8_t scale, std::string* out) {
  out->push_back('"');
  AppendDecimal(unscaled, scale, out);
  out->push_back('"');
}

void AppendJsonUuid(Int128 uuid, std::string* out) {
  out->push_back('"');
  AppendUuid(uuid, out);
  out->push_back('"');
}

void AppendJsonBase64(std::string_view bytes, std::string* out) {
  const size_t begin = out->size();
  out->resize(begin + 2 + (bytes.size() + 2) / 3 * 4);
  char* to = out->data() + begin;
  *to++ = '"';
  const auto* from = reinterpret_cast<const uint8_t*>(bytes.data());
  const auto put = [&](uint32_t group, int digits) {
    for (int i = 0; i < digits; ++i) *to++ = kBase64Digits[group >> (18 - 6 * i) & 0x3F];
  };
  size_t left = bytes.size();
  for (; left >= 3; left -= 3, from += 3) put(uint32_t{from[0]} << 16 | uint32_t{from[1]} << 8 | from[2], 4);
  if (left == 2) put(uint32_t{from[0]} << 16 | uint32_t{from[1]} << 8, 3);
  if (left == 1) put(uint32_t{from[0]} << 16, 2);
  for (; left != 0 && left < 3; ++left) *to++ = '=';
  *to = '"';
}

void AppendJsonBytes(std::string_view bytes, BytesForm form, std::string* out) {
  if (form == BytesForm::kArray)
    AppendByteArray(bytes, out);
  else
    AppendJsonBase64(bytes, out);
}

void AppendJsonEmbedding(std::string_view bytes, std::string* out) {
  out->push_back('[');
  for (size_t at = 0; at + sizeof(float) <= bytes.size(); at += sizeof(float)) {
    if (at != 0) out->push_back(',');
    AppendFloating(LoadLittle<float>(bytes.data() + at), out);
  }
  out->push_back(']');
}

void AppendJsonValue(const Type& type, const Value& value, BytesForm form, std::string* out) {
  if (value.is_null()) {
    out->append("null");
    return;
  }
  switch (type.kind()) {
    case TypeKind::kBoolean: out->append(value.as_bool() ? "true" : "false"); return;
    case TypeKind::kBigInt: AppendJsonBigInt(value.as_int(), out); return;
    case TypeKind::kSmallInt:
    case TypeKind::kInt:
    case TypeKind::kDate:
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz: AppendJsonInt(value.as_int(), out); return;
    case TypeKind::kFloat: AppendFloating(value.as_float(), out); return;
    case TypeKind::kDouble: AppendFloating(value.as_double(), out); return;
    case TypeKind::kDecimal: AppendJsonDecimal(value.as_wide(), type.scale(), out); return;
    case TypeKind::kUuid: AppendJsonUuid(value.as_wide(), out); return;
    case TypeKind::kText:
    case TypeKind::kJson: AppendJsonString(value.as_string(), out); return;
    case TypeKind::kBytes: AppendJsonBytes(value.as_string(), form, out); return;
    case TypeKind::kEmbedding: AppendJsonEmbedding(value.as_string(), out); return;
  }
  KALAM_CHECK(!"a type kind that is not in the list");
}

void AppendJsonFromRow(const Type& type, std::string_view bytes, BytesForm form, std::string* out) {
  switch (type.kind()) {
    case TypeKind::kText:
    case TypeKind::kJson: AppendJsonString(bytes, out); return;
    case TypeKind::kBytes: AppendJsonBytes(bytes, form, out); return;
    case TypeKind::kEmbedding: AppendJsonEmbedding(bytes, out); return;
    default: AppendJsonValue(type, LoadFixed(type, bytes.data()), form, out);
  }
}

}  // namespace kalamdb::row
