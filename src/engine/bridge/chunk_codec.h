// Encoded rows to column vectors and back, and single values between row:: and duckdb::.
//
// Decoding goes column by column straight into vectors; only widened columns pass through row::Value. All functions are
// pure; RowEncoder is one thread's. Types map one to one: BYTES is BLOB, EMBEDDING(n) is FLOAT[n], JSON is the engine's
// JSON.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "duckdb.hpp"
#include "row/projection.h"
#include "row/row_codec.h"
#include "row/schema.h"
#include "row/value.h"

namespace kalamdb::engine {

duckdb::LogicalType ToEngineType(const row::Type& type);
// Nothing where no column type corresponds (HUGEINT, lists, structs …): such a result column has the engine's own name.
std::optional<row::Type> FromEngineType(const duckdb::LogicalType& type);

duckdb::Value ToEngineValue(const row::Type& type, const row::Value& value);
// REQUIRES: value.type() is ToEngineType(type), or it is NULL.
row::Value FromEngineValue(const row::Type& type, const duckdb::Value& value);

// Owns the bytes that string vectors point into; a vector that shows them keeps it alive.
struct RowBytesBuffer final : duckdb::VectorBuffer {
  RowBytesBuffer() : VectorBuffer(duckdb::VectorBufferType::OPAQUE_BUFFER) {}
  std::string bytes;
};

// Column `ordinal` (of projection.to()) of `rows`, into out[first …]. All rows are of version projection.from() and
// were checked (CheckRow). Strings are not copied: the caller keeps their bytes alive (StringVector::AddBuffer).
// Errors: kTypeMismatch where a widened value does not fit.
Status DecodeColumn(const row::Projection& projection, size_t ordinal, std::span<const std::string_view> rows,
                    duckdb::Vector& out, size_t first);

// Rows and keys out of a chunk whose column i is schema column i, of exactly its type.
class RowEncoder {
 public:
  explicit RowEncoder(row::SchemaPtr schema);
  const row::Schema& schema() const { return *schema_; }
  const row::RowLayout& layout() const { return layout_; }

  // Points the encoder at the columns of a batch; they must stay as they are until the next Load.
  void Load(std::span<duckdb::Vector* const> columns, size_t count);
  bool IsNull(size_t ordinal, size_t index) const;
  // An EMBEDDING one of whose numbers is NULL: nothing that could be stored.
  bool HasNullNumber(size_t ordinal, size_t index) const;
  // REQUIRES: not NULL. Bytes of a variable column.
  std::string_view Bytes(size_t ordinal, size_t index) const;
  // Replaces *out; _seq = _updated = 0, no flag. REQUIRES: no HasNullNumber.
  void EncodeRow(size_t index, std::string* out) const;
  void AppendPrimaryKey(size_t index, std::string* out) const;  // REQUIRES: no key column is NULL
  row::Value ValueAt(size_t ordinal, size_t index) const;

 private:
  void StoreSlot(const row::Type& type, size_t ordinal, size_t index, char* to) const;

  row::SchemaPtr schema_;
  row::RowLayout layout_;
  std::vector<duckdb::UnifiedVectorFormat> formats_;
  std::vector<duckdb::PhysicalType> physical_;
  std::vector<duckdb::UnifiedVectorFormat> children_;  // of EMBEDDING columns
};

}  // namespace kalamdb::engine
