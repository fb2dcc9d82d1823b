// JSON of values, out and in: exact forms, hostile strings, and that what goes out comes in again.
#include "row/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "row/json_document.h"
#include "row/row_codec.h"
#include "row/test_random.h"

namespace kalamdb::row {
namespace {

using namespace std::string_literals;
using Kind = JsonParam::Kind;

std::string JsonString(std::string_view text) {
  std::string out;
  AppendJsonString(text, &out);
  return out;
}

std::string Json(const Type& type, const Value& value, BytesForm form = BytesForm::kBase64) {
  std::string out;
  AppendJsonValue(type, value, form, &out);
  return out;
}

Type T(std::string_view sql) { return *ParseType(sql); }

TEST(JsonString, EscapesWhatMustBe) {
  EXPECT_EQ(JsonString(""), R"("")");
  EXPECT_EQ(JsonString("a\"b\\c/d"), R"("a\"b\\c/d")");
  EXPECT_EQ(JsonString("\b\f\n\r\t\x01\x1F\x7F"), "\"\\b\\f\\n\\r\\t\\u0001\\u001f\x7F\"");
  EXPECT_EQ(JsonString("\0x"s), R"("\u0000x")");
  EXPECT_EQ(JsonString("é😀 "), "\"é😀 \"");
}

TEST(JsonString, ReplacesWhatIsNoUtf8) {
  EXPECT_EQ(JsonString("a\xFFz"), "\"a\xEF\xBF\xBDz\"");
  EXPECT_EQ(JsonString("é\xC3"), "\"é\xEF\xBF\xBD\"");
  EXPECT_EQ(JsonString("\xED\xA0\x80\n"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\\n\"");
  EXPECT_EQ(JsonString("\xF0\x9F\x98\"é"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\\\"é\"");
}

// Any bytes make a string that simdjson accepts; valid text comes back as it was, at any alignment.
TEST(JsonString, SurvivesAnyBytes) {
  const uint64_t seed = Random::FreshSeed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  for (int round = 0; round < 20'000; ++round) {
    const std::string text = random.Text(40);
    const auto back = JsonDocument::Parse(JsonString(text));
    ASSERT_TRUE(back.ok()) << back.error().message;
    ASSERT_EQ(back->root().AsString(), text);
    ASSERT_TRUE(JsonDocument::Parse(JsonString(random.Bytes(40))).ok());
  }
}

TEST(JsonValue, HasTheFormOfReplies) {
  EXPECT_EQ(Json(T("BOOLEAN"), Value::Bool(true)), "true");
  EXPECT_EQ(Json(T("SMALLINT"), Value::Int(-32768)), "-32768");
  EXPECT_EQ(Json(T("INT"), Value::Int(7)), "7");
  EXPECT_EQ(Json(T("BIGINT"), Value::Int(INT64_MIN)), R"("-9223372036854775808")");
  EXPECT_EQ(Json(T("FLOAT"), Value::Float(0.1f)), "0.1");
  EXPECT_EQ(Json(T("DOUBLE"), Value::Double(0.1)), "0.1");
  EXPECT_EQ(Json(T("DOUBLE"), Value::Double(1e300)), "1e+300");
  EXPECT_EQ(Json(T("DOUBLE"), Value::Double(5)), "5");
  EXPECT_EQ(Json(T("DOUBLE"), Value::Double(-0.0)), "-0");
  EXPECT_EQ(Json(T("DOUBLE"), Value::Double(std::nan(""))), R"("NaN")");
  EXPECT_EQ(Json(T("FLOAT"), Value::Float(INFINITY)), R"("Infinity")");
  EXPECT_EQ(Json(T("FLOAT"), Value::Float(-INFINITY)), R"("-Infinity")");
  EXPECT_EQ(Json(T("DECIMAL(10,2)"), Value::Wide(-5)), R"("-0.05")");
  EXPECT_EQ(Json(T("DECIMAL(10,2)"), Value::Wide(0)), R"("0.00")");
  EXPECT_EQ(Json(T("DECIMAL(5,0)"), Value::Wide(120)), R"("120")");
  EXPECT_EQ(Json(T("DECIMAL(3,3)"), Value::Wide(120)), R"("0.120")");
  Int128 most = 1;
  for (int i = 0; i < 38; ++i) most *= 10;
  EXPECT_EQ(Json(T("DECIMAL(38,0)"), Value::Wide(most - 1)), "\"" + std::string(38, '9') + "\"");
  EXPECT_EQ(Json(T("DECIMAL(38,38)"), Value::Wide(1 - most)), "\"-0." + std::string(38, '9') + "\"");
  EXPECT_EQ(Json(T("TEXT"), Value::String("a\n")), R"("a\n")");
  EXPECT_EQ(Json(T("JSON"), Value::String(R"({"a":1})")), R"("{\"a\":1}")");
  EXPECT_EQ(Json(T("DATE"), Value::Int(19'000)), "19000");
  EXPECT_EQ(Json(T("TIME"), Value::Int(1)), "1");
  EXPECT_EQ(Json(T("TIMESTAMPTZ"), Value::Int(1'700'000'000'000'000)), "1700000000000000");
  const Value uuid = Value::Wide(
      static_cast<Int128>(static_cast<unsigned __int128>(0xF0E1D2C3B4A59687ull) << 64 | 0x1122334455667788ull));
  EXPECT_EQ(Json(T("UUID"), uuid), R"("f0e1d2c3-b4a5-9687-1122-334455667788")");
  EXPECT_EQ(Json(T("BYTES"), Value::String("\x00\xFF\x10"s)), R"("AP8Q")");
  EXPECT_EQ(Json(T("BYTES"), Value::String("")), R"("")");
  EXPECT_EQ(Json(T("BYTES"), Value::String("f")), R"("Zg==")");
  EXPECT_EQ(Json(T("BYTES"), Value::String("fo")), R"("Zm8=")");
  EXPECT_EQ(Json(T("BYTES"), Value::String("foobar")), R"("Zm9vYmFy")");
  EXPECT_EQ(Json(T("BYTES"), Value::String("\x00\xFF"s), BytesForm::kArray), "[0,255]");
  EXPECT_EQ(Json(T("EMBEDDING(2)"), Value::String("\x00\x00\xC0\x3F\x00\x00\xC0\x7F"s)), R"([1.5,"NaN"])");
  EXPECT_EQ(Json(T("INT"), Value::Null()), "null");
}

JsonParam ParamOf(const std::string& json) {
  const auto document = JsonDocument::Parse(json);
  EXPECT_TRUE(document.ok()) << json;
  return document->root().ToParam();
}

TEST(ParamToValue, TakesWhatRepliesCarry) {
  const uint64_t seed = Random::FreshSeed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  for (int round = 0; round < 20'000; ++round) {
    const Type type = random.AnyType();
    const Value value = random.ValueOf(type);
    for (const BytesForm form : {BytesForm::kBase64, BytesForm::kArray}) {
      const std::string json = Json(type, value, form);
      const auto back = ParamToValue(ParamOf(json), type);
      ASSERT_TRUE(back.ok()) << json << " as " << type.ToSql() << ": " << back.error().message;
      if (type.kind() == TypeKind::kEmbedding) {
        ASSERT_EQ(Json(type, *back), Json(type, value));  // one NaN
      } else {
        ASSERT_EQ(*back, value) << json << " as " << type.ToSql();
      }
    }
  }
}

struct Accepted {
  std::string type, json, reply;
};

TEST(ParamToValue, TakesPlainTexts) {
  const Accepted cases[] = {
      {"BOOLEAN", R"("true")", "true"},
      {"SMALLINT", R"("-5")", "-5"},
      {"INT", "5.0", "5"},
      {"INT", "1e3", "1000"},
      {"BIGINT", "9223372036854775807", R"("9223372036854775807")"},
      {"BIGINT", R"("9223372036854775807")", R"("9223372036854775807")"},
      {"DOUBLE", R"("1.5")", "1.5"},
      {"DOUBLE", "1", "1"},
      {"DOUBLE", R"("-Infinity")", R"("-Infinity")"},
      {"DOUBLE", "1e-400", "0"},
      {"FLOAT", "1e-45", "1e-45"},
      {"DECIMAL(10,2)", "12.5", R"("12.50")"},
      {"DECIMAL(10,2)", R"("-.5")", R"("-0.50")"},
      {"DECIMAL(10,2)", "1.005", R"("1.01")"},
      {"DECIMAL(10,2)", "-1.005", R"("-1.01")"},
      {"DECIMAL(10,2)", "1.0049999", R"("1.00")"},
      {"DECIMAL(10,2)", "1.2e3", R"("1200.00")"},
      {"DECIMAL(10,2)", "0.004e-3", R"("0.00")"},
      {"DECIMAL(38,0)", std::string(38, '9'), "\"" + std::string(38, '9') + "\""},
      {"DECIMAL(4,4)", "0.00012", R"("0.0001")"},
      {"DECIMAL(4,4)", "0.00005", R"("0.0001")"},
      {"VARCHAR(3)", R"("äöü")", R"("äöü")"},
      {"DATE", R"("1970-01-02")", "1"},
      {"DATE", R"("2000-2-29")", "11016"},
      {"DATE", "\"0001-01-01 (BC)\"", "-719528"},
      {"DATE", "-5", "-5"},
      {"TIME", R"("00:00:01.5")", "1500000"},
      {"TIME", R"("24:00:00")", "86400000000"},
      {"TIMESTAMP", R"("1970-01-01 00:00:00.000001")", "1"},
      {"TIMESTAMP", R"("1970-01-02")", "86400000000"},
      {"TIMESTAMP", R"("1969-12-31T23:59:59.9999999")", "-1"},
      {"TIMESTAMPTZ", R"("1970-01-01T01:00:00+01:00")", "0"},
      {"TIMESTAMPTZ", R"("1970-01-01T00:00:00Z")", "0"},
      {"TIMESTAMP", R"("1970-01-01T01:00:00+01:00")", "3600000000"},
      {"TIMESTAMPTZ", R"("1970-01-01 00:00:00-0130")", "5400000000"},
      {"TIMESTAMPTZ", R"("1970-01-01 00:00 UTC")", "0"},
      {"UUID", R"("F0E1D2C3B4A596871122334455667788")", R"("f0e1d2c3-b4a5-9687-1122-334455667788")"},
      {"JSON", R"({"a":[1, 2]})", R"("{\"a\":[1, 2]}")"},
      {"JSON", R"("{\"a\": 1}")", R"("{\"a\": 1}")"},
      {"JSON", "12345678901234567890123", R"("12345678901234567890123")"},
      {"JSON", R"("\"text\"")", R"("\"text\"")"},
      {"EMBEDDING(2)", R"("[1, 2.5]")", "[1,2.5]"},
      {"BYTES", "[1,2,255]", R"("AQL/")"},
  };
  for (const Accepted& c : cases) {
    const auto value = ParamToValue(ParamOf(c.json), T(c.type));
    ASSERT_TRUE(value.ok()) << c.type << " " << c.json << ": " << value.error().message;
    EXPECT_EQ(Json(T(c.type), *value), c.reply) << c.type << " " << c.json;
  }
}

TEST(ParamToValue, RefusesWhatDoesNotFit) {
  const std::pair<std::string, std::string> cases[] = {{"BOOLEAN", "1"},
                                                       {"BOOLEAN", R"("yes")"},
                                                       {"SMALLINT", "32768"},
                                                       {"SMALLINT", "-32769"},
                                                       {"INT", "2147483648"},
                                                       {"INT", "1.5"},
                                                       {"INT", R"("1.5")"},
                                                       {"INT", R"("")"},
                                                       {"INT", R"(" 1")"},
                                                       {"INT", R"("+-1")"},
                                                       {"INT", "true"},
                                                       {"INT", "[1]"},
                                                       {"BIGINT", "9223372036854775808"},
                                                       {"BIGINT", "1e30"},
                                                       {"DOUBLE", "1e400"},
                                                       {"DOUBLE", R"("1.5x")"},
                                                       {"DOUBLE", R"("")"},
                                                       {"FLOAT", "1e39"},
                                                       {"FLOAT", R"("+-1")"},
                                                       {"DECIMAL(4,2)", "100"},
                                                       {"DECIMAL(4,2)", "99.995"},
                                                       {"DECIMAL(4,2)", R"(".")"},
                                                       {"DECIMAL(4,2)", R"("1e")"},
                                                       {"DECIMAL(4,2)", "1e999999999999"},
                                                       {"DECIMAL(4,2)", R"("NaN")"},
                                                       {"TEXT", "5"},
                                                       {"TEXT", "{}"},
                                                       {"VARCHAR(3)", R"("abcd")"},
                                                       {"BYTES", R"("A")"},
                                                       {"BYTES", R"("AB==")"},
                                                       {"BYTES", R"("A===")"},
                                                       {"BYTES", R"("====")"},
                                                       {"BYTES", R"("AA=A")"},
                                                       {"BYTES", R"("-_8=")"},
                                                       {"BYTES", "[256]"},
                                                       {"BYTES", "[1.5]"},
                                                       {"DATE", R"("2023-02-29")"},
                                                       {"DATE", R"("2023-13-01")"},
                                                       {"DATE", R"("2023-00-01")"},
                                                       {"DATE", "2147483648"},
                                                       {"DATE", R"("9999999-01-01")"},
                                                       {"TIME", R"("24:00:01")"},
                                                       {"TIME", R"("12:60")"},
                                                       {"TIME", "-1"},
                                                       {"TIME", "86400000001"},
                                                       {"TIMESTAMP", R"("2024-01-01T")"},
                                                       {"TIMESTAMP", R"("2024-01-01 12:00:00 Europe/Berlin")"},
                                                       {"TIMESTAMP", R"("300000-01-01")"},
                                                       {"TIMESTAMPTZ", R"("2024-01-01 12:00 +00")"},
                                                       {"TIMESTAMP", "-9223372036854775808"},
                                                       {"UUID", R"("f0e1d2c3-b4a5-9687-1122-33445566778")"},
                                                       {"UUID", R"("f0e1d2c3+b4a5-9687-1122-334455667788")"},
                                                       {"UUID", "5"},
                                                       {"JSON", R"("{")"},
                                                       {"JSON", R"("text")"},
                                                       {"EMBEDDING(2)", "[1]"},
                                                       {"EMBEDDING(2)", "[1,2,3]"},
                                                       {"EMBEDDING(2)", "[1,null]"},
                                                       {"EMBEDDING(2)", "[1,1e40]"},
                                                       {"EMBEDDING(2)", R"("x")"},
                                                       {"EMBEDDING(2)", "{}"}};
  for (const auto& [type, json] : cases) {
    const auto value = ParamToValue(ParamOf(json), T(type));
    ASSERT_FALSE(value.ok()) << type << " " << json << " gave " << Json(T(type), *value);
    EXPECT_EQ(value.error().code, ErrorCode::kTypeMismatch);
    EXPECT_NE(value.error().message.find(T(type).ToSql()), std::string::npos) << value.error().message;
  }
}

TEST(ParamToValue, NamesTheValue) {
  const auto range = ParamToValue(ParamOf("70000"), T("SMALLINT"));
  ASSERT_FALSE(range.ok());
  EXPECT_EQ(range.error().message, "value 70000 does not fit type SMALLINT: out of range -32768 to 32767");
  const auto length = ParamToValue(ParamOf("\"" + std::string(59, 'x') + "äx\""), T("VARCHAR(3)"));
  ASSERT_FALSE(length.ok());
  EXPECT_EQ(length.error().message,
            "value '" + std::string(59, 'x') + "…' does not fit type VARCHAR(3): it has 61 characters");
}

// The writer over a row's bytes says the same as the one over values.
TEST(JsonFromRow, IsTheSameAsOfValues) {
  const uint64_t seed = Random::FreshSeed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  for (int round = 0; round < 500; ++round) {
    const Schema schema = random.AnySchema(20);
    const RowLayout layout(schema);
    const auto values = random.RowOf(schema);
    const std::string row = EncodeRow(schema, layout, values);
    for (size_t i = 0; i < schema.size(); ++i) {
      if (RowIsNull(row, i)) continue;
      std::string direct;
      AppendJsonFromRow(schema.column(i).type, RowBytes(layout, row, i), BytesForm::kBase64, &direct);
      ASSERT_EQ(direct, Json(schema.column(i).type, values[i]));
    }
  }
}

}  // namespace
}  // namespace kalamdb::row
