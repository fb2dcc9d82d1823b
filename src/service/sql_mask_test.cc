// No literal of a statement reaches the log.
#include "service/sql_mask.h"

#include <gtest/gtest.h>

namespace kalamdb::service {
namespace {

TEST(MaskSql, HidesLiteralsKeepsNames) {
  EXPECT_EQ(MaskSql("SELECT a1, \"x 5\" FROM t2 WHERE s = 'it''s' AND n > 12.5e3 AND p = $1"),
            "SELECT a1, \"x 5\" FROM t2 WHERE s = ? AND n > ? AND p = $1");
  EXPECT_EQ(MaskSql("INSERT INTO t VALUES (1,'a'),(-2, E'b\\'c')"), "INSERT INTO t VALUES (?,?),(-?, E?)");
  EXPECT_EQ(MaskSql("SELECT $tag$ secret ' $tag$, $$x$$"), "SELECT ?, ?");
}

TEST(MaskSql, DropsCommentsAndBlanks) {
  EXPECT_EQ(MaskSql("  SELECT -- 'secret'\n  1 /* a /* b */ 'c' */ + x  "), "SELECT ? + x");
}

TEST(MaskSql, MasksWhatIsNotClosed) {
  EXPECT_EQ(MaskSql("SELECT 'secret"), "SELECT ?");
  EXPECT_EQ(MaskSql("SELECT /* secret"), "SELECT");
  EXPECT_EQ(MaskSql("SELECT $a$ secret"), "SELECT ?");
}

TEST(MaskSql, IsBounded) {
  const std::string masked = MaskSql(std::string(5'000, 'a') + " b");
  EXPECT_LT(masked.size(), 6'000u);
  const std::string many = MaskSql("SELECT " + std::string(10'000, '+'));
  EXPECT_LE(many.size(), kMaskedSqlBytes + 3);
}

}  // namespace
}  // namespace kalamdb::service
