// A logged-in administrator's connection: for what is around a measurement, and for statements sent one by one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "load_args.h"
#include "load_stats.h"
#include "server/client.h"

namespace kalamdb::bench {

// One thread's. What goes wrong fails `stats`, which outlives it; the caller asks stats->failed().
class Admin {
 public:
  Admin(const LoadArgs& args, LoadStats* stats);

  // The body of the reply; empty where there was none.
  std::string Sql(std::string_view sql, bool must_succeed = true);
  // The values of the first row of the last statement's rows, each as its JSON text; strings without quotes.
  std::vector<std::string> Row(std::string_view sql);
  // The first value of that row; empty where there is none.
  std::string Value(std::string_view sql);
  uint64_t Count(std::string_view sql) { return std::stoull("0" + Value(sql)); }

  // A whole request to the SQL route, for another connection.
  std::string Request(std::string_view body, std::string_view headers = "") const;

  const server::ClientUrl& url() const { return url_; }
  const std::string& token() const { return token_; }

 private:
  LoadStats* const stats_;
  const server::ClientUrl url_;
  server::HttpClient http_;
  std::string token_;
};

// The header that asks for --durability (sync unless it is given).
std::string DurabilityHeader(const LoadArgs& args);

}  // namespace kalamdb::bench
