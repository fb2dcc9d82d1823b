// The rules that Beast's grammar leaves open: framing that two readers could understand differently, limits,
// duplicates.
#include "server/http_parser.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <charconv>
#include <optional>
#include <string>

#include "base/error.h"

namespace kalamdb::server {

namespace http = boost::beast::http;
using boost::beast::string_view;
using BeastError = boost::beast::error_code;

namespace {

// The shortest end of a chunked body, "0\r\n\r\n". What is less is never the end of one, and Beast 1.81 asserts that it
// is not given less of a last chunk whose first line it has seen.
constexpr size_t kLastChunkBytes = 5;

HttpMethod MethodOf(http::verb verb) {
  switch (verb) {
    case http::verb::get: return HttpMethod::kGet;
    case http::verb::head: return HttpMethod::kHead;
    case http::verb::post: return HttpMethod::kPost;
    case http::verb::put: return HttpMethod::kPut;
    case http::verb::patch: return HttpMethod::kPatch;
    case http::verb::delete_: return HttpMethod::kDelete;
    case http::verb::options: return HttpMethod::kOptions;
    default: return HttpMethod::kOther;
  }
}

std::optional<HttpHeader> KnownHeader(http::field field, string_view name) {
  switch (field) {
    case http::field::host: return HttpHeader::kHost;
    case http::field::origin: return HttpHeader::kOrigin;
    case http::field::authorization: return HttpHeader::kAuthorization;
    case http::field::cookie: return HttpHeader::kCookie;
    case http::field::accept: return HttpHeader::kAccept;
    case http::field::content_type: return HttpHeader::kContentType;
    case http::field::content_encoding: return HttpHeader::kContentEncoding;
    case http::field::expect: return HttpHeader::kExpect;
    case http::field::upgrade: return HttpHeader::kUpgrade;
    case http::field::sec_websocket_key: return HttpHeader::kWebSocketKey;
    case http::field::sec_websocket_version: return HttpHeader::kWebSocketVersion;
    case http::field::sec_websocket_extensions: return HttpHeader::kWebSocketExtensions;
    case http::field::access_control_request_method: return HttpHeader::kAccessControlRequestMethod;
    default: break;
  }
  if (name.size() < 7 || (name[0] != 'X' && name[0] != 'x')) return std::nullopt;
  for (HttpHeader own : {HttpHeader::kTransaction, HttpHeader::kStatementTimeout, HttpHeader::kRequestId,
                         HttpHeader::kDurability, HttpHeader::kResultCache, HttpHeader::kBytes}) {
    std::string_view own_name = HttpHeaderName(own);
    if (boost::beast::iequals(name, string_view(own_name.data(), own_name.size()))) return own;
  }
  return std::nullopt;
}

// Headers whose several lines mean one list; every other known one may stand once only.
bool MayRepeat(HttpHeader header) {
  return header == HttpHeader::kCookie || header == HttpHeader::kAccept || header == HttpHeader::kUpgrade ||
         header == HttpHeader::kWebSocketExtensions || header == HttpHeader::kContentEncoding;
}

}  // namespace

class HttpParser::Parser final : public http::basic_parser<true> {
 public:
  Parser(HttpRequest* request, uint64_t max_body_bytes) : request_(request), max_body_bytes_(max_body_bytes) {
    header_limit(kMaxHeaderBytes);
    body_limit(boost::none);  // counted here: too long is read away
    eager(true);
  }

  bool too_large = false;
  uint64_t body_seen = 0;
  const char* problem = nullptr;

 private:
  BeastError Refuse(const char* why) {
    problem = why;
    return http::make_error_code(http::error::bad_value);
  }

  void on_request_impl(http::verb method, string_view, string_view target, int version, BeastError& error) override {
    request_->method = MethodOf(method);
    request_->http_1_0 = version == 10;
    if (version != 10 && version != 11) {
      error = Refuse("the HTTP version is not 1.0 or 1.1");
      return;
    }
    if (target.empty() || (target[0] != '/' && target != "*")) {
      error = Refuse("the request target is not a path");
      return;
    }
    size_t mark = target.find('?');
    request_->path.assign(target.data(), mark == string_view::npos ? target.size() : mark);
    if (mark != string_view::npos) request_->query.assign(target.data() + mark + 1, target.size() - mark - 1);
  }

  void on_response_impl(int, string_view, int, BeastError&) override {}

  void on_field_impl(http::field field, string_view name, string_view value, BeastError& error) override {
    if (++fields_ > kMaxHeaderFields) {
      error = Refuse("there are more than 100 header fields");
      return;
    }
    if (field == http::field::content_length) {
      if (has_length_ || has_encoding_) error = Refuse("the length of the body is given twice");
      if (value.find(',') != string_view::npos) error = Refuse("Content-Length is not one number");
      has_length_ = true;
      if (std::from_chars(value.data(), value.data() + value.size(), length_).ec != std::errc()) {
        error = Refuse("Content-Length is not one number");
      }
      return;
    }
    if (field == http::field::transfer_encoding) {
      if (has_length_ || has_encoding_) error = Refuse("the length of the body is given twice");
      if (!boost::beast::iequals(value, "chunked")) error = Refuse("Transfer-Encoding is not chunked");
      has_encoding_ = true;
      return;
    }
    std::optional<HttpHeader> known = KnownHeader(field, name);
    if (!known) return;
    std::string& slot = request_->headers[static_cast<size_t>(*known)];
    if (request_->Has(*known)) {
      if (!MayRepeat(*known)) {
        error = Refuse("a header field stands twice");
        return;
      }
      slot += *known == HttpHeader::kCookie ? "; " : ", ";
      slot.append(value.data(), value.size());
      return;
    }
    slot.assign(value.data(), value.size());
    request_->present |= 1u << static_cast<unsigned>(*known);
  }

  void on_header_impl(BeastError& error) override {
    request_->keep_alive = keep_alive();
    request_->connection_upgrade = upgrade();
    if (!request_->http_1_0 && !request_->Has(HttpHeader::kHost)) error = Refuse("the Host header is missing");
    too_large = length_ > max_body_bytes_;
    if (!too_large) request_->body.reserve(std::min<uint64_t>(length_, 1 << 20));
    if (request_->http_1_0 && has_encoding_) error = Refuse("Transfer-Encoding in HTTP/1.0");
  }

  void on_body_init_impl(boost::optional<std::uint64_t> const&, BeastError&) override {}

  std::size_t Take(string_view bytes) {
    body_seen += bytes.size();
    if (body_seen > max_body_bytes_) too_large = true;
    if (too_large) {
      request_->body.clear();
    } else {
      request_->body.append(bytes.data(), bytes.size());
    }
    return bytes.size();
  }

  std::size_t on_body_impl(string_view body, BeastError&) override { return Take(body); }
  void on_chunk_header_impl(std::uint64_t, string_view, BeastError&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view body, BeastError&) override { return Take(body); }
  void on_finish_impl(BeastError&) override {}

  HttpRequest* const request_;
  const uint64_t max_body_bytes_;
  int fields_ = 0;
  bool has_length_ = false, has_encoding_ = false;
  uint64_t length_ = 0;
};

HttpParser::HttpParser(HttpRequest* request, uint64_t max_body_bytes)
    : request_(request), max_body_bytes_(max_body_bytes) {
  Reset();
}
HttpParser::~HttpParser() = default;

void HttpParser::Reset() {
  request_->path.clear();
  request_->query.clear();
  if (request_->body.capacity() > (64u << 10)) {
    request_->body = {};  // a connection does not keep the memory of its largest request
  } else {
    request_->body.clear();
  }
  // Nothing of one request may reach the next one on its connection, its Authorization least of all.
  for (std::string& header : request_->headers) header.clear();
  request_->present = 0;
  if (parser_ != nullptr) {  // the same memory: no allocation a request
    Parser* place = parser_.get();
    place->~Parser();
    new (place) Parser(request_, max_body_bytes_);
  } else {
    parser_ = std::make_unique<Parser>(request_, max_body_bytes_);
  }
}

HttpParser::State HttpParser::Feed(std::string_view input, size_t* used) {
  *used = 0;
  while (!parser_->is_done()) {
    const size_t left = input.size() - *used;
    if (left == 0) return State::kNeedMore;
    if (left < kLastChunkBytes && parser_->is_header_done() && parser_->chunked()) return State::kNeedMore;
    BeastError error;
    *used += parser_->put(boost::asio::buffer(input.data() + *used, input.size() - *used), error);
    if (error == http::error::need_more) return State::kNeedMore;
    if (error) {
      if (parser_->problem == nullptr) {
        parser_->problem =
            error == http::error::header_limit ? "the header is longer than 64 KiB" : "the request is malformed";
      }
      return State::kBad;
    }
  }
  return State::kDone;
}

bool HttpParser::started() const { return parser_->got_some(); }
bool HttpParser::header_done() const { return parser_->is_header_done(); }
bool HttpParser::too_large() const { return parser_->too_large; }
uint64_t HttpParser::body_seen() const { return parser_->body_seen; }
std::string_view HttpParser::problem() const { return parser_->problem == nullptr ? "" : parser_->problem; }

}  // namespace kalamdb::server
