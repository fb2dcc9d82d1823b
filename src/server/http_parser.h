// Bytes in, one HttpRequest out; refuses what is malformed, ambiguous or over a limit. Hides Beast's parser.
//
// One thread's. Feed takes the bytes that are there and says how many it has used; the rest is fed again together with
// what comes behind. An over-long body does not end the parse: it is counted and thrown away (too_large()), so that the
// connection can read it away.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "server/http_request.h"

namespace kalamdb::server {

inline constexpr uint32_t kMaxHeaderBytes = 64 << 10;
inline constexpr int kMaxHeaderFields = 100;

class HttpParser {
 public:
  enum class State : uint8_t { kNeedMore, kDone, kBad };

  // The request is filled in place and must outlive the parser.
  HttpParser(HttpRequest* request, uint64_t max_body_bytes);
  ~HttpParser();
  HttpParser(const HttpParser&) = delete;
  HttpParser& operator=(const HttpParser&) = delete;

  // For the next request of the connection.
  void Reset();

  State Feed(std::string_view input, size_t* used);

  bool started() const;  // at least one byte of a request was used or is waited for
  bool header_done() const;
  bool too_large() const;  // the body is, or will be, over its limit
  uint64_t body_seen() const;
  std::string_view problem() const;  // after kBad: one sentence

 private:
  class Parser;
  HttpRequest* const request_;
  const uint64_t max_body_bytes_;
  std::unique_ptr<Parser> parser_;
};

}  // namespace kalamdb::server
