// Requests as parsers have been tricked with: smuggling, doubled fields, limits, pieces of one byte.
#include "server/http_parser.h"

#include <gtest/gtest.h>

namespace kalamdb::server {
namespace {

using State = HttpParser::State;

struct Parsed {
  State state;
  size_t used = 0;
  HttpRequest request;
  std::string problem;
  bool too_large = false;
};

Parsed Parse(std::string_view text, uint64_t max_body = 1000) {
  Parsed parsed;
  HttpParser parser(&parsed.request, max_body);
  parsed.state = parser.Feed(text, &parsed.used);
  parsed.problem = parser.problem();
  parsed.too_large = parser.too_large();
  return parsed;
}

TEST(HttpParser, ReadsPathQueryHeadersAndBody) {
  const Parsed p = Parse(
      "POST /v1/api/sql?x=1&yy=2 HTTP/1.1\r\nHost: h\r\nX-ReQuest-id:  abc \r\nCookie: a=b; kalamdb_auth=tok; c=d\r\n"
      "Content-Length: 5\r\n\r\nhelloNEXT");
  ASSERT_EQ(p.state, State::kDone) << p.problem;
  EXPECT_EQ(p.request.method, HttpMethod::kPost);
  EXPECT_EQ(p.request.path, "/v1/api/sql");
  EXPECT_EQ(p.request.QueryValue("yy"), "2");
  EXPECT_EQ(p.request.QueryValue("y"), "");
  EXPECT_EQ(p.request.Get(HttpHeader::kRequestId), "abc");
  EXPECT_EQ(p.request.Cookie("kalamdb_auth"), "tok");
  EXPECT_EQ(p.request.Cookie("auth"), "");
  EXPECT_EQ(p.request.body, "hello");
  EXPECT_TRUE(p.request.keep_alive);
}

TEST(HttpParser, ReadsChunkedBodies) {
  const Parsed p =
      Parse("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n");
  ASSERT_EQ(p.state, State::kDone) << p.problem;
  EXPECT_EQ(p.request.body, "abcde");
}

TEST(HttpParser, ReadsChunkedBodiesThatComeByteByByte) {
  for (const std::string body :
       {"0\r\n\r\n", "1\r\na\r\n0\r\n\r\n", "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nName: v\r\n\r\n"}) {
    HttpRequest request;
    HttpParser parser(&request, 1000);
    const std::string text = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + body;
    std::string pending;
    State state = State::kNeedMore;
    for (const char byte : text) {
      ASSERT_EQ(state, State::kNeedMore) << body;
      pending += byte;
      size_t used = 0;
      state = parser.Feed(pending, &used);
      pending.erase(0, used);
    }
    EXPECT_EQ(state, State::kDone) << body;
    EXPECT_EQ(pending, "");
  }
}

TEST(HttpParser, KeepsNothingOfTheRequestBefore) {
  HttpRequest request;
  HttpParser parser(&request, 1000);
  size_t used = 0;
  ASSERT_EQ(
      parser.Feed("GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer t\r\nCookie: kalamdb_auth=tok\r\n\r\n", &used),
      State::kDone);
  EXPECT_EQ(request.Get(HttpHeader::kAuthorization), "Bearer t");
  parser.Reset();
  ASSERT_EQ(parser.Feed("GET / HTTP/1.1\r\nHost: h\r\n\r\n", &used), State::kDone);
  EXPECT_EQ(request.Get(HttpHeader::kAuthorization), "");
  EXPECT_EQ(request.Cookie("kalamdb_auth"), "");
}

TEST(HttpParser, GivesTheSameForEveryWayToCutTheBytes) {
  const std::string text =
      "POST /v1/api/sql HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nX-Bytes: array\r\n\r\nhello"
      "GET /health HTTP/1.1\r\nHost: h\r\n\r\n";
  HttpRequest request;
  HttpParser parser(&request, 1000);
  std::string pending;
  std::vector<std::string> seen;
  for (char c : text) {
    pending += c;
    size_t used = 0;
    const State state = parser.Feed(pending, &used);
    ASSERT_NE(state, State::kBad) << parser.problem();
    pending.erase(0, used);
    if (state == State::kDone) {
      seen.push_back(request.path + "|" + request.body + "|" + request.Get(HttpHeader::kBytes) +
                     (request.Has(HttpHeader::kBytes) ? "!" : ""));
      parser.Reset();
    }
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"/v1/api/sql|hello|array!", "/health||"}));
}

TEST(HttpParser, RefusesWhatTwoReadersCouldUnderstandDifferently) {
  const std::string post = "POST / HTTP/1.1\r\nHost: h\r\n";
  for (const std::string& fields : {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                                    "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                                    "Content-Length: 5\r\nContent-Length: 5\r\n",
                                    "Content-Length: 5\r\nContent-Length: 6\r\n",
                                    "Content-Length: 5, 5\r\n",
                                    "Content-Length: -1\r\n",
                                    "Content-Length: +5\r\n",
                                    "Content-Length: 5x\r\n",
                                    "Content-Length:\r\n",
                                    "Content-Length: 99999999999999999999\r\n",
                                    "Transfer-Encoding: gzip\r\n",
                                    "Transfer-Encoding: gzip, chunked\r\n",
                                    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                                    "Transfer-Encoding: xchunked\r\n",
                                    "Host: other\r\n",
                                    "Authorization: a\r\nAuthorization: b\r\n",
                                    "Bad Name: 1\r\n",
                                    "Content-Length : 5\r\n",
                                    "no colon\r\n",
                                    ": x\r\n"}) {
    EXPECT_EQ(Parse(post + fields + "\r\nhello").state, State::kBad) << fields;
  }
}

TEST(HttpParser, RefusesMalformedRequestLinesAndMissingHosts) {
  for (const std::string& text : {"NONSENSE\r\n\r\n", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
                                  "GET http://x/ HTTP/1.1\r\nHost: h\r\n\r\n", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n",
                                  "GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n", "\x16\x03\x01\x02 tls\r\n\r\n"}) {
    EXPECT_EQ(Parse(text).state, State::kBad) << text;
  }
  EXPECT_EQ(Parse("GET / HTTP/1.0\r\n\r\n").state, State::kDone);
}

TEST(HttpParser, LimitsHeaders) {
  std::string fields;
  for (int i = 0; i < 99; ++i) fields += "h" + std::to_string(i) + ": 1\r\n";
  EXPECT_EQ(Parse("GET / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n").state, State::kDone);
  EXPECT_EQ(Parse("GET / HTTP/1.1\r\nHost: h\r\nx: 1\r\n" + fields + "\r\n").state, State::kBad);
  EXPECT_EQ(Parse("GET / HTTP/1.1\r\nHost: h\r\nx: " + std::string(60'000, 'y') + "\r\n\r\n").state, State::kDone);
  EXPECT_EQ(Parse("GET / HTTP/1.1\r\nHost: h\r\nx: " + std::string(70'000, 'y') + "\r\n\r\n").state, State::kBad);
  EXPECT_EQ(Parse("GET / HTTP/1.1\r\nHost: h\r\n" + std::string(70'000, 'y')).state, State::kBad);
  EXPECT_EQ(Parse("GET /" + std::string(70'000, 'y')).state, State::kBad);
}

TEST(HttpParser, CountsOverLongBodiesWithoutKeepingThem) {
  EXPECT_TRUE(Parse("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n", 10).too_large);
  const Parsed whole = Parse("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n01234567890", 10);
  EXPECT_TRUE(whole.too_large);
  EXPECT_EQ(whole.request.body, "");
  const Parsed chunked = Parse(
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n012345\r\n6\r\n012345\r\n0\r\n\r\n", 10);
  EXPECT_EQ(chunked.state, State::kDone);
  EXPECT_TRUE(chunked.too_large);
  EXPECT_FALSE(Parse("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n0123456789", 10).too_large);
}

}  // namespace
}  // namespace kalamdb::server
