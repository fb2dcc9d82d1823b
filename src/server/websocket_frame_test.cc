// Frames as the Autobahn suite sends them: fragments, control frames in between, lengths, masks, UTF-8, close codes.
#include "server/websocket_frame.h"

#include <gtest/gtest.h>

#include <vector>

#include "server/utf8.h"

namespace kalamdb::server {
namespace {

using Kind = FrameReader::Kind;

// A client's frame by hand: first byte and payload.
std::string Raw(uint8_t first, std::string_view payload, uint32_t key = 0x1234ABCD) {
  std::string frame = MakeClientFrame(Opcode::kText, payload, key);
  frame[0] = static_cast<char>(first);
  return frame;
}

std::vector<std::string> ReadAll(std::string bytes, size_t step, uint64_t limit = 1000) {
  FrameReader reader(limit, true);
  std::vector<std::string> seen;
  for (size_t at = 0; at < bytes.size();) {
    size_t end = std::min(bytes.size(), at + step);
    while (at < end) {
      size_t used = 0;
      const FrameReader::Event event = reader.Next(bytes.data() + at, end - at, &used);
      at += used;
      switch (event.kind) {
        case Kind::kNone: break;
        case Kind::kText: seen.push_back("text:" + std::string(event.payload)); break;
        case Kind::kBinary: seen.push_back("binary:" + std::string(event.payload)); break;
        case Kind::kPing: seen.push_back("ping:" + std::string(event.payload)); break;
        case Kind::kPong: seen.push_back("pong:" + std::string(event.payload)); break;
        case Kind::kClose:
          seen.push_back("close:" + std::to_string(event.close_code) + std::string(event.payload));
          break;
        case Kind::kTooLarge: seen.push_back("too large"); break;
        case Kind::kBroken: seen.push_back("broken:" + std::to_string(event.close_code)); return seen;
      }
    }
  }
  return seen;
}

// In one piece, byte by byte, and in threes: always the same.
std::vector<std::string> Read(const std::string& bytes, uint64_t limit = 1000) {
  std::vector<std::string> whole = ReadAll(bytes, bytes.size(), limit);
  EXPECT_EQ(ReadAll(bytes, 1, limit), whole);
  EXPECT_EQ(ReadAll(bytes, 3, limit), whole);
  return whole;
}

using Seen = std::vector<std::string>;

TEST(FrameReader, ReadsMessagesOfEveryLengthForm) {
  for (size_t size : {0, 1, 125, 126, 127, 65535, 65536, 70000}) {
    const std::string payload(size, 'x');
    const Seen seen = ReadAll(MakeClientFrame(Opcode::kText, payload, 0xDEADBEEF), 4096, 100'000);
    ASSERT_EQ(seen.size(), 1u);
    EXPECT_EQ(seen[0], "text:" + payload);
  }
}

TEST(FrameReader, JoinsFragmentsAroundControlFrames) {
  EXPECT_EQ(
      Read(Raw(0x01, "Hel") + Raw(0x89, "p1") + Raw(0x00, "") + Raw(0x8A, "p2") + Raw(0x80, "lo") + Raw(0x82, "b")),
      (Seen{"ping:p1", "pong:p2", "text:Hello", "binary:b"}));
}

TEST(FrameReader, RefusesBrokenProtocol) {
  EXPECT_EQ(Read(Raw(0xC1, "x")), Seen{"broken:1002"});                    // reserved bit
  EXPECT_EQ(Read(Raw(0x83, "x")), Seen{"broken:1002"});                    // unknown opcode
  EXPECT_EQ(Read(Raw(0x8B, "x")), Seen{"broken:1002"});                    // unknown control opcode
  EXPECT_EQ(Read(Raw(0x80, "x")), Seen{"broken:1002"});                    // continues nothing
  EXPECT_EQ(Read(Raw(0x01, "x") + Raw(0x81, "y")), Seen{"broken:1002"});   // begins within another
  EXPECT_EQ(Read(Raw(0x09, "x")), Seen{"broken:1002"});                    // fragmented ping
  EXPECT_EQ(Read(Raw(0x89, std::string(126, 'x'))), Seen{"broken:1002"});  // long ping
  EXPECT_EQ(Read(std::string("\x81\x01x", 3)), Seen{"broken:1002"});       // not masked
  EXPECT_EQ(Read(std::string("\x81\xFF\x80\0\0\0\0\0\0\0\0\0\0\0", 14)), Seen{"broken:1002"});  // top bit of the length
}

TEST(FrameReader, ReadsCloseFrames) {
  EXPECT_EQ(Read(Raw(0x88, "")), Seen{"close:1005"});
  EXPECT_EQ(Read(Raw(0x88, ClosePayload(1000, "bye"))), Seen{"close:1000bye"});
  EXPECT_EQ(Read(Raw(0x88, ClosePayload(4401, ""))), Seen{"close:4401"});
  EXPECT_EQ(Read(Raw(0x88, "x")), Seen{"broken:1002"});
  for (uint16_t code : {0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535}) {
    EXPECT_EQ(Read(Raw(0x88, ClosePayload(code, ""))), Seen{"broken:1002"}) << code;
  }
  EXPECT_EQ(Read(Raw(0x88, ClosePayload(1000, "\xC0\x80"))), Seen{"broken:1007"});
}

TEST(FrameReader, SkipsTooLargeMessagesAndGoesOn) {
  const std::string after = Raw(0x81, "after");
  EXPECT_EQ(Read(Raw(0x81, std::string(11, 'x')) + after, 10), (Seen{"too large", "text:after"}));
  EXPECT_EQ(Read(Raw(0x81, std::string(10, 'x')) + after, 10), (Seen{"text:xxxxxxxxxx", "text:after"}));
  EXPECT_EQ(Read(Raw(0x01, std::string(6, 'x')) + Raw(0x89, "p") + Raw(0x80, std::string(6, 'x')) + after, 10),
            (Seen{"ping:p", "too large", "text:after"}));
  EXPECT_EQ(Read(Raw(0x81, std::string(161, 'x')), 10), Seen{"broken:1009"});
  EXPECT_EQ(Read(std::string("\x81\xFE\xFF\xFF", 4) + "mask", 10), Seen{"broken:1009"});
}

TEST(FrameReader, TextMustBeUtf8OverFragments) {
  EXPECT_EQ(Read(Raw(0x01, "\xE2\x82") + Raw(0x80, "\xAC")), Seen{"text:\xE2\x82\xAC"});
  EXPECT_EQ(Read(Raw(0x81, "\xE2\x82")), Seen{"broken:1007"});
  EXPECT_EQ(Read(Raw(0x82, "\xFF")), Seen{"binary:\xFF"});
}

TEST(Utf8, KnowsTheBordersOfRfc3629) {
  for (std::string_view good :
       {"", "plain ascii, longer than a word", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
        "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF", "12345678\xC3\xA9"}) {
    EXPECT_TRUE(IsUtf8(good)) << good;
  }
  for (std::string_view bad :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2\x41", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "12345678\xE2\x82", "1234567\xC3"}) {
    EXPECT_FALSE(IsUtf8(bad)) << bad;
  }
}

TEST(FrameHeader, WritesTheShortestLength) {
  EXPECT_EQ(MakeFrameHeader(Opcode::kText, 125).size, 2);
  EXPECT_EQ(MakeFrameHeader(Opcode::kText, 126).size, 4);
  EXPECT_EQ(MakeFrameHeader(Opcode::kText, 65536).size, 10);
}

}  // namespace
}  // namespace kalamdb::server
