// NOW() and its kin are the start of the statement by our clock, not of the engine's transaction.
#include "engine/bridge/bridge_fixture.h"

namespace kalamdb::engine {
namespace {

class StatementStartTest : public BridgeFixture {
 protected:
  std::string SqlAt(Micros now, const std::string& sql) {
    ExecuteContext context = ContextOf(alice_);
    context.now = now;
    LineSink sink;
    const auto result = RunIn(context, sql, &sink);
    return result.ok() ? sink.rows : Shown(result.error());
  }
};

TEST_F(StatementStartTest, NowIsTheStartOfTheStatement) {
  const Micros start = 1'700'000'000'123'456;
  EXPECT_EQ(SqlAt(start,
                  "SELECT epoch_us(now()), epoch_us(current_timestamp), epoch_us(transaction_timestamp()), "
                  "today()::TEXT, current_date::TEXT, current_user, (SELECT epoch_us(now()))"),
            "[\"1700000000123456\",\"1700000000123456\",\"1700000000123456\",\"2023-11-14\",\"2023-11-14\",\"alice\","
            "\"1700000000123456\"]");
  EXPECT_EQ(SqlAt(start + 1, "SELECT epoch_us(now()) FROM range(2)"), "[\"1700000000123457\"]\n[\"1700000000123457\"]");
}

}  // namespace
}  // namespace kalamdb::engine
