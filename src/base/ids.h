// Strong integer types for the numbers that must not be mixed up: commit sequences, tables, users, columns, segments.
//
// Each is a trivially copyable value with comparison, hashing and an explicit way in and out; there is no arithmetic
// but Next(). Zero is never a valid id (for UserId it means "shared": the rows of no particular user).
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace kalamdb {

template <typename Tag, typename Int>
struct StrongId {
  using Underlying = Int;
  Int value = 0;

  constexpr StrongId() = default;
  constexpr explicit StrongId(Int v) : value(v) {}
  constexpr auto operator<=>(const StrongId&) const = default;
  constexpr bool is_set() const { return value != 0; }
  constexpr StrongId Next() const { return StrongId(static_cast<Int>(value + 1)); }
};

using Seq = StrongId<struct SeqTag, uint64_t>;                // commit sequence number: total order, resume token
using TableId = StrongId<struct TableIdTag, uint32_t>;        // never reused
using UserId = StrongId<struct UserIdTag, uint64_t>;          // internal id of a user; 0 = shared; never reused
using ColumnId = StrongId<struct ColumnIdTag, int32_t>;       // identity of a column within its table; never reused
using SchemaVersion = StrongId<struct VersionTag, uint32_t>;  // 1, 2, 3 … within a table
using SegmentId = StrongId<struct SegmentIdTag, uint64_t>;    // a cold file; never reused over the whole server

inline constexpr UserId kSharedUser{0};

// Microseconds since 1970-01-01 00:00:00 UTC: the unit of every point in time in this code base.
using Micros = int64_t;

}  // namespace kalamdb

template <typename Tag, typename Int>
struct std::hash<kalamdb::StrongId<Tag, Int>> {
  size_t operator()(kalamdb::StrongId<Tag, Int> id) const noexcept { return std::hash<Int>()(id.value); }
};
