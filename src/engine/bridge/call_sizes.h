// How much one call of a scalar function will make, told from its arguments before it runs.
//
// Functions whose result may be far larger than their input (repeat, lpad, range, replace, format …), or whose work is
// (levenshtein), are listed by name; all others make a small multiple of what they read. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "duckdb.hpp"

namespace kalamdb::engine {

// The arguments of a call over one vector, read row by row whatever their form.
class CallArguments {
 public:
  explicit CallArguments(duckdb::DataChunk& input);
  size_t columns() const { return formats_.size(); }
  bool IsNull(size_t column, size_t row) const;
  // Of a text or BYTES its length; of a list what its elements take, without what texts among them hold. NULL: 0.
  uint64_t Bytes(size_t column, size_t row) const;
  // Of a list; 0 of all else.
  uint64_t Elements(size_t column, size_t row) const;
  // Of a number, beyond int64 the nearest; NULL and all else: 0.
  int64_t Integer(size_t column, size_t row) const;
  bool IsText(size_t column) const { return types_[column].InternalType() == duckdb::PhysicalType::VARCHAR; }
  bool IsList(size_t column) const { return types_[column].InternalType() == duckdb::PhysicalType::LIST; }
  bool IsNumber(size_t column) const { return types_[column].IsNumeric(); }
  const duckdb::LogicalType& type(size_t column) const { return types_[column]; }
  // REQUIRES: IsText. NULL: empty.
  std::string_view Text(size_t column, size_t row) const;
  template <typename T>
  const T& At(size_t column, size_t row) const {
    return duckdb::UnifiedVectorFormat::GetData<T>(formats_[column])[formats_[column].sel->get_index(row)];
  }

 private:
  duckdb::vector<duckdb::LogicalType> types_;
  duckdb::vector<duckdb::UnifiedVectorFormat> formats_;
};

// Bytes that the call for this row makes or needs meanwhile; an upper bound, saturated.
using CallSize = uint64_t (*)(const CallArguments& arguments, size_t row);

// nullptr: never far more than the arguments hold.
CallSize FindCallSize(std::string_view function_name);

// Whether that is the sum of the arguments (concat): nothing to look at where all rows together hold little.
bool MakesWhatItHolds(CallSize size);

// An aggregate over a list (list_aggregate) that keeps each distinct element beside it, and what that takes.
bool IsDistinctAggregate(std::string_view aggregate_name);
CallSize DistinctSize();

// A text that is compiled before use, into something much larger than it: a regular expression, a format of dates.
inline constexpr uint64_t kMostProgramBytes = 64u << 10;
bool IsProgram(std::string_view function_name, size_t argument);

// JSON that nests deeper ends the process in functions that walk it by recursion.
inline constexpr size_t kMostJsonDepth = 1'000;
bool WalksJson(std::string_view function_name);
// Of `[` and `{` outside of strings, at most; the text need not be JSON.
size_t JsonDepth(std::string_view text);

}  // namespace kalamdb::engine
