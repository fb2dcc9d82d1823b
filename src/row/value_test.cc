// Values: equality, literals, and the textual forms of decimals, dates, times and UUIDs.
#include "row/value.h"

#include <gtest/gtest.h>

#include <cmath>

#include "row/test_random.h"
#include "row/text_form.h"

namespace kalamdb::row {
namespace {

using namespace std::string_literals;

std::string Literal(std::string_view type, const Value& value) { return value.ToSqlLiteral(*ParseType(type)); }

TEST(Value, ComparesPayloads) {
  EXPECT_EQ(Value::Null(), Value());
  EXPECT_EQ(Value::Double(-0.0), Value::Double(0.0));
  EXPECT_EQ(Value::Double(std::nan("1")), Value::Double(-std::nan("2")));
  EXPECT_EQ(Value::Float(NAN), Value::Float(NAN));
  EXPECT_NE(Value::Double(NAN), Value::Double(0));
  EXPECT_NE(Value::Int(1), Value::Bool(true));
  EXPECT_NE(Value::Int(0), Value::Null());
  EXPECT_NE(Value::String("a"), Value::String("a\0"s));
  EXPECT_NE(Value::Wide(1), Value::Int(1));
}

TEST(Value, PrintsLiterals) {
  EXPECT_EQ(Literal("INT", Value::Null()), "NULL");
  EXPECT_EQ(Literal("BOOLEAN", Value::Bool(false)), "false");
  EXPECT_EQ(Literal("BIGINT", Value::Int(INT64_MIN)), "-9223372036854775808");
  EXPECT_EQ(Literal("DOUBLE", Value::Double(0.5)), "0.5");
  EXPECT_EQ(Literal("DOUBLE", Value::Double(-0.125)), "-0.125");
  EXPECT_EQ(Literal("DOUBLE", Value::Double(0.1 + 0.2)), "'0.30000000000000004'::DOUBLE");
  EXPECT_EQ(Literal("DOUBLE", Value::Double(1e300)), "'1e+300'::DOUBLE");
  EXPECT_EQ(Literal("FLOAT", Value::Float(0.1f)), "0.1");
  EXPECT_EQ(Literal("FLOAT", Value::Float(16777216.0f)), "'16777216'::FLOAT");
  EXPECT_EQ(Literal("DOUBLE", Value::Double(-INFINITY)), "'-Infinity'::DOUBLE");
  EXPECT_EQ(Literal("FLOAT", Value::Float(NAN)), "'NaN'::FLOAT");
  EXPECT_EQ(Literal("DECIMAL(10,2)", Value::Wide(-1250)), "-12.50");
  EXPECT_EQ(Literal("TEXT", Value::String("it's")), "'it''s'");
  EXPECT_EQ(Literal("TEXT", Value::String("a\0b"s)), "('a' || chr(0) || 'b')");
  EXPECT_EQ(Literal("BYTES", Value::String("\x00\xAB"s)), R"('\x00\xab'::BLOB)");
  EXPECT_EQ(Literal("DATE", Value::Int(0)), "DATE '1970-01-01'");
  EXPECT_EQ(Literal("DATE", Value::Int(kInfiniteDays)), "DATE 'infinity'");
  EXPECT_EQ(Literal("TIME", Value::Int(45'296'000'001)), "TIME '12:34:56.000001'");
  EXPECT_EQ(Literal("TIMESTAMP", Value::Int(-1)), "TIMESTAMP '1969-12-31 23:59:59.999999'");
  EXPECT_EQ(Literal("TIMESTAMPTZ", Value::Int(1'500'000)), "TIMESTAMPTZ '1970-01-01 00:00:01.5+00'");
  EXPECT_EQ(Literal("UUID", Value::Wide(1)), "'00000000-0000-0000-0000-000000000001'::UUID");
  EXPECT_EQ(Literal("JSON", Value::String("{}")), "'{}'::JSON");
  EXPECT_EQ(Literal("EMBEDDING(2)", Value::String("\x00\x00\xC0\x3F\x00\x00\x80\xBF"s)), "[1.5, -1]::FLOAT[2]");
}

TEST(TextForm, DatesAreThoseOfTheCalendar) {
  const std::pair<int64_t, const char*> cases[] = {{0, "1970-01-01"},
                                                   {-1, "1969-12-31"},
                                                   {11'016, "2000-02-29"},
                                                   {-25'508, "1900-03-01"},
                                                   {19'782, "2024-02-29"},
                                                   {-719'162, "0001-01-01"},
                                                   {-719'163, "0001-12-31 (BC)"},
                                                   {2'932'896, "9999-12-31"},
                                                   {2'932'897, "10000-01-01"},
                                                   {kMaxDays, "5881580-07-10"},
                                                   {kMinDays, "5877642-06-25 (BC)"}};
  for (const auto& [days, text] : cases) {
    std::string out;
    AppendDate(days, &out);
    EXPECT_EQ(out, text);
    EXPECT_EQ(ParseDate(text), days) << text;
  }
}

TEST(TextForm, ReadsBackWhatItWrites) {
  const uint64_t seed = Random::FreshSeed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  const auto written = [](auto append) {
    std::string out;
    append(&out);
    return out;
  };
  for (int round = 0; round < 20'000; ++round) {
    const int64_t days = random.ValueOf(Type::Of(TypeKind::kDate)).as_int();
    ASSERT_EQ(ParseDate(written([&](auto* out) { AppendDate(days, out); })), days);
    const int64_t time = random.ValueOf(Type::Of(TypeKind::kTime)).as_int();
    ASSERT_EQ(ParseTime(written([&](auto* out) { AppendTime(time, out); })), time);
    const int64_t micros = random.ValueOf(Type::Of(TypeKind::kTimestamp)).as_int();
    ASSERT_EQ(ParseTimestamp(written([&](auto* out) { AppendTimestamp(micros, out); }), ZoneUse::kToUtc), micros);
    const Int128 uuid = random.ValueOf(Type::Of(TypeKind::kUuid)).as_wide();
    ASSERT_TRUE(ParseUuid(written([&](auto* out) { AppendUuid(uuid, out); })) == uuid);
    const auto width = static_cast<uint8_t>(1 + random.Below(38));
    const auto scale = static_cast<uint8_t>(random.Below(width + 1u));
    const Int128 decimal = random.ValueOf(Type::Decimal(width, scale)).as_wide();
    ASSERT_TRUE(ParseDecimal(written([&](auto* out) { AppendDecimal(decimal, scale, out); }), width, scale) == decimal);
  }
}

TEST(TextForm, SurvivesAnyText) {
  const uint64_t seed = Random::FreshSeed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  constexpr std::string_view kPieces[] = {"0", "9", "1", "-",    "+",  ".",    ":",   " ",  "T",
                                          "Z", "e", "E", "2024", "00", "(BC)", "inf", "nan"};
  for (int round = 0; round < 50'000; ++round) {
    std::string text;
    for (uint64_t left = random.Below(12); left > 0; --left) text += kPieces[random.Below(std::size(kPieces))];
    (void)ParseDate(text);
    (void)ParseTime(text);
    (void)ParseUuid(text);
    (void)ParseDouble(text);
    (void)ParseFloat(text);
    if (const auto micros = ParseTimestamp(text, ZoneUse::kToUtc)) ASSERT_TRUE(IsTimestampInRange(*micros)) << text;
    if (const auto decimal = ParseDecimal(text, 5, 2)) ASSERT_TRUE(*decimal < 100'000 && *decimal > -100'000) << text;
    if (const auto integer = ParseInteger(text)) ASSERT_EQ(ParseDecimal(text, 38, 0).has_value(), true) << text;
  }
}

}  // namespace
}  // namespace kalamdb::row
