// Values as JSON, in and out, in the one form of replies, live rows, NDJSON and parameters (docs/http.md, table of
// types).
//
// Writers append to a string and never fail. All functions are pure and thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "row/type.h"
#include "row/value.h"

namespace kalamdb::row {

enum class BytesForm : uint8_t { kBase64, kArray };  // kArray: request header `X-Bytes: array`

void AppendJsonString(std::string_view text, std::string* out);  // quoted and escaped; invalid UTF-8 becomes U+FFFD
void AppendJsonNumber(double value, std::string* out);  // shortest that reads back; "NaN", "Infinity", "-Infinity"
void AppendJsonNumber(float value, std::string* out);
void AppendJsonDecimal(Int128 unscaled, uint8_t scale, std::string* out);  // a string with `scale` decimals
void AppendJsonUuid(Int128 uuid, std::string* out);
void AppendJsonBase64(std::string_view bytes, std::string* out);
void AppendJsonBytes(std::string_view bytes, BytesForm form, std::string* out);
void AppendJsonEmbedding(std::string_view bytes, std::string* out);  // an array; bytes of n little-endian floats
void AppendJsonBigInt(int64_t value, std::string* out);              // a string
void AppendJsonInt(int64_t value, std::string* out);                 // a number: 32 bits, dates, times
void AppendJsonValue(const Type& type, const Value& value, BytesForm form, std::string* out);

// A column of a checked row (row_codec.h: RowIsNull, RowBytes) straight from its bytes: as AppendJsonValue, without a
// Value.
void AppendJsonFromRow(const Type& type, std::string_view bytes, BytesForm form, std::string* out);

// A parameter as the client sent it: kept raw until the statement says which type it asks.
struct JsonParam {
  enum class Kind : uint8_t { kNull, kBool, kInteger, kNumber, kString, kArray, kObject };
  Kind kind = Kind::kNull;
  std::string text;  // the JSON text; of a string: its unescaped content
};

// The parameter as a value of `type`: what a reply carries for that type, and the plain textual forms (a number in a
// string, ISO dates, times, timestamps, UUIDs). Errors: kTypeMismatch; the engine's own cast may still know the text.
Result<Value> ParamToValue(const JsonParam& param, const Type& type);

}  // namespace kalamdb::row
