// Order-preserving bytes of keys: memcmp order of the bytes is SQL order of the values.
//
//   row key     = table id (4, big-endian) | user id (8, big-endian; 0 = shared) | primary key
//   primary key = each key column in turn:
//     BOOLEAN 1 byte 0/1 · SMALLINT 2, INT and DATE 4, BIGINT, TIME, TIMESTAMP(TZ) 8 bytes big-endian, sign bit flipped
//     FLOAT 4, DOUBLE 8: IEEE bits big-endian, all flipped if negative, else the sign bit (-0.0 as 0.0, one NaN above
//     +inf) DECIMAL 16: unscaled value big-endian, sign bit flipped · UUID: its 16 bytes TEXT, BYTES: bytes with 00
//     written as 00 FF, then 00 00 (so that a prefix sorts before what extends it)
// Key columns are never NULL. Frozen by golden tests; docs/formats/keys.md. All functions are pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "row/schema.h"
#include "row/value.h"

namespace kalamdb::row {

inline constexpr size_t kPartitionPrefixBytes = 12;  // table id + user id
inline constexpr size_t kMaxKeyBytes = 8 * 1024;     // a longer primary key is refused: kTooLarge, naming this limit

// `table | user`: the prefix of one partition; `table`: of one table.
void AppendPartition(TableId table, UserId user, std::string* out);
std::string PartitionPrefix(TableId table, UserId user);
std::string TablePrefix(TableId table);

// Appends one key column. REQUIRES: value fits type and is not NULL.
void AppendKeyValue(const Type& type, const Value& value, std::string* out);

// Reads one key column from the front of `*in` and moves past it. Errors: kStorageUnavailable where damaged.
Result<Value> ReadKeyValue(const Type& type, std::string_view* in);

// All columns of a primary key, in key order. Errors as above.
Result<std::vector<Value>> DecodePrimaryKey(const Schema& schema, std::string_view primary_key);

// The parts of a row key. REQUIRES: at least kPartitionPrefixBytes.
TableId TableOfKey(std::string_view row_key);
UserId UserOfKey(std::string_view row_key);
inline std::string_view PrimaryKeyOf(std::string_view row_key) { return row_key.substr(kPartitionPrefixBytes); }

// The smallest bytes above every key with this prefix; empty where there are none (all bytes FF).
std::string PrefixEnd(std::string_view prefix);

// "id = 5, room = 'a'": for messages that name a key. Never fails: damaged bytes are shown in hex.
std::string DescribeKey(const Schema& schema, std::string_view primary_key);

}  // namespace kalamdb::row
