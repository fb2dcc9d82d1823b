// UUIDv7 and ULID: known texts, order, hostile texts.
#include "base/uuid.h"

#include <gtest/gtest.h>

namespace kalamdb {
namespace {

TEST(Uuid, HasVersionVariantAndTime) {
  ManualClock clock(1'700'000'000'123'456);
  SeededRandom random(1);
  Id128Generator ids(clock, random);
  std::string text = FormatUuid(ids.NextUuidV7());
  EXPECT_EQ(text.substr(0, 13), "018bcfe5-687b");  // 1,700,000,000,123 in hexadecimal
  EXPECT_EQ(text[14], '7');
  EXPECT_NE(std::string("89ab").find(text[19]), std::string::npos);
}

TEST(Uuid, BothKindsOnlyGrow) {
  ManualClock clock;
  SeededRandom random(2);
  Id128Generator ids(clock, random);
  Id128 uuid = ids.NextUuidV7(), ulid = ids.NextUlid();
  for (int i = 0; i < 10'000; ++i) {
    if (i == 3'000) clock.SetWall(clock.NowMicros() - kMicrosPerSecond);
    if (i == 6'000) clock.Advance(5 * kMicrosPerSecond);
    Id128 next_uuid = ids.NextUuidV7(), next_ulid = ids.NextUlid();
    ASSERT_LT(uuid, next_uuid);
    ASSERT_LT(ulid, next_ulid);
    ASSERT_LT(FormatUlid(ulid), FormatUlid(next_ulid));
    uuid = next_uuid;
    ulid = next_ulid;
  }
}

TEST(Uuid, TextsRoundTripAndBadOnesAreRefused) {
  const char* text = "0190163d-8694-739b-aea5-966c26f8ad91";
  EXPECT_EQ(FormatUuid(ParseUuid(text).value()), text);
  EXPECT_EQ(ParseUuid("0190163D-8694-739B-AEA5-966C26F8AD91"), ParseUuid(text));
  for (const char* bad : {"", "0190163d8694739baea5966c26f8ad91", "0190163d-8694-739b-aea5-966c26f8ad9",
                          "0190163d-8694-739b-aea5-966c26f8ad9g", "0190163d-8694-739b-aea5+966c26f8ad91"}) {
    EXPECT_FALSE(ParseUuid(bad).has_value()) << bad;
  }
}

TEST(Ulid, MatchesTheSpecificationAndRefusesWhatDoesNotFit) {
  Id128 all_ones;
  all_ones.fill(0xFF);
  EXPECT_EQ(FormatUlid(all_ones), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
  EXPECT_EQ(FormatUlid(Id128{}), "00000000000000000000000000");
  EXPECT_EQ(ParseUlid("7ZZZZZZZZZZZZZZZZZZZZZZZZZ"), all_ones);
  EXPECT_FALSE(ParseUlid("80000000000000000000000000").has_value());
  EXPECT_FALSE(ParseUlid("0000000000000000000000000").has_value());
  EXPECT_FALSE(ParseUlid("0000000000000000000000000U").has_value());
  SeededRandom random(3);
  for (int i = 0; i < 1'000; ++i) {
    Id128 id;
    random.Fill(id);
    ASSERT_EQ(ParseUlid(FormatUlid(id)), id);
    ASSERT_EQ(ParseUuid(FormatUuid(id)), id);
  }
}

}  // namespace
}  // namespace kalamdb
