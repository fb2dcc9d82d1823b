// split-parquet IN HEAD.parquet TAIL.ndjson N: all rows but the last N as Parquet, the last N as one JSON array a line.
//
// For the demo: the head is loaded by COPY, the tail by INSERTs, so that the table has cold and hot rows. Uses the
// engine's library alone.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "duckdb.hpp"

namespace {

std::string Quoted(const std::string& text) {
  std::string out = "'";
  for (char c : text) {
    if (c == '\'') out += '\'';
    out += c;
  }
  return out + "'";
}

bool Run(duckdb::Connection& connection, const std::string& sql) {
  auto result = connection.Query(sql);
  if (result->HasError()) std::fprintf(stderr, "split-parquet: %s\n", result->GetError().c_str());
  return !result->HasError();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: split-parquet IN HEAD.parquet TAIL.ndjson ROWS_OF_TAIL\n");
    return 2;
  }
  duckdb::DuckDB database(nullptr);
  duckdb::Connection connection(database);
  auto counted = connection.Query("SELECT count(*) FROM read_parquet(" + Quoted(argv[1]) + ")");
  if (counted->HasError()) {
    std::fprintf(stderr, "split-parquet: %s\n", counted->GetError().c_str());
    return 1;
  }
  const long long rows = counted->GetValue(0, 0).GetValue<int64_t>();
  const long long head = rows - std::atoll(argv[4]);
  const std::string source = " FROM read_parquet(" + Quoted(argv[1]) + ") ";
  const std::string tail =
      "COPY (SELECT to_json([epoch_us(date)::VARCHAR, delay::VARCHAR, distance::VARCHAR, origin, destination]) AS row" +
      source + "OFFSET " + std::to_string(head) + ") TO " + Quoted(argv[3]) +
      " (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\t')";
  return Run(connection, "SET preserve_insertion_order = true") &&
                 Run(connection, "COPY (SELECT *" + source + "LIMIT " + std::to_string(head) + ") TO " +
                                     Quoted(argv[2]) + " (FORMAT parquet)") &&
                 Run(connection, tail)
             ? 0
             : 1;
}
