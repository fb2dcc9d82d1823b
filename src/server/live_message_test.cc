// Messages of clients: both spellings of everything, and what is refused with which subscription.
#include "server/live_message.h"

#include <gtest/gtest.h>

namespace kalamdb::server {
namespace {

using Type = ClientMessage::Type;

ClientMessage Read(std::string_view text) {
  std::string type;
  Result<ClientMessage> message = ReadClientMessage(text, &type);
  EXPECT_TRUE(message.ok()) << text;
  return message.ok() ? *std::move(message) : ClientMessage{};
}

TEST(LiveMessage, SubscribeInBothForms) {
  ClientMessage one = Read(
      R"({"type":"subscribe","subscription":{"id":"s1","sql":"SELECT 1","params":[1,"x"],"options":{"batch_size":5000,"last_rows":50},"extra":1}})");
  ASSERT_EQ(one.subscriptions.size(), 1u);
  EXPECT_EQ(one.subscriptions[0].id, "s1");
  EXPECT_EQ(one.subscriptions[0].params.size(), 2u);
  EXPECT_TRUE(one.subscriptions[0].options.snapshot);
  EXPECT_EQ(one.subscriptions[0].options.batch_size, 1000u);
  EXPECT_EQ(one.subscriptions[0].options.last_rows, 50u);
  ClientMessage many = Read(
      R"({"type":"subscribe","subscriptions":[{"query_id":"a","sql":"x"},{"query_id":"b","sql":"y","options":{"from_seq_id":"41"}},{"id":"c"},{"id":"d","sql":"z","options":{"from":41,"last_rows":5}}]})");
  ASSERT_EQ(many.subscriptions.size(), 3u);
  EXPECT_FALSE(many.subscriptions[0].options.snapshot);
  EXPECT_FALSE(many.subscriptions[0].options.from.has_value());
  EXPECT_EQ(many.subscriptions[1].options.from, Seq(41));
  EXPECT_FALSE(many.subscriptions[1].options.snapshot);
  EXPECT_EQ(many.subscriptions[2].options.from, Seq(41));
  ASSERT_EQ(many.refused.size(), 1u);
  EXPECT_EQ(many.refused[0].first, "c");
}

TEST(LiveMessage, AbsentOptionsAndEmptyOptionsDiffer) {
  EXPECT_FALSE(Read(R"({"type":"subscribe","subscription":{"id":"s","sql":"x"}})").subscriptions[0].options.snapshot);
  EXPECT_FALSE(Read(R"({"type":"subscribe","subscription":{"id":"s","sql":"x","options":null}})")
                   .subscriptions[0]
                   .options.snapshot);
  EXPECT_TRUE(Read(R"({"type":"subscribe","subscription":{"id":"s","sql":"x","options":{}}})")
                  .subscriptions[0]
                  .options.snapshot);
}

TEST(LiveMessage, WrongOptionsNameTheSubscription) {
  for (const char* options : {R"({"from":"abc"})", R"({"from":-1})", R"({"from":1.5})", R"({"from":""})",
                              R"({"from":"99999999999999999999"})", R"({"from":true})", R"({"batch_size":0})",
                              R"({"batch_size":"5"})", R"({"last_rows":-1})", R"([])"}) {
    ClientMessage message =
        Read(std::string(R"({"type":"subscribe","subscription":{"id":"s","sql":"x","options":)") + options + "}}");
    ASSERT_EQ(message.refused.size(), 1u) << options;
    EXPECT_EQ(message.refused[0].first, "s");
    EXPECT_EQ(message.refused[0].second.code, ErrorCode::kInvalidParameter);
  }
}

TEST(LiveMessage, OtherTypes) {
  ClientMessage auth =
      Read(R"({"type":"authenticate","method":"jwt","token":"t","protocol":{"serialization":"msgpack"}})");
  EXPECT_EQ(auth.type, Type::kAuthenticate);
  EXPECT_EQ(auth.token, "t");
  EXPECT_EQ(Read(R"({"type":"next_batch","subscription_id":"s","last_seq_id":"7"})").subscription_id, "s");
  EXPECT_EQ(Read(R"({"type":"unsubscribe","subscription_id":"s"})").type, Type::kUnsubscribe);
  EXPECT_EQ(Read(R"({"type":"ping"})").type, Type::kPing);
}

TEST(LiveMessage, RefusesWhatItCannotRead) {
  for (const char* text : {"", "{", "[]", "5", R"({"type":5})", R"({"type":"nope"})", R"({"type":"authenticate"})",
                           R"({"type":"authenticate","method":"basic","token":"t"})", R"({"type":"subscribe"})",
                           R"({"type":"next_batch"})"}) {
    std::string type;
    EXPECT_FALSE(ReadClientMessage(text, &type).ok()) << text;
  }
}

}  // namespace
}  // namespace kalamdb::server
