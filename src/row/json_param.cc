// Parameters of clients as values of the type that the statement asks.
#include <array>
#include <cmath>
#include <optional>

#include "row/byte_order.h"
#include "row/json.h"
#include "row/json_document.h"
#include "row/text_form.h"

namespace kalamdb::row {
namespace {

constexpr size_t kShownBytes = 60;  // of a value in a message

// The value as the message shows it: shortened, never within a character.
std::string Shown(const JsonParam& param) {
  std::string_view text = param.text;
  if (text.size() > kShownBytes) {
    size_t end = kShownBytes;
    while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80) --end;
    text = text.substr(0, end);
  }
  std::string shown(text);
  if (text.size() < param.text.size()) shown += "…";
  return param.kind == JsonParam::Kind::kString ? "'" + shown + "'" : shown;
}

Error Misfit(const JsonParam& param, const Type& type, std::string_view why) {
  std::string message = "value " + Shown(param) + " does not fit type " + type.ToSql();
  if (!why.empty()) message.append(": ").append(why);
  return Error{ErrorCode::kTypeMismatch, std::move(message)};
}

bool IsNumber(const JsonParam& param) {
  return param.kind == JsonParam::Kind::kInteger || param.kind == JsonParam::Kind::kNumber;
}
bool IsText(const JsonParam& param) { return param.kind == JsonParam::Kind::kString; }

struct IntegerRange {
  int64_t least, most;
};

IntegerRange RangeOf(TypeKind kind) {
  switch (kind) {
    case TypeKind::kSmallInt: return {INT16_MIN, INT16_MAX};
    case TypeKind::kInt: return {INT32_MIN, INT32_MAX};
    case TypeKind::kDate: return {-kInfiniteDays, kInfiniteDays};
    case TypeKind::kTime: return {0, kMicrosPerDay};
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz: return {-kInfiniteMicros, kInfiniteMicros};
    default: return {INT64_MIN, INT64_MAX};
  }
}

// An integer, also where it is written with a point or an exponent (5.0, 1e3).
std::optional<int64_t> IntegerOf(const JsonParam& param) {
  if (const auto value = ParseInteger(param.text)) return value;
  if (param.kind != JsonParam::Kind::kNumber) return std::nullopt;
  const auto value = ParseDecimal(param.text, kMaxDecimalWidth, 18);
  constexpr Int128 kUnit = 1'000'000'000'000'000'000;
  if (!value || *value % kUnit != 0) return std::nullopt;
  const Int128 whole = *value / kUnit;
  if (whole < INT64_MIN || whole > INT64_MAX) return std::nullopt;
  return static_cast<int64_t>(whole);
}

Result<Value> ToInteger(const JsonParam& param, const Type& type) {
  if (!IsNumber(param) && !IsText(param)) return Misfit(param, type, "a number is asked");
  const auto value = IntegerOf(param);
  const auto range = RangeOf(type.kind());
  if (!value) return Misfit(param, type, "a whole number of 64 bits is asked");
  if (*value < range.least || *value > range.most) {
    return Misfit(param, type, "out of range " + std::to_string(range.least) + " to " + std::to_string(range.most));
  }
  return Value::Int(*value);
}

// Dates and times: a number as in replies, or text.
Result<Value> ToPointInTime(const JsonParam& param, const Type& type) {
  if (IsNumber(param)) {
    ASSIGN_OR_RETURN(Value value, ToInteger(param, type));
    const bool timestamp = type.kind() == TypeKind::kTimestamp || type.kind() == TypeKind::kTimestampTz;
    if (timestamp && !IsTimestampInRange(value.as_int())) return Misfit(param, type, "out of range");
    return value;
  }
  if (!IsText(param)) return Misfit(param, type, "a number or an ISO text is asked");
  std::optional<int64_t> value;
  switch (type.kind()) {
    case TypeKind::kDate: value = ParseDate(param.text); break;
    case TypeKind::kTime: value = ParseTime(param.text); break;
    case TypeKind::kTimestamp: value = ParseTimestamp(param.text, ZoneUse::kPassOver); break;
    default: value = ParseTimestamp(param.text, ZoneUse::kToUtc); break;
  }
  if (!value) return Misfit(param, type, "no such date or time, or one out of range");
  return Value::Int(*value);
}

Result<Value> ToBoolean(const JsonParam& param, const Type& type) {
  if (param.kind == JsonParam::Kind::kBool || IsText(param)) {
    if (param.text == "true" || param.text == "TRUE") return Value::Bool(true);
    if (param.text == "false" || param.text == "FALSE") return Value::Bool(false);
  }
  return Misfit(param, type, "true or false is asked");
}

Result<Value> ToFloating(const JsonParam& param, const Type& type) {
  if (!IsNumber(param) && !IsText(param)) return Misfit(param, type, "a number is asked");
  if (type.kind() == TypeKind::kFloat) {
    if (const auto value = ParseFloat(param.text)) return Value::Float(*value);
  } else {
    if (const auto value = ParseDouble(param.text)) return Value::Double(*value);
  }
  return Misfit(param, type, "no number, or one out of range");
}

Result<Value> ToDecimal(const JsonParam& param, const Type& type) {
  if (!IsNumber(param) && !IsText(param)) return Misfit(param, type, "a number is asked");
  const auto value = ParseDecimal(param.text, type.width(), type.scale());
  if (!value) return Misfit(param, type, "no number, or one of too many digits");
  return Value::Wide(*value);
}

Result<Value> ToText(const JsonParam& param, const Type& type) {
  if (!IsText(param)) return Misfit(param, type, "a string is asked");
  if (type.length() != 0 && CountCharacters(param.text) > type.length()) {
    return Misfit(param, type, "it has " + std::to_string(CountCharacters(param.text)) + " characters");
  }
  return Value::String(param.text);
}

constexpr uint8_t kNoDigit = 0xFF;
constexpr std::array<uint8_t, 256> kBase64Values = [] {
  std::array<uint8_t, 256> values{};
  values.fill(kNoDigit);
  for (uint8_t i = 0; i < 26; ++i) {
    values[static_cast<size_t>('A' + i)] = i;
    values[static_cast<size_t>('a' + i)] = static_cast<uint8_t>(26 + i);
  }
  for (uint8_t i = 0; i < 10; ++i) values[static_cast<size_t>('0' + i)] = static_cast<uint8_t>(52 + i);
  values['+'] = 62;
  values['/'] = 63;
  return values;
}();

// RFC 4648 with its padding; the bits that are left over must be 0.
std::optional<std::string> DecodeBase64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  uint32_t group = 0;
  int bits = 0;
  for (char c : text) {
    const uint8_t digit = kBase64Values[static_cast<uint8_t>(c)];
    if (digit == kNoDigit) return std::nullopt;
    group = group << 6 | digit;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push_back(static_cast<char>(group >> bits));
    group &= (1u << bits) - 1;
  }
  if (group != 0 || bits >= 6) return std::nullopt;
  return bytes;
}

Result<Value> ToBytes(const JsonParam& param, const Type& type) {
  if (IsText(param)) {
    auto bytes = DecodeBase64(param.text);
    if (!bytes) return Misfit(param, type, "no base64");
    return Value::String(*std::move(bytes));
  }
  if (param.kind != JsonParam::Kind::kArray) return Misfit(param, type, "base64 is asked");
  ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::Parse(param.text));
  std::string bytes;
  for (const JsonView item : document.root().items()) {
    const auto byte = item.AsInt64();
    if (!byte || *byte < 0 || *byte > 255) return Misfit(param, type, "an array of bytes holds numbers from 0 to 255");
    bytes.push_back(static_cast<char>(*byte));
  }
  return Value::String(std::move(bytes));
}

Result<Value> ToUuid(const JsonParam& param, const Type& type) {
  if (IsText(param)) {
    if (const auto value = ParseUuid(param.text)) return Value::Wide(*value);
  }
  return Misfit(param, type, "32 hexadecimal digits with hyphens are asked");
}

Result<Value> ToJsonText(const JsonParam& param, const Type& type) {
  if (IsText(param)) {
    if (const auto status = CheckJson(param.text); !status.ok()) return Misfit(param, type, status.error().message);
  }
  return Value::String(param.text);
}

Result<Value> ToEmbedding(const JsonParam& param, const Type& type) {
  if (param.kind != JsonParam::Kind::kArray && !IsText(param))
    return Misfit(param, type, "an array of numbers is asked");
  const auto document = JsonDocument::Parse(param.text);
  if (!document.ok() || !document->root().IsArray()) return Misfit(param, type, "an array of numbers is asked");
  std::string bytes;
  bytes.reserve(type.length() * sizeof(float));
  size_t count = 0;
  for (const JsonView item : document->root().items()) {
    const bool number =
        item.kind() == JsonParam::Kind::kInteger || item.kind() == JsonParam::Kind::kNumber || item.IsString();
    const auto element = number ? ParseFloat(item.text()) : std::nullopt;
    if (!element) return Misfit(param, type, "element " + std::to_string(count + 1) + " is no number that fits FLOAT");
    char slot[sizeof(float)];
    StoreLittle(slot, WithoutMinusZero(*element));
    bytes.append(slot, sizeof(slot));
    ++count;
  }
  if (count != type.length()) return Misfit(param, type, "it has " + std::to_string(count) + " elements");
  return Value::String(std::move(bytes));
}

}  // namespace

Result<Value> ParamToValue(const JsonParam& param, const Type& type) {
  if (param.kind == JsonParam::Kind::kNull) return Value::Null();
  switch (type.kind()) {
    case TypeKind::kBoolean: return ToBoolean(param, type);
    case TypeKind::kSmallInt:
    case TypeKind::kInt:
    case TypeKind::kBigInt: return ToInteger(param, type);
    case TypeKind::kFloat:
    case TypeKind::kDouble: return ToFloating(param, type);
    case TypeKind::kDecimal: return ToDecimal(param, type);
    case TypeKind::kText: return ToText(param, type);
    case TypeKind::kBytes: return ToBytes(param, type);
    case TypeKind::kDate:
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz: return ToPointInTime(param, type);
    case TypeKind::kUuid: return ToUuid(param, type);
    case TypeKind::kJson: return ToJsonText(param, type);
    case TypeKind::kEmbedding: return ToEmbedding(param, type);
  }
  KALAM_CHECK(!"a type kind that is not in the list");
  return Value::Null();
}

}  // namespace kalamdb::row
