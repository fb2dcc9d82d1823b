// Schemas: their rules, finding by name without regard to case, golden bytes, and damage.
#include "row/schema.h"

#include <gtest/gtest.h>

#include "row/test_random.h"
#include "row/text_form.h"

namespace kalamdb::row {
namespace {

std::string Hex(std::string_view bytes) {
  std::string out;
  AppendHex(bytes, &out);
  return out;
}

std::vector<Column> TwoColumns() {
  std::vector<Column> columns(2);
  columns[0] = {.id = ColumnId(1),
                .name = "Id",
                .type = Type::Of(TypeKind::kBigInt),
                .nullable = false,
                .key_position = 1,
                .added_in = SchemaVersion(1)};
  columns[1] = {.id = ColumnId(5),
                .name = "n",
                .type = Type::Decimal(10, 2),
                .added_in = SchemaVersion(3),
                .initial_default = Value::Wide(-1),
                .write_default = "1",
                .comment = "é"};
  return columns;
}

// Frozen: a change breaks every database there is (docs/formats/schema.md).
TEST(Schema, GoldenBytes) {
  EXPECT_EQ(Hex(EncodeSchema(Schema(SchemaVersion(3), TwoColumns()))),
            "01"
            "03000000"
            "0200"
            "01000000"
            "04"
            "00"
            "00000000"
            "00"
            "0100"
            "01000000"
            "02000000"
            "4964"
            "00000000"
            "00000000"
            "05000000"
            "07"
            "02"
            "0a000000"
            "05"
            "0000"
            "03000000"
            "01000000"
            "6e"
            "01000000"
            "31"
            "02000000"
            "c3a9"
            "10000000"
            "ffffffffffffffffffffffffffffffff");
}

void ExpectEqual(const Schema& a, const Schema& b) {
  ASSERT_EQ(a.version(), b.version());
  ASSERT_EQ(a.size(), b.size());
  ASSERT_EQ(a.key_ordinals(), b.key_ordinals());
  for (size_t i = 0; i < a.size(); ++i) {
    const Column& x = a.column(i);
    const Column& y = b.column(i);
    ASSERT_EQ(x.id, y.id);
    ASSERT_EQ(x.name, y.name);
    ASSERT_EQ(x.type, y.type);
    ASSERT_EQ(x.nullable, y.nullable);
    ASSERT_EQ(x.hidden, y.hidden);
    ASSERT_EQ(x.key_position, y.key_position);
    ASSERT_EQ(x.added_in, y.added_in);
    ASSERT_EQ(x.initial_default, y.initial_default);
    ASSERT_EQ(x.write_default, y.write_default);
    ASSERT_EQ(x.comment, y.comment);
  }
}

TEST(Schema, EverySchemaComesBackAndDamageIsAnError) {
  const uint64_t seed = Random::FreshSeed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  for (int round = 0; round < 2'000; ++round) {
    const Schema schema = random.AnySchema(20);
    const std::string bytes = EncodeSchema(schema);
    const auto back = DecodeSchema(bytes);
    ASSERT_TRUE(back.ok()) << back.error().message;
    ExpectEqual(**back, schema);
    const std::string cut = bytes.substr(0, random.Below(bytes.size()));
    ASSERT_FALSE(DecodeSchema(cut).ok());
    ASSERT_EQ(DecodeSchema(cut).error().code, ErrorCode::kStorageUnavailable);
    ASSERT_FALSE(DecodeSchema(bytes + "x").ok());
    std::string damaged = bytes;
    damaged[random.Below(bytes.size())] ^= static_cast<char>(1u << random.Below(8));
    (void)DecodeSchema(damaged);
    (void)DecodeSchema("\x01" + random.Bytes(60));
  }
}

TEST(Schema, FindsColumns) {
  const Schema schema(SchemaVersion(1), TwoColumns());
  EXPECT_EQ(schema.FindByName("ID"), 0u);
  EXPECT_EQ(schema.FindByName("N"), 1u);
  EXPECT_EQ(schema.FindByName("x"), std::nullopt);
  EXPECT_EQ(schema.FindByName(""), std::nullopt);
  EXPECT_EQ(schema.FindById(ColumnId(5)), 1u);
  EXPECT_EQ(schema.FindById(ColumnId(2)), std::nullopt);
}

TEST(Schema, NamesWhatIsWrong) {
  const auto check = [](auto change) {
    auto columns = TwoColumns();
    change(columns);
    return Schema::Check(columns);
  };
  EXPECT_EQ(check([](auto&) {}), "");
  EXPECT_NE(check([](auto& c) { c[1].id = ColumnId(1); }), "");
  EXPECT_NE(check([](auto& c) { c[1].name = "iD"; }), "");
  EXPECT_NE(check([](auto& c) { c[0].key_position = 0; }), "");
  EXPECT_NE(check([](auto& c) { c[0].key_position = 2; }), "");
  EXPECT_NE(check([](auto& c) { c[0].key_position = 9; }), "");
  EXPECT_NE(check([](auto& c) { c[0].nullable = true; }), "");
  EXPECT_NE(check([](auto& c) { c[0].type = Type::Of(TypeKind::kJson); }), "");
  EXPECT_NE(check([](auto& c) { c[1].type = Type::Decimal(39, 0); }), "");
  EXPECT_NE(check([](auto& c) { c.clear(); }), "");
  EXPECT_NE(check([](auto& c) { c.resize(kMaxColumns + 1); }), "");
}

TEST(FoldName, FoldsCaseOfManyScripts) {
  EXPECT_EQ(FoldName("AZaz09_[`{@"), "azaz09_[`{@");
  EXPECT_EQ(FoldName("ÄÖÜÉÞ×"), "äöüéþ×");
  EXPECT_EQ(FoldName("ŁŻŸĀ"), "łżÿā");
  EXPECT_EQ(FoldName("ΑΩΣςΆ"), "αωσσά");
  EXPECT_EQ(FoldName("ЖЁЩ"), "жёщ");
  EXPECT_EQ(FoldName("ԱՖ"), "աֆ");
  EXPECT_EQ(FoldName("ẠỸ"), "ạỹ");
  EXPECT_EQ(FoldName("Ａ"), "ａ");
  EXPECT_EQ(FoldName("ßıİ漢😀"), "ßıİ漢😀");
  EXPECT_EQ(FoldName("A\xFF\xC3"), "a\xFF\xC3");
  EXPECT_EQ(FoldName("\xE0\x80\x80"), "\xE0\x80\x80");
}

TEST(FoldName, IsIdempotent) {
  Random random(1);
  for (uint32_t code = 0x80; code < 0x10000; ++code) {
    std::string text;
    if (code < 0x800) {
      text = {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))};
    } else {
      text = {static_cast<char>(0xE0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 0x3F)),
              static_cast<char>(0x80 | (code & 0x3F))};
    }
    ASSERT_EQ(FoldName(FoldName(text)), FoldName(text)) << code;
  }
  for (int round = 0; round < 10'000; ++round) {
    const std::string any = random.Bytes(12);
    ASSERT_EQ(FoldName(FoldName(any)), FoldName(any));
  }
}

}  // namespace
}  // namespace kalamdb::row
