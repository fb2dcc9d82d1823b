// Keys: golden bytes, and that memcmp order is the order of values for every type and for composite keys.
#include "row/key_codec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "row/test_random.h"
#include "row/text_form.h"

namespace kalamdb::row {
namespace {

using namespace std::string_literals;

std::string KeyBytes(const Type& type, const Value& value) {
  std::string out;
  AppendKeyValue(type, value, &out);
  return out;
}

std::string Hex(std::string_view bytes) {
  std::string out;
  AppendHex(bytes, &out);
  return out;
}

std::string KeyHex(std::string_view type, const Value& value) { return Hex(KeyBytes(*ParseType(type), value)); }

// Frozen: a change breaks every database there is (docs/formats/keys.md).
TEST(KeyCodec, GoldenBytes) {
  EXPECT_EQ(KeyHex("BOOLEAN", Value::Bool(false)), "00");
  EXPECT_EQ(KeyHex("BOOLEAN", Value::Bool(true)), "01");
  EXPECT_EQ(KeyHex("SMALLINT", Value::Int(-1)), "7fff");
  EXPECT_EQ(KeyHex("SMALLINT", Value::Int(258)), "8102");
  EXPECT_EQ(KeyHex("INT", Value::Int(1)), "80000001");
  EXPECT_EQ(KeyHex("INT", Value::Int(INT32_MIN)), "00000000");
  EXPECT_EQ(KeyHex("DATE", Value::Int(-1)), "7fffffff");
  EXPECT_EQ(KeyHex("BIGINT", Value::Int(1)), "8000000000000001");
  EXPECT_EQ(KeyHex("BIGINT", Value::Int(INT64_MAX)), "ffffffffffffffff");
  EXPECT_EQ(KeyHex("TIME", Value::Int(0x0102)), "8000000000000102");
  EXPECT_EQ(KeyHex("TIMESTAMP", Value::Int(-2)), "7ffffffffffffffe");
  EXPECT_EQ(KeyHex("TIMESTAMPTZ", Value::Int(0)), "8000000000000000");
  EXPECT_EQ(KeyHex("FLOAT", Value::Float(1.0f)), "bf800000");
  EXPECT_EQ(KeyHex("FLOAT", Value::Float(-1.0f)), "407fffff");
  EXPECT_EQ(KeyHex("DOUBLE", Value::Double(0.0)), "8000000000000000");
  EXPECT_EQ(KeyHex("DOUBLE", Value::Double(-0.0)), "8000000000000000");
  EXPECT_EQ(KeyHex("DOUBLE", Value::Double(INFINITY)), "fff0000000000000");
  EXPECT_EQ(KeyHex("DOUBLE", Value::Double(-std::nan("7"))), "fff8000000000000");
  EXPECT_EQ(KeyHex("DECIMAL(10,2)", Value::Wide(-1)), "7fffffffffffffffffffffffffffffff");
  EXPECT_EQ(KeyHex("UUID", Value::Wide(*ParseUuid("f0e1d2c3-b4a5-9687-1122-334455667788"))),
            "f0e1d2c3b4a596871122334455667788");
  EXPECT_EQ(KeyHex("TEXT", Value::String("")), "0000");
  EXPECT_EQ(KeyHex("TEXT", Value::String("a")), "610000");
  EXPECT_EQ(KeyHex("BYTES", Value::String("\0\xFF\x01"s)), "00ffff010000");
  EXPECT_EQ(Hex(PartitionPrefix(TableId(0x01020304), UserId(0x05))), "010203040000000000000005");
  EXPECT_EQ(Hex(TablePrefix(TableId(7))), "00000007");
}

// -1, 0, 1: the order SQL asks. NaN is above all numbers and equal to itself.
template <typename Number>
int OrderOf(const Number& a, const Number& b) {
  if constexpr (std::is_floating_point_v<Number>) {
    if (std::isnan(a) || std::isnan(b)) return static_cast<int>(std::isnan(a)) - static_cast<int>(std::isnan(b));
  }
  return a < b ? -1 : b < a ? 1 : 0;
}

int OrderOf(const Type& type, const Value& a, const Value& b) {
  switch (type.kind()) {
    case TypeKind::kBoolean: return OrderOf(a.as_bool(), b.as_bool());
    case TypeKind::kFloat: return OrderOf(a.as_float(), b.as_float());
    case TypeKind::kDouble: return OrderOf(a.as_double(), b.as_double());
    case TypeKind::kDecimal: return OrderOf(a.as_wide(), b.as_wide());
    case TypeKind::kUuid:
      return OrderOf(static_cast<unsigned __int128>(a.as_wide()), static_cast<unsigned __int128>(b.as_wide()));
    case TypeKind::kText:
    case TypeKind::kBytes: {
      const int order = a.as_string().compare(b.as_string());
      return order < 0 ? -1 : order > 0 ? 1 : 0;
    }
    default: return OrderOf(a.as_int(), b.as_int());
  }
}

int Sign(int order) { return order < 0 ? -1 : order > 0 ? 1 : 0; }

TEST(KeyCodec, OrderOfBytesIsOrderOfValues) {
  const uint64_t seed = Random::FreshSeed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  for (int round = 0; round < 100'000; ++round) {
    const Type type = random.AnyKeyType();
    const Value a = random.ValueOf(type);
    const Value b = random.OneIn(10) ? a : random.ValueOf(type);
    ASSERT_EQ(Sign(KeyBytes(type, a).compare(KeyBytes(type, b))), OrderOf(type, a, b))
        << type.ToSql() << ": " << a.ToSqlLiteral(type) << " and " << b.ToSqlLiteral(type);
  }
}

// Short strings over {00, 01, FF, 'a'}: every pair, so that no prefix and no escape is left to chance.
TEST(KeyCodec, OrderOfAllShortStrings) {
  const Type type = Type::Of(TypeKind::kBytes);
  std::vector<std::string> all = {""};
  for (size_t at = 0; at < all.size() && all[at].size() < 3; ++at) {
    for (const char c : "\x01\xFF"s + "a\0"s) all.push_back(all[at] + c);
  }
  ASSERT_EQ(all.size(), 85u);
  for (const std::string& a : all) {
    for (const std::string& b : all) {
      ASSERT_EQ(Sign(KeyBytes(type, Value::String(a)).compare(KeyBytes(type, Value::String(b)))), Sign(a.compare(b)));
    }
  }
}

std::vector<Value> KeyOf(Random* random, const Schema& schema) {
  std::vector<Value> key;
  for (const uint16_t ordinal : schema.key_ordinals()) key.push_back(random->ValueOf(schema.column(ordinal).type));
  return key;
}

std::string Encode(const Schema& schema, const std::vector<Value>& key) {
  std::string out;
  for (size_t i = 0; i < key.size(); ++i) AppendKeyValue(schema.column(schema.key_ordinals()[i]).type, key[i], &out);
  return out;
}

TEST(KeyCodec, CompositeKeysCompareColumnByColumnAndComeBack) {
  const uint64_t seed = Random::FreshSeed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  for (int round = 0; round < 20'000; ++round) {
    const Schema schema = random.AnySchema(4);
    const auto a = KeyOf(&random, schema);
    auto b = KeyOf(&random, schema);
    for (size_t same = random.Below(b.size() + 1), i = 0; i < same; ++i) b[i] = a[i];
    int order = 0;
    for (size_t i = 0; i < a.size() && order == 0; ++i)
      order = OrderOf(schema.column(schema.key_ordinals()[i]).type, a[i], b[i]);
    const std::string bytes = Encode(schema, a);
    ASSERT_EQ(Sign(bytes.compare(Encode(schema, b))), order);
    const auto back = DecodePrimaryKey(schema, bytes);
    ASSERT_TRUE(back.ok());
    ASSERT_EQ(*back, a);
  }
}

TEST(KeyCodec, DamagedKeysAreErrors) {
  const uint64_t seed = Random::FreshSeed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  for (int round = 0; round < 20'000; ++round) {
    const Schema schema = random.AnySchema(4);
    std::string bytes = Encode(schema, KeyOf(&random, schema));
    const std::string whole = bytes;
    bytes.resize(random.Below(bytes.size()));
    const std::string cut(bytes);  // exactly as long, for the sanitizer
    ASSERT_FALSE(DecodePrimaryKey(schema, cut).ok());
    ASSERT_EQ(DecodePrimaryKey(schema, cut).error().code, ErrorCode::kStorageUnavailable);
    ASSERT_FALSE(DecodePrimaryKey(schema, whole + "x").ok());
    ASSERT_EQ(DescribeKey(schema, cut).substr(0, 6), "key 0x");
    (void)DecodePrimaryKey(schema, random.Bytes(40));
  }
  std::string_view wrong_escape("a\0b\0\0", 5);
  EXPECT_FALSE(ReadKeyValue(Type::Of(TypeKind::kText), &wrong_escape).ok());
  std::string_view wrong_boolean("\x02");
  EXPECT_FALSE(ReadKeyValue(Type::Of(TypeKind::kBoolean), &wrong_boolean).ok());
}

TEST(KeyCodec, PartsOfARowKey) {
  const std::string key = PartitionPrefix(TableId(UINT32_MAX), UserId(UINT64_MAX)) + "rest";
  EXPECT_EQ(TableOfKey(key), TableId(UINT32_MAX));
  EXPECT_EQ(UserOfKey(key), UserId(UINT64_MAX));
  EXPECT_EQ(PrimaryKeyOf(key), "rest");
}

TEST(KeyCodec, PrefixEndIsTheNextPrefix) {
  EXPECT_EQ(PrefixEnd("a"), "b");
  EXPECT_EQ(PrefixEnd("a\xFF"), "b");
  EXPECT_EQ(PrefixEnd("\xFF\xFF"), "");
  EXPECT_EQ(PrefixEnd(""), "");
  EXPECT_EQ(PrefixEnd("a\x7F"), "a\x80");
  const std::string end = PrefixEnd(PartitionPrefix(TableId(1), UserId(255)));
  EXPECT_LT(PartitionPrefix(TableId(1), UserId(255)) + std::string(100, '\xFF'), end);
  EXPECT_LE(end, PartitionPrefix(TableId(1), UserId(256)));
}

TEST(KeyCodec, DescribesKeys) {
  std::vector<Column> columns(2);
  columns[0] = {
      .id = ColumnId(1), .name = "room", .type = Type::Of(TypeKind::kText), .nullable = false, .key_position = 2};
  columns[1] = {
      .id = ColumnId(2), .name = "id", .type = Type::Of(TypeKind::kBigInt), .nullable = false, .key_position = 1};
  const Schema schema(SchemaVersion(1), columns);
  EXPECT_EQ(DescribeKey(schema, Encode(schema, {Value::Int(5), Value::String("it's")})), "id = 5, room = 'it''s'");
}

}  // namespace
}  // namespace kalamdb::row
