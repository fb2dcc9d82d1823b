// Request ids: 16 hexadecimal digits, unique by a random start and a counter a thread.
#include "server/request_id.h"

#include <cstdint>
#include <span>

#include "base/random.h"

namespace kalamdb::server {

namespace {

uint64_t RandomStart() {
  uint64_t start = 0;
  SystemRandom().Fill(std::span<uint8_t>(reinterpret_cast<uint8_t*>(&start), sizeof start));
  return start;
}

}  // namespace

Status EnsureRequestId(HttpRequest* request) {
  std::string& id = request->headers[static_cast<size_t>(HttpHeader::kRequestId)];
  if (request->Has(HttpHeader::kRequestId)) {
    bool good = !id.empty() && id.size() <= kMaxRequestIdBytes;
    for (char c : id) good = good && c > ' ' && c < 0x7F;
    if (good) return {};
    return Error{ErrorCode::kInvalidParameter, "X-Request-Id is not 1 to 128 printable characters"};
  }
  thread_local uint64_t counter = RandomStart();
  uint64_t value = counter++ * 0x9E3779B97F4A7C15ull;  // an odd factor: all values stay different
  id.resize(16);
  for (char& c : id) {
    c = "0123456789abcdef"[value >> 60];
    value <<= 4;
  }
  return {};
}

}  // namespace kalamdb::server
