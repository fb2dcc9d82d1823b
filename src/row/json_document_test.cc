// JsonDocument: what is read, what is refused, and that hostile bytes do no harm.
#include "row/json_document.h"

#include <gtest/gtest.h>

#include "row/test_random.h"

namespace kalamdb::row {
namespace {

using Kind = JsonParam::Kind;

JsonDocument MustParse(std::string_view text) {
  auto document = JsonDocument::Parse(text);
  EXPECT_TRUE(document.ok()) << text << ": " << (document.ok() ? "" : document.error().message);
  return *std::move(document);
}

std::string Reason(std::string_view text) {
  const auto document = JsonDocument::Parse(text);
  if (document.ok()) return "";
  EXPECT_EQ(document.error().code, ErrorCode::kInvalidParameter);
  return document.error().message;
}

TEST(JsonDocument, ReadsARequestBody) {
  const auto document = MustParse(
      R"({"sql":"SELECT \"a\", $1 \u00e9\ud83d\ude00","params":[1, -2.50 , "x\n", null,true,{"k": [1, 2 ]} , [ ]],"n": 5 } )");
  const JsonView root = document.root();
  ASSERT_TRUE(root.IsObject());
  EXPECT_EQ(root.Find("sql")->AsString(), "SELECT \"a\", $1 é😀");
  EXPECT_EQ(root.Find("n")->AsInt64(), 5);
  EXPECT_FALSE(root.Find("N").has_value());
  std::vector<std::string> names;
  for (const auto [name, value] : root.fields()) names.emplace_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"sql", "params", "n"}));

  std::vector<JsonParam> params;
  for (const JsonView item : root.Find("params")->items()) params.push_back(item.ToParam());
  ASSERT_EQ(params.size(), 7u);
  const std::vector<std::pair<Kind, std::string>> expected = {
      {Kind::kInteger, "1"}, {Kind::kNumber, "-2.50"}, {Kind::kString, "x\n"},
      {Kind::kNull, "null"}, {Kind::kBool, "true"},    {Kind::kObject, R"({"k": [1, 2 ]})"},
      {Kind::kArray, "[ ]"}};
  for (size_t i = 0; i < params.size(); ++i) {
    EXPECT_EQ(params[i].kind, expected[i].first) << i;
    EXPECT_EQ(params[i].text, expected[i].second) << i;
  }
}

TEST(JsonDocument, KeepsTextsWhenMoved) {
  auto first = MustParse(R"({"\u0061":"plain","b":"esc\taped"})");
  const JsonDocument second = std::move(first);
  EXPECT_EQ(second.root().Find("a")->AsString(), "plain");
  EXPECT_EQ(second.root().Find("b")->AsString(), "esc\taped");
}

TEST(JsonDocument, KeepsNumbersExactly) {
  const auto document = MustParse("[123456789012345678901234567890, 0.1234567890123456789, 1e999, -0, 1E+2]");
  std::vector<std::string> texts;
  std::vector<Kind> kinds;
  for (const JsonView item : document.root().items()) {
    texts.emplace_back(item.text());
    kinds.push_back(item.kind());
  }
  EXPECT_EQ(texts, (std::vector<std::string>{"123456789012345678901234567890", "0.1234567890123456789", "1e999", "-0",
                                             "1E+2"}));
  EXPECT_EQ(kinds, (std::vector<Kind>{Kind::kInteger, Kind::kNumber, Kind::kNumber, Kind::kInteger, Kind::kNumber}));
}

TEST(JsonDocument, ReadsScalarsAtTheRoot) {
  EXPECT_EQ(MustParse(" 5 ").root().AsInt64(), 5);
  EXPECT_EQ(MustParse("\"a\\\"b\"").root().AsString(), "a\"b");
  EXPECT_EQ(MustParse("\"\"").root().AsString(), "");
  EXPECT_TRUE(MustParse("null").root().IsNull());
  EXPECT_EQ(MustParse("false\n").root().AsBool(), false);
  EXPECT_EQ(MustParse("-1.5").root().AsDouble(), -1.5);
}

TEST(JsonDocument, RefusesWhatIsNoJson) {
  for (const std::string_view text : {"",
                                      " ",
                                      "{",
                                      "}",
                                      "[",
                                      "]",
                                      "[1,]",
                                      "[,1]",
                                      "[1 2]",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "{\"a\":1,}",
                                      "{a:1}",
                                      "{\"a\" 1}",
                                      "{\"a\":1 \"b\":2}",
                                      "{1:2}",
                                      "[1}",
                                      "{\"a\":1]",
                                      "[1]]",
                                      "[1] 2",
                                      "{} {}",
                                      "tru",
                                      "nul",
                                      "True",
                                      "01",
                                      "-",
                                      "+1",
                                      ".5",
                                      "1.",
                                      "1e",
                                      "1e+",
                                      "0x10",
                                      "NaN",
                                      "Infinity",
                                      "'a'",
                                      "\"",
                                      "\"a",
                                      "\"\\\"",
                                      "\"\\x\"",
                                      "\"\\u12\"",
                                      "\"\\ud800\"",
                                      "\"\\ud800\\u0041\"",
                                      "[\"a\" \"b\"]",
                                      "[\"a\"b]",
                                      "[tru]",
                                      "[truefalse]",
                                      "[1a]",
                                      "[01]",
                                      "[-]",
                                      "[1.e5]",
                                      "[nulll]",
                                      "{\"a\":tru}",
                                      "\"a\" \"b\"",
                                      "5 6",
                                      "5x",
                                      "[\"\\",
                                      "{\"\\q\":1}",
                                      "[1,2",
                                      "{\"a\":[1,2}",
                                      "\"a\"b",
                                      "[\"a\\u00zz\"]",
                                      "// c\n1",
                                      "[1,/* c */2]",
                                      "\xEF\xBB\xBF{}",
                                      "[[[[[",
                                      "{\"a\":{\"b\":{}",
                                      ":",
                                      ",",
                                      "[:]",
                                      "{,}"}) {
    EXPECT_FALSE(Reason(text).empty()) << text;
    EXPECT_FALSE(CheckJson(text).ok()) << text;
  }
  using namespace std::string_view_literals;
  for (const std::string_view text :
       {"\"\x01\""sv, "\"\0\""sv, "[\0]"sv, "\"\xFF\""sv, "\"\xC0\x80\""sv, "\"\xED\xA0\x80\""sv, "[1]\0"sv, "\0"sv}) {
    EXPECT_FALSE(Reason(text).empty());
  }
}

TEST(JsonDocument, SaysWhere) {
  EXPECT_EQ(Reason(R"({"a":tru})"), "invalid JSON: no value at byte 6");
  EXPECT_EQ(Reason("[1] 2"), "invalid JSON: more than one value at byte 5");
  EXPECT_NE(Reason("{\"a\":1 \"b\":2}").find("at byte"), std::string::npos);
}

TEST(JsonDocument, LimitsDepthAndValues) {
  const auto nested = [](size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(JsonDocument::Parse(nested(kMaxJsonDepth)).ok());
  EXPECT_NE(Reason(nested(kMaxJsonDepth + 1)).find("within each other"), std::string::npos);
  EXPECT_FALSE(Reason(nested(2'000'000)).empty());
  std::string many = "[0";
  for (size_t i = 0; i < kMaxJsonValues; ++i) many += ",0";
  const auto document = JsonDocument::Parse(many + "]");
  ASSERT_FALSE(document.ok());
  EXPECT_EQ(document.error().code, ErrorCode::kTooLarge);
}

// Changed documents are refused or read, and what is read can be walked: meant for the sanitizers.
TEST(JsonDocument, SurvivesDamage) {
  const uint64_t seed = Random::FreshSeed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  const std::string base =
      R"({"sql":"INSERT \u00e9\\","params":[1,2.5e3,"x",null,true,{"k":[[],{}]}],"\n":{"a":"\"","b":[false]}})";
  size_t accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text = base;
    const auto edits = 1 + random.Bits() % 3;
    for (uint64_t i = 0; i < edits; ++i) {
      const size_t at = random.Bits() % text.size();
      constexpr std::string_view kPieces = "{}[]\",:\\0-e.tfn \x01\xC3u";
      if (random.Bits() % 3 == 0)
        text.erase(at, 1);
      else if (random.Bits() % 2 == 0)
        text[at] = kPieces[random.Bits() % kPieces.size()];
      else
        text.insert(at, 1, kPieces[random.Bits() % kPieces.size()]);
    }
    const auto document = JsonDocument::Parse(text);
    EXPECT_EQ(document.ok(), CheckJson(text).ok()) << text;
    if (!document.ok()) continue;
    ++accepted;
    size_t bytes = 0;
    const auto walk = [&](auto&& self, JsonView view) -> void {
      bytes += view.text().size();
      if (view.IsArray() || view.IsObject()) {
        const auto again = JsonDocument::Parse(view.text());
        ASSERT_TRUE(again.ok()) << view.text();
      }
      for (const auto field : view.fields()) self(self, field.value);
      for (const JsonView item : view.items()) self(self, item);
    };
    walk(walk, document->root());
    EXPECT_GT(bytes, 0u);
  }
  EXPECT_GT(accepted, 100u);
}

}  // namespace
}  // namespace kalamdb::row
