// Golden bytes of what storage writes to disk, and damage to them.
#include <gtest/gtest.h>

#include "row/row_codec.h"
#include "storage/change_log_format.h"
#include "storage/key_index.h"
#include "storage/records.h"
#include "storage/segment.h"

namespace kalamdb::storage {
namespace {

std::string Hex(std::string_view bytes) {
  std::string text;
  for (char c : bytes) {
    text += "0123456789abcdef"[static_cast<uint8_t>(c) >> 4];
    text += "0123456789abcdef"[static_cast<uint8_t>(c) & 15];
  }
  return text;
}

SegmentRecord Sample() {
  SegmentRecord s;
  s.id = SegmentId(300);
  s.table = TableId(7);
  s.path = "app/t-7/300.parquet";
  s.rows = 1000;
  s.bytes = 70'000;
  s.schema_version = SchemaVersion(3);
  s.min_seq = Seq(5);
  s.max_seq = Seq(uint64_t{1} << 32 | 9);
  s.min_updated = 1'700'000'000'000'000;
  s.max_updated = 1'700'000'000'000'001;
  s.min_key = "a";
  s.max_key = "zz";
  s.deleted_flag_rows = 2;
  s.null_counts = {{ColumnId(1), 0}, {ColumnId(2), 17}};
  s.checksum = 0xfedcba9876543210;
  s.footer_bytes = 345;
  s.users = {{UserId(1), 0}, {UserId(9), 600}, {UserId(10), 999}};
  s.created_at = 1'700'000'000'000'002;
  return s;
}

TEST(Formats, SegmentRecordIsGolden) {
  std::string bytes = EncodeSegment(Sample());
  EXPECT_EQ(Hex(bytes),
            "01ac0207136170702f742d372f3330302e70617271756574e807f0a204030589808080108080f2818389850682"
            "80f281838985060161027a7a0002020200041190e4d0b287d3aeeefe01d90203010008d804018f038480f28183898506");
  auto back = DecodeSegment(bytes);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(EncodeSegment(**back), bytes);
  EXPECT_EQ((*back)->users[2].first_row, 999u);
  EXPECT_EQ((*back)->max_seq, Seq(uint64_t{1} << 32 | 9));
  for (size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(DecodeSegment(bytes.substr(0, size)).ok());
}

TEST(Formats, DamagedUserRangesAreRefused) {
  const auto refused = [](std::vector<UserRange> users) {
    SegmentRecord s = Sample();
    s.users = std::move(users);
    return !DecodeSegment(EncodeSegment(s)).ok();
  };
  EXPECT_FALSE(refused({{UserId(1), 0}, {UserId(2), 1}}));
  EXPECT_TRUE(refused({{UserId(1), 0}, {UserId(2), 1000}}));                   // beyond the last row
  EXPECT_TRUE(refused({{UserId(1), 0}, {UserId(2), 900}, {UserId(3), 100}}));  // back
  EXPECT_TRUE(refused({{UserId(1), 0}, {UserId(2), 5}, {UserId(3), 5}}));      // none
  EXPECT_TRUE(refused({{UserId(5), 0}, {UserId(5), 10}}));                     // twice
  SegmentRecord large = Sample();
  large.rows = uint64_t{1} << 40;
  EXPECT_FALSE(DecodeSegment(EncodeSegment(large)).ok());
}

TEST(Formats, RowsOfUserAreItsRange) {
  SegmentRecord s = Sample();
  EXPECT_EQ(RowsOfUser(s, UserId(1)), std::pair(0u, 600u));
  EXPECT_EQ(RowsOfUser(s, UserId(9)), std::pair(600u, 999u));
  EXPECT_EQ(RowsOfUser(s, UserId(10)), std::pair(999u, 1000u));
  EXPECT_EQ(RowsOfUser(s, UserId(5)), std::pair(0u, 0u));
  EXPECT_EQ(RowsOfUser(s, UserId(11)), std::pair(0u, 0u));
}

TEST(Formats, DeletionChunkIsGolden) {
  DeletionVector bits = DeletionVector().With(0).With(63).With(4095);
  EXPECT_EQ(Hex(EncodeChunk(*bits.chunk(0))), "0200003f00ff0f");
  std::vector<uint32_t> many;
  for (uint32_t row = 0; row < 129; ++row) many.push_back(row);
  std::string full = EncodeChunk(*DeletionVector().WithRows(many).chunk(0));
  EXPECT_EQ(full.size(), 513u);
  EXPECT_EQ(Hex(full.substr(0, 18)), "01ffffffffffffffffffffffffffffffff01");
  EXPECT_EQ(*DecodeChunk(full), *DeletionVector().WithRows(many).chunk(0));
  EXPECT_FALSE(DecodeChunk("").ok());
  EXPECT_FALSE(DecodeChunk(full.substr(0, 100)).ok());
  EXPECT_FALSE(DecodeChunk(std::string("\x02\x00\x10", 3)).ok());  // row 4096
}

TEST(Formats, ChangeEntryIsGolden) {
  EXPECT_EQ(Hex(ChangeKey(TableId(1), UserId(2), Seq(3), 4)), "000000010000000000000002000000000000000300000004");
  std::string bytes;
  EncodeChange({.kind = 2, .key = "k", .row = "new", .old_row = "ol"}, &bytes);
  EXPECT_EQ(Hex(bytes),
            "01020000010000000300000002000000"
            "6b"
            "6e6577"
            "6f6c");
  auto back = DecodeChange(bytes);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->row, "new");
  EXPECT_EQ(back->old_row, "ol");
  EXPECT_FALSE(DecodeChange(bytes.substr(0, 20)).ok());
  EXPECT_FALSE(DecodeChange(bytes + "x").ok());
}

TEST(Formats, RecordsAndPlacesAreGolden) {
  EXPECT_EQ(Hex(ChunkRecordKey(TableId(1), SegmentId(2), 3)), "4400000001000000000000000200000003");
  EXPECT_EQ(Hex(EncodeNumbers(300, 1)), "01ac0201");
  EXPECT_EQ(DecodeNumbers("F", EncodeNumbers(300, 1))->first, 300u);
  EXPECT_FALSE(DecodeNumbers("F", "x").ok());
  std::string value;
  AppendColdPlace({SegmentId(0x0102), 0x0a0b}, &value);
  EXPECT_EQ(Hex(value), "000000000000010200000a0b");
}

TEST(Formats, StampIsInPlace) {
  std::string row(row::kRowHeaderBytes, '\0');
  row[0] = 1;
  row::StampRow(row.data(), Seq(0x0102030405060708), 0x1112131415161718);
  EXPECT_EQ(Hex(row),
            "0100000000000000"
            "0807060504030201"
            "1817161514131211");
}

TEST(DeletionVector, SharesAndCounts) {
  DeletionVector empty;
  EXPECT_FALSE(empty.Test(5));
  DeletionVector one = empty.With(300'000);
  EXPECT_FALSE(empty.Test(300'000));
  EXPECT_TRUE(one.Test(300'000));
  EXPECT_EQ(one.count(), 1u);
  EXPECT_EQ(one.With(300'000).count(), 1u);
  std::vector<uint32_t> rows = {1, 4095, 4096, 9000, 300'001, 300'001};
  DeletionVector more = one.WithRows(rows);
  EXPECT_EQ(more.count(), 6u);
  EXPECT_EQ(more.CountIn(0, 4096), 2u);
  EXPECT_EQ(more.CountIn(4096, 4096 * 2), 2u);
  EXPECT_EQ(more.CountIn(4095, 2), 2u);
  EXPECT_FALSE(more.AnyIn(2, 4093));
  EXPECT_TRUE(more.AnyIn(2, 4094));
  EXPECT_EQ(more.CountIn(0, 400'000), 6u);
}

}  // namespace
}  // namespace kalamdb::storage
