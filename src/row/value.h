// One SQL value outside of the engine: parameters, keys, defaults, bounds.
//
// A Value knows no type of its own: the column's Type says how its payload is read. It owns its bytes.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

#include "row/type.h"

namespace kalamdb::row {

using Int128 = __int128;

// Payload by type: Boolean → bool; SmallInt, Int, BigInt, Date, Time, Timestamp, TimestampTz → int64_t; Float → float;
// Double → double; Decimal → Int128 (unscaled); Uuid → Int128 (its 16 bytes big-endian as an unsigned number);
// Text, Json → std::string (valid UTF-8); Bytes → std::string; Embedding → std::string of n little-endian floats.
class Value {
 public:
  using Payload = std::variant<std::monostate, bool, int64_t, float, double, Int128, std::string>;

  Value() = default;  // NULL
  static Value Null() { return Value(); }
  static Value Bool(bool v) { return Value(Payload(v)); }
  static Value Int(int64_t v) { return Value(Payload(v)); }
  static Value Float(float v) { return Value(Payload(v)); }
  static Value Double(double v) { return Value(Payload(v)); }
  static Value Wide(Int128 v) { return Value(Payload(v)); }
  static Value String(std::string v) { return Value(Payload(std::move(v))); }

  bool is_null() const { return std::holds_alternative<std::monostate>(payload_); }
  bool as_bool() const { return std::get<bool>(payload_); }
  int64_t as_int() const { return std::get<int64_t>(payload_); }
  float as_float() const { return std::get<float>(payload_); }
  double as_double() const { return std::get<double>(payload_); }
  Int128 as_wide() const { return std::get<Int128>(payload_); }
  const std::string& as_string() const { return std::get<std::string>(payload_); }
  const Payload& payload() const { return payload_; }

  // Same kind of payload and equal; NULL equals NULL; -0.0 equals 0.0, NaN equals NaN.
  bool operator==(const Value& other) const;

  // For messages and DEFAULT texts: a SQL literal of `type`: 5, 'it''s', NULL, TIMESTAMP '2024-01-01 00:00:00' …
  std::string ToSqlLiteral(const Type& type) const;

 private:
  explicit Value(Payload payload) : payload_(std::move(payload)) {}
  Payload payload_;
};

}  // namespace kalamdb::row
