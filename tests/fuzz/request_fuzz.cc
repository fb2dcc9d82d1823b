// Requests: HTTP bytes in pieces, the JSON body of a statement, parameters as values, and the text that the log shows
// of it.
#include <algorithm>
#include <string>

#include "fuzz.h"
#include "row/json.h"
#include "row/json_document.h"
#include "server/http_parser.h"
#include "server/sql_route.h"
#include "service/sql_mask.h"

namespace kalamdb::fuzz {
namespace {

constexpr uint64_t kMaxBody = 4'096;

// All requests of the bytes, fed in pieces of at most `step`: they must not depend on the pieces. (When a malformed one
// is refused may: the parser can wait for the end of the header.)
std::string Requests(std::string_view bytes, size_t step) {
  std::string seen;
  server::HttpRequest request;
  server::HttpParser parser(&request, kMaxBody);
  std::string pending;
  while (!bytes.empty() || !pending.empty()) {
    const std::string_view piece = bytes.substr(0, step);
    bytes.remove_prefix(piece.size());
    pending += piece;
    size_t used = 0;
    const auto state = parser.Feed(pending, &used);
    KALAM_CHECK(used <= pending.size());
    pending.erase(0, used);
    if (state == server::HttpParser::State::kBad) return seen;
    if (state == server::HttpParser::State::kDone) {
      KALAM_CHECK(request.body.size() <= kMaxBody);
      seen += request.path + '\x01' + request.query + '\x01' + request.body + '\x02';
      service::SqlRequest sql;
      if (server::ReadSqlHeaders(request, &sql).ok()) (void)server::ReadSqlBody(request.body, &sql);
      parser.Reset();
    } else if (bytes.empty()) {
      break;  // it waits for more than there is
    }
  }
  return seen;
}

void Visit(row::JsonView view) {
  for (auto [name, value] : view.fields()) {
    KALAM_CHECK(view.Find(name).has_value());
    Visit(value);
  }
  for (row::JsonView item : view.items()) Visit(item);
  for (const char* type : {"BIGINT", "DOUBLE", "DECIMAL(10,2)", "TEXT", "BYTES", "TIMESTAMPTZ", "DATE", "TIME", "UUID",
                           "JSON", "EMBEDDING(2)", "BOOLEAN"}) {
    const row::Type as = *row::ParseType(type);
    const auto value = row::ParamToValue(view.ToParam(), as);
    if (!value.ok()) continue;
    std::string json;
    row::AppendJsonValue(as, *value, row::BytesForm::kArray, &json);
    KALAM_CHECK(row::CheckJson(json).ok());
  }
}

}  // namespace

void Run(std::string_view in) {
  if (in.starts_with("{") || in.starts_with("[")) {
    const auto document = row::JsonDocument::Parse(in);
    if (document.ok()) Visit(document->root());
    service::SqlRequest sql;
    if (server::ReadSqlBody(in, &sql).ok())
      KALAM_CHECK(service::MaskSql(sql.sql).size() <= service::kMaskedSqlBytes + 16);
    return;
  }
  const std::string whole = Requests(in, std::max<size_t>(1, in.size()));
  KALAM_CHECK(Requests(in, 1) == whole);
  KALAM_CHECK(Requests(in, 7) == whole);
}

}  // namespace kalamdb::fuzz
