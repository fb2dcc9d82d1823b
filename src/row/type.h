// The scalar types of columns: what SQL calls them, what bytes they take in a row, what a client sees.
//
// A Type is a small value, immutable and safe to share between threads.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace kalamdb::row {

// The numbers are written to disk (schema bytes): never renumber.
enum class TypeKind : uint8_t {
  kBoolean = 1,
  kSmallInt = 2,
  kInt = 3,
  kBigInt = 4,
  kFloat = 5,
  kDouble = 6,
  kDecimal = 7,  // DECIMAL(width, scale), width <= 38
  kText = 8,     // VARCHAR(n): length() characters at most; 0 = no bound
  kBytes = 9,
  kDate = 10,         // days since 1970-01-01
  kTime = 11,         // microseconds since midnight
  kTimestamp = 12,    // microseconds since 1970-01-01 00:00:00, no zone
  kTimestampTz = 13,  // microseconds since 1970-01-01 00:00:00 UTC
  kUuid = 14,
  kJson = 15,
  kEmbedding = 16,  // FLOAT[n], n = length()
};

inline constexpr uint32_t kMaxDecimalWidth = 38;     // digits that 128 bits hold
inline constexpr uint8_t kDefaultDecimalWidth = 18;  // of DECIMAL without arguments, as the engine has it
inline constexpr uint8_t kDefaultDecimalScale = 3;
inline constexpr uint32_t kMaxEmbeddingDimensions = 16'384;  // a row of one stays within 64 KiB

class Type {
 public:
  Type() = default;
  static Type Of(TypeKind kind) { return Type(kind, 0, 0); }  // REQUIRES: a kind without arguments, or unbounded kText
  static Type Decimal(uint8_t width, uint8_t scale) { return Type(TypeKind::kDecimal, width, scale); }
  static Type Varchar(uint32_t max_characters) { return Type(TypeKind::kText, max_characters, 0); }
  static Type Embedding(uint32_t dimensions) { return Type(TypeKind::kEmbedding, dimensions, 0); }
  static Type Raw(TypeKind kind, uint32_t length, uint8_t scale) { return Type(kind, length, scale); }

  TypeKind kind() const { return kind_; }
  uint32_t length() const { return length_; }                      // kText: bound or 0; kEmbedding: dimensions
  uint8_t width() const { return static_cast<uint8_t>(length_); }  // kDecimal: digits in all
  uint8_t scale() const { return scale_; }                         // kDecimal: digits behind the point

  bool operator==(const Type&) const = default;

  // The arguments fit the kind: false only for a Type made by Raw() from damaged bytes.
  bool IsValid() const;

  // Bytes of the fixed slot in a row (row_codec.h): 1, 2, 4, 8 or 16; 4 for what lies in the variable part.
  uint32_t FixedWidth() const;
  bool IsVariable() const {
    return kind_ == TypeKind::kText || kind_ == TypeKind::kBytes || kind_ == TypeKind::kJson ||
           kind_ == TypeKind::kEmbedding;
  }
  bool CanBeKey() const { return kind_ != TypeKind::kJson && kind_ != TypeKind::kEmbedding; }

  // As SHOW CREATE TABLE prints it: "BIGINT", "VARCHAR(20)", "DECIMAL(10,2)", "TIMESTAMPTZ", "EMBEDDING(384)" …
  std::string ToSql() const;
  // As the engine spells it: like ToSql(), but EMBEDDING(n) is FLOAT[n], BYTES is BLOB, TEXT is VARCHAR.
  std::string ToEngineSql() const;
  // The `data_type` of replies as a JSON value: "BigInt" (with its quotes), {"Decimal":{"precision":10,"scale":2}} …
  std::string ToJson() const;

 private:
  Type(TypeKind kind, uint32_t length, uint8_t scale) : kind_(kind), scale_(scale), length_(length) {}

  TypeKind kind_ = TypeKind::kText;
  uint8_t scale_ = 0;
  uint32_t length_ = 0;
};

// Parses what SQL writes: "BIGINT", "int", "varchar(20)", "STRING", "BYTEA", "jsonb", "EMBEDDING(3)", "FLOAT[3]",
// "REAL", "DATETIME" … Errors: kUnsupported for a type that is not offered, kInvalidSql for wrong arguments.
Result<Type> ParseType(std::string_view sql);

}  // namespace kalamdb::row
