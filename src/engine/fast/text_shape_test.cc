// Shapes: what is one, what is another, and what is none.
#include "engine/fast/text_shape.h"

#include <gtest/gtest.h>

namespace kalamdb::engine {
namespace {

std::string Shape(std::string_view text) {
  const auto shape = ShapeOf(text);
  return shape ? shape->shape : "none";
}

std::string Values(std::string_view text) {
  std::string values;
  const auto shape = ShapeOf(text);
  for (const TextLiteral& literal : shape->literals) {
    const auto value = ValueOf(text, literal);
    values += value ? value->type().ToString() + " " + value->ToString() + "; " : "none; ";
  }
  return values;
}

TEST(TextShapeTest, LiteralsAreMarked) {
  EXPECT_EQ(Shape("SELECT * FROM t1 WHERE id=42 AND room='a' LIMIT 5"),
            "SELECT * FROM t1 WHERE id=\1 AND room=\3 LIMIT \1");
  EXPECT_EQ(Shape("SELECT \"a 1\" FROM t WHERE id = 7"), "SELECT \"a 1\" FROM t WHERE id = \1");
  EXPECT_EQ(Shape("SELECT a FROM t WHERE id = 7"), Shape("SELECT a FROM t WHERE id = 2147483647"));
  EXPECT_EQ(Shape("SELECT a FROM t WHERE id = ''"), Shape("SELECT a FROM t WHERE id = 'it''s -- /* $1 ; 5'"));
  EXPECT_NE(Shape("SELECT a FROM t WHERE id = 7"), Shape("SELECT a FROM t WHERE id = 2147483648"))
      << "another token to the parser";
  EXPECT_NE(Shape("SELECT a FROM t WHERE id = 7"), Shape("SELECT a FROM t WHERE id = '7'"));
  EXPECT_NE(Shape("SELECT a FROM t WHERE id = 7"), Shape("select a FROM t WHERE id = 7"));
  EXPECT_NE(Shape("SELECT a FROM t WHERE id = 7"), Shape("SELECT a FROM t WHERE id = -7"));
}

TEST(TextShapeTest, ValuesAreThoseOfTheParser) {
  EXPECT_EQ(Values("f 1 2147483647 2147483648 007 'a''b' ''''"),
            "INTEGER 1; INTEGER 2147483647; BIGINT 2147483648; INTEGER 7; VARCHAR a'b; VARCHAR '; ");
  EXPECT_EQ(Values("f 9223372036854775807 9223372036854775808"), "BIGINT 9223372036854775807; none; ");
}

TEST(TextShapeTest, WhatIsNotPlainIsLeftToTheParser) {
  for (const char* text : {"",
                           "SELECT a FROM t",
                           " SELECT 1",
                           "SELECT 1 ",
                           "SELECT 1;",
                           "SELECT 1; SELECT 2",
                           "SELECT $1, 1",
                           "SELECT ?, 1",
                           "SELECT 1 -- comment",
                           "SELECT 1 /* comment */ + 2",
                           "SELECT 1.5",
                           "SELECT .5",
                           "SELECT 5.",
                           "SELECT 1e5",
                           "SELECT 1_000",
                           "SELECT 0x1F",
                           "SELECT E'a', 1",
                           "SELECT x'00', 1",
                           "SELECT U&'a', 1",
                           "SELECT $$a$$, 1",
                           "SELECT 'open",
                           "SELECT \"open, 1",
                           "SELECT 'ä', 1",
                           "SELECT \xc2\xa0 1",
                           "SELECT \"ä\", 1",
                           "SELECT \1, 1"}) {
    EXPECT_EQ(Shape(text), "none") << text;
  }
  EXPECT_EQ(Shape("SELECT " + std::string(kMaxShapedBytes, ' ') + "1"), "none");
  std::string many = "f 1";
  for (size_t i = 0; i < kMaxLiterals; ++i) many += ",1";
  EXPECT_EQ(Shape(many), "none");
  EXPECT_EQ(Shape(std::string_view("SELECT '\0', 1", 13)), "none");
}

}  // namespace
}  // namespace kalamdb::engine
