// Types: every spelling, printing that parses back, and refusals with the right code.
#include "row/type.h"

#include <gtest/gtest.h>

#include "row/test_random.h"

namespace kalamdb::row {
namespace {

TEST(Type, ParsesEverySpelling) {
  const std::pair<const char*, Type> cases[] = {
      {"BOOLEAN", Type::Of(TypeKind::kBoolean)},
      {"bool", Type::Of(TypeKind::kBoolean)},
      {"SMALLINT", Type::Of(TypeKind::kSmallInt)},
      {"int2", Type::Of(TypeKind::kSmallInt)},
      {"INT", Type::Of(TypeKind::kInt)},
      {"Integer", Type::Of(TypeKind::kInt)},
      {"INT4", Type::Of(TypeKind::kInt)},
      {"BIGINT", Type::Of(TypeKind::kBigInt)},
      {"int8", Type::Of(TypeKind::kBigInt)},
      {"FLOAT", Type::Of(TypeKind::kFloat)},
      {"REAL", Type::Of(TypeKind::kFloat)},
      {"double", Type::Of(TypeKind::kDouble)},
      {"DOUBLE \n PRECISION", Type::Of(TypeKind::kDouble)},
      {"DECIMAL", Type::Decimal(18, 3)},
      {"numeric(38, 38)", Type::Decimal(38, 38)},
      {"DECIMAL( 5 )", Type::Decimal(5, 0)},
      {"TEXT", Type::Of(TypeKind::kText)},
      {"STRING", Type::Of(TypeKind::kText)},
      {"VARCHAR", Type::Of(TypeKind::kText)},
      {"VARCHAR(20)", Type::Varchar(20)},
      {"character varying (3)", Type::Varchar(3)},
      {"BYTES", Type::Of(TypeKind::kBytes)},
      {"BLOB", Type::Of(TypeKind::kBytes)},
      {"BYTEA", Type::Of(TypeKind::kBytes)},
      {"DATE", Type::Of(TypeKind::kDate)},
      {"TIME", Type::Of(TypeKind::kTime)},
      {"TIMESTAMP", Type::Of(TypeKind::kTimestamp)},
      {"TIMESTAMP WITHOUT TIME ZONE", Type::Of(TypeKind::kTimestamp)},
      {"TIMESTAMPTZ", Type::Of(TypeKind::kTimestampTz)},
      {"timestamp with  time zone", Type::Of(TypeKind::kTimestampTz)},
      {"DATETIME", Type::Of(TypeKind::kTimestampTz)},
      {"UUID", Type::Of(TypeKind::kUuid)},
      {"JSON", Type::Of(TypeKind::kJson)},
      {"jsonb", Type::Of(TypeKind::kJson)},
      {"EMBEDDING(3)", Type::Embedding(3)},
      {"FLOAT[384]", Type::Embedding(384)},
      {"real [ 2 ]", Type::Embedding(2)},
  };
  for (const auto& [sql, type] : cases) {
    const auto parsed = ParseType(sql);
    ASSERT_TRUE(parsed.ok()) << sql << ": " << parsed.error().message;
    EXPECT_EQ(*parsed, type) << sql;
  }
}

TEST(Type, RefusesWithTheRightCode) {
  const std::pair<const char*, ErrorCode> cases[] = {{"INTERVAL", ErrorCode::kUnsupported},
                                                     {"HUGEINT", ErrorCode::kUnsupported},
                                                     {"TIME WITH TIME ZONE", ErrorCode::kUnsupported},
                                                     {"INT[3]", ErrorCode::kUnsupported},
                                                     {"MAP(INT, INT)", ErrorCode::kInvalidSql},
                                                     {"UINTEGER", ErrorCode::kUnsupported},
                                                     {"", ErrorCode::kInvalidSql},
                                                     {"(3)", ErrorCode::kInvalidSql},
                                                     {"INT(3)", ErrorCode::kInvalidSql},
                                                     {"TEXT(3)", ErrorCode::kInvalidSql},
                                                     {"VARCHAR(0)", ErrorCode::kInvalidSql},
                                                     {"VARCHAR(1,2)", ErrorCode::kInvalidSql},
                                                     {"VARCHAR(3", ErrorCode::kInvalidSql},
                                                     {"VARCHAR 3)", ErrorCode::kUnsupported},
                                                     {"VARCHAR()", ErrorCode::kInvalidSql},
                                                     {"VARCHAR(-1)", ErrorCode::kInvalidSql},
                                                     {"VARCHAR(9999999999)", ErrorCode::kInvalidSql},
                                                     {"DECIMAL(39)", ErrorCode::kInvalidSql},
                                                     {"DECIMAL(0)", ErrorCode::kInvalidSql},
                                                     {"DECIMAL(3,4)", ErrorCode::kInvalidSql},
                                                     {"DECIMAL(5,2,1)", ErrorCode::kInvalidSql},
                                                     {"EMBEDDING", ErrorCode::kInvalidSql},
                                                     {"EMBEDDING(0)", ErrorCode::kInvalidSql},
                                                     {"EMBEDDING(16385)", ErrorCode::kInvalidSql},
                                                     {"FLOAT[]", ErrorCode::kInvalidSql},
                                                     {"FLOAT(3)", ErrorCode::kInvalidSql},
                                                     {"FLOAT[3)", ErrorCode::kInvalidSql}};
  for (const auto& [sql, code] : cases) {
    const auto parsed = ParseType(sql);
    ASSERT_FALSE(parsed.ok()) << sql << " is " << parsed->ToSql();
    EXPECT_EQ(parsed.error().code, code) << sql << ": " << parsed.error().message;
  }
}

TEST(Type, PrintsWhatParsesBack) {
  const uint64_t seed = Random::FreshSeed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  for (int round = 0; round < 2'000; ++round) {
    const Type type = random.AnyType();
    EXPECT_TRUE(type.IsValid());
    EXPECT_EQ(*ParseType(type.ToSql()), type);
    const Type unbounded = type.kind() == TypeKind::kText ? Type::Of(TypeKind::kText) : type;
    EXPECT_EQ(*ParseType(type.ToEngineSql()), unbounded);
  }
}

TEST(Type, PrintsForClientsAndTheEngine) {
  EXPECT_EQ(Type::Varchar(20).ToSql(), "VARCHAR(20)");
  EXPECT_EQ(Type::Varchar(20).ToEngineSql(), "VARCHAR");
  EXPECT_EQ(Type::Varchar(20).ToJson(), R"("Text")");
  EXPECT_EQ(Type::Decimal(10, 2).ToSql(), "DECIMAL(10,2)");
  EXPECT_EQ(Type::Decimal(10, 2).ToJson(), R"({"Decimal":{"precision":10,"scale":2}})");
  EXPECT_EQ(Type::Embedding(384).ToSql(), "EMBEDDING(384)");
  EXPECT_EQ(Type::Embedding(384).ToEngineSql(), "FLOAT[384]");
  EXPECT_EQ(Type::Embedding(384).ToJson(), R"({"Embedding":384})");
  EXPECT_EQ(Type::Of(TypeKind::kTimestampTz).ToJson(), R"("DateTime")");
  EXPECT_EQ(Type::Of(TypeKind::kBytes).ToEngineSql(), "BLOB");
}

TEST(Type, KnowsWrongArguments) {
  EXPECT_FALSE(Type::Raw(static_cast<TypeKind>(0), 0, 0).IsValid());
  EXPECT_FALSE(Type::Raw(static_cast<TypeKind>(17), 0, 0).IsValid());
  EXPECT_FALSE(Type::Raw(TypeKind::kDecimal, 39, 0).IsValid());
  EXPECT_FALSE(Type::Raw(TypeKind::kDecimal, 5, 6).IsValid());
  EXPECT_FALSE(Type::Raw(TypeKind::kEmbedding, 0, 0).IsValid());
  EXPECT_FALSE(Type::Raw(TypeKind::kInt, 1, 0).IsValid());
}

}  // namespace
}  // namespace kalamdb::row
