// Guarded functions answer what the engine's own answer, and refuse what is too large; patterns match as the engine's.
#include "engine/bridge/bounded_functions.h"

#include <gtest/gtest.h>

#include <random>

#include "engine/bridge/bridge_fixture.h"
#include "engine/bridge/engine_memory.h"
#include "engine/bridge/heap_scope.h"
#include "engine/bridge/pattern_match.h"
#include "engine/bridge/regex_bounds.h"

namespace kalamdb::engine {
namespace {

constexpr uint64_t kValueBytes = 1u << 20;

class BoundedFunctionsTest : public testing::Test {
 protected:
  BoundedFunctionsTest()
      : plain_(plain_db_), guarded_((BoundScalarFunctions(*guarded_db_.instance, kValueBytes), guarded_db_)) {}

  static std::string Answer(duckdb::Connection& connection, const std::string& sql) {
    auto result = connection.Query(sql);
    return result->HasError() ? result->GetError() : result->ToString();
  }
  void Same(const std::string& sql) { EXPECT_EQ(Answer(plain_, sql), Answer(guarded_, sql)) << sql; }
  void Refused(const std::string& sql) {
    EXPECT_NE(Answer(guarded_, sql).find("would need"), std::string::npos) << sql << "\n" << Answer(guarded_, sql);
  }

  duckdb::DuckDB plain_db_{nullptr}, guarded_db_{nullptr};
  duckdb::Connection plain_, guarded_;
};

TEST_F(BoundedFunctionsTest, AnswersAreTheEngines) {
  for (const char* sql : {
           "SELECT repeat('ab', 3), lpad('x', 5, 'é'), rpad('x', 5, 'yz'), repeat([1, 2], 2), repeat('x', -1)",
           "SELECT range(3), range(5, 0, -2), generate_series(1, 3), range(0), range(DATE '2020-01-01', DATE "
           "'2020-01-04', INTERVAL 1 DAY)",
           "SELECT list_resize([1], 3, 7), list_resize([1, 2, 3], 1), list_resize([1], NULL), concat('a', NULL, 1)",
           "SELECT format('{:5d}|{}', 7, 'x'), printf('%5d %s', 7, 'x'), bar(5, 0, 10, 10), bitstring('1', 9)",
           "SELECT replace('aXbX', 'X', 'yy'), regexp_replace('aaa', 'a', 'bb', 'g'), regexp_replace('ab', '(a)', "
           "'\\1\\1'), translate('abc', 'ab', 'éx')",
           "SELECT levenshtein('kitten', 'sitting'), damerau_levenshtein('ab', 'ba'), jaccard('ab', 'b')",
           "SELECT list_distinct([1, 1]), list_aggregate([1, 1, 2], 'histogram'), list_has_any([1], [1]), [1] && [2]",
           "SELECT strftime(DATE '2020-02-03', '%d.%m.%Y'), strptime('2020', '%Y'), 'a' || NULL, [1] || [2]",
           "SELECT list_transform(range(5), x -> repeat('x', x::INT)), list_reduce(['a', 'b'], (x, y) -> x || y)",
           "SELECT NULL LIKE 'a%b%', 'abc' LIKE NULL, 'a%b' LIKE '%x%%' ESCAPE 'x', 'ÄB' ILIKE '%ä%b%'",
           "SELECT repeat(NULL, 3), repeat('x', NULL), lpad('x', NULL, 'y'), range(NULL), replace('a', NULL, 'b')",
       })
    Same(sql);
}

// 2,048 rows of 8 KB in a vector: the guard works in slices.
TEST_F(BoundedFunctionsTest, SlicesAnswerTheSame) {
  for (auto* connection : {&plain_, &guarded_}) {
    auto made = connection->Query(
        "CREATE TABLE t AS SELECT i, CASE WHEN i % 7 = 0 THEN NULL ELSE repeat(chr(97 + (i % 26)::INT), 8000) || i END "
        "s, "
        "range(i % 50) l FROM range(5000) x(i)");
    ASSERT_FALSE(made->HasError()) << made->GetError();
  }
  for (const char* call :
       {"upper(s)", "md5(s)", "length(s)", "s || '!'", "substr(s, 7990, 20)", "string_split(s, '1')",
        "regexp_replace(s, '[0-9]', '<\\0>', 'g')", "replace(s, 'a', 'bb')", "list_concat([s], [s])",
        "struct_pack(a := s, b := i)", "repeat(l, 3)", "CASE WHEN i % 2 = 0 THEN reverse(s) END", "s LIKE '%_1'",
        "starts_with(s, 'b')", "list_transform([s], x -> lower(x))", "concat_ws('-', s, i, s)"})
    Same(std::string("SELECT count(*), sum(hash(v)), count(v) FROM (SELECT ") + call + " v FROM t)");
}

TEST_F(BoundedFunctionsTest, WhatWouldBeTooLargeIsRefused) {
  for (const char* sql : {
           "SELECT repeat('x', 2000000)",
           "SELECT repeat('x'::BLOB, 2000000)",
           "SELECT repeat([1], 3000000)",
           "SELECT lpad('x', 2000000, 'y')",
           "SELECT rpad('x', 2000000, 'y')",
           "SELECT len(range(1000000))",
           "SELECT len(generate_series(1, 1000000))",
           "SELECT len(range(9223372036854775807))",
           "SELECT len(range(TIMESTAMP '2000-01-01', TIMESTAMP '2020-01-01', INTERVAL 1 SECOND))",
           "SELECT list_resize([1], 3000000)",
           "SELECT list_resize([1], 3000000, 7)",
           "SELECT format('{:2000000d}', 5)",
           "SELECT format('{:{}d}', 5, 2000000)",
           "SELECT printf('%2000000d', 5)",
           "SELECT printf('%*d', 2000000, 5)",
           "SELECT printf('%.2000000f', 5.0)",
           "SELECT replace(repeat('x', 10000), 'x', repeat('y', 1000))",
           "SELECT regexp_replace(repeat('x', 10000), 'x', repeat('y', 1000), 'g')",
           "SELECT s || s FROM (SELECT repeat('x', 900000) s)",
           "SELECT concat(s, s) FROM (SELECT repeat('x', 900000) s)",
           "SELECT concat_ws(s, 'a', 'b', 'c') FROM (SELECT repeat('x', 900000) s)",
           "SELECT bitstring('1', 20000000)",
           "SELECT levenshtein(repeat('x', 10000), repeat('y', 10000))",
           "SELECT damerau_levenshtein(repeat('x', 1000), repeat('y', 1000))",
           "SELECT list_distinct(range(100000))",
           "SELECT list_aggregate(range(100000), 'histogram')",
           "SELECT strftime(DATE '2020-01-01', repeat('x', 2000000))",
           "SELECT count(*) FROM range(length(repeat('x', 2000000)))",
           "SELECT 1 LIMIT length(repeat('x', 2000000))",
           "SELECT list_reduce(list_transform(range(40), x -> 'xxxxxxxxxx'), (a, b) -> a || a)",
       })
    Refused(sql);
  EXPECT_NE(Answer(guarded_, "SELECT strftime(now(), repeat('%d', 100000))").find("the pattern of strftime"),
            std::string::npos);
  EXPECT_NE(Answer(guarded_, "SELECT regexp_matches('a', repeat('(a|b)', 20000))").find("the pattern of"),
            std::string::npos);
  // An upper bound that is passed, by a replacement that does not happen.
  Same("SELECT length(regexp_replace(repeat('xy', 100000), '[x-z]+ *', 'z', 'g'))");
  Same("SELECT len(regexp_split_to_array(repeat('x y,', 40000), '\\s+'))");
  Same("SELECT regexp_replace(repeat('x', 100000), '(x+y)|x', 'z')");  // one match
  Same("SELECT len(regexp_extract_all(repeat('x', 2000), '(x+y)|x'))");
  EXPECT_NE(Answer(guarded_, "SELECT regexp_extract_all(repeat('x', 20000), '(x+y)|x')").find("16384 are the most"),
            std::string::npos);
  Same("SELECT length(regexp_replace(repeat('x', 100000), 'y', repeat('z', 100), 'g'))");
  Same("SELECT length(regexp_replace(repeat('x', 100000), 'x', repeat('z', 100)))");
}

TEST(RegexBounds, PatternsThatMayReadFarAhead) {
  for (const char* pattern :
       {"(x+y)|x", "x(.*y)?", "(a|b)+", "x|y*", "(ab){2,}", "[|](a+)?", "x|\\|+", "\\(*a|b", "[\\]|]+|c"})
    EXPECT_TRUE(MayReadFarAhead(pattern)) << pattern;
  for (const char* pattern : {"x", "\\s+", "[^|)*]+", "(a+)(b*)", "cat|dog", "(ab)?", ".*?,", "[]|]+", "[\\]|]+",
                              "(?i)ab+", "a\\|b+", "\\)*"})
    EXPECT_FALSE(MayReadFarAhead(pattern)) << pattern;
  EXPECT_TRUE(MayReadFarAhead("a|" + std::string(300, 'b')));
}

// Without the guard the process ends.
TEST_F(BoundedFunctionsTest, DeepJsonIsRefusedWhereItIsWalked) {
  const std::string deep = "(repeat('[', 200000) || repeat(']', 200000))";
  for (const std::string& call : {"json_structure(" + deep + ")", "json_contains(" + deep + ", '[1]')",
                                  "json_merge_patch('{}', " + deep + ")", "json_contains('[1]', " + deep + ")"})
    EXPECT_NE(Answer(guarded_, "SELECT " + call).find("nests deeper"), std::string::npos) << call;
  Same("SELECT json_structure('[' || repeat('\"[[\",', 2000) || '[[1]]]')");
  Same("SELECT json_structure(repeat('[', 900) || repeat(']', 900))");
}

// Without the guard these take longer than anybody waits.
TEST_F(BoundedFunctionsTest, ManyWildcardsEnd) {
  for (const char* sql :
       {"SELECT repeat('a', 3000) LIKE '%a%a%a%a%a%a%_b'", "SELECT repeat('a', 3000) ILIKE '%A%a%a%a%a%a%_b'",
        "SELECT repeat('a', 3000) GLOB '*a*a*a*a*a*a*b'", "SELECT repeat('a', 3000) LIKE '%a%a%a%a%a%a%_b' ESCAPE '!'"})
    EXPECT_NE(Answer(guarded_, sql).find("false"), std::string::npos) << sql;
}

TEST_F(BoundedFunctionsTest, PatternsMatchAsTheEngines) {
  std::mt19937 random(20'240'611);
  const auto text = [&](const std::vector<std::string>& alphabet, size_t most) {
    std::string made;
    for (size_t n = random() % most; n > 0; --n) made += alphabet[random() % alphabet.size()];
    return made;
  };
  for (const char* op : {"LIKE", "NOT LIKE", "ILIKE", "NOT ILIKE", "GLOB"}) {
    const bool glob = std::string(op) == "GLOB";
    for (int i = 0; i < 400; ++i) {
      const std::string s = text({"a", "b", "B", "é", "\\"}, 9);
      const std::string p =
          glob ? text({"a", "b", "*", "*", "?", "\\", "é"}, 9) : text({"a", "b", "%", "%", "_", "É"}, 9);
      Same("SELECT '" + s + "' " + op + " '" + p + "'");
      if (glob) continue;
      const std::string q = text({"a", "b", "%", "%", "_", "!"}, 9) + "a";
      Same("SELECT '" + s + "' " + op + " '" + q + "' ESCAPE '!'");
    }
  }
}

TEST(EngineMemory, LargeRequestsEndAtTheLimitAndAreGivenBack) {
  LimitEngineMemory(64u << 20);
  const uint64_t before = EngineMemoryTaken();
  {
    duckdb::DBConfig config;
    config.allocator = MakeCountingAllocator();
    duckdb::DuckDB database(nullptr, &config);
    duckdb::Connection connection(database);
    auto result = connection.Query("SELECT length(repeat('x', 100000000))");
    ASSERT_TRUE(result->HasError());
    EXPECT_EQ(result->GetErrorType(), duckdb::ExceptionType::OUT_OF_MEMORY);
    EXPECT_FALSE(connection.Query("SELECT 1")->HasError());
  }
  EXPECT_LT(EngineMemoryTaken(), before + (1u << 20));
  LimitEngineMemory(UINT64_MAX / 4);
}

class AggregateMemoryTest : public BridgeFixture {};

TEST_F(AggregateMemoryTest, AggregatesThatKeepRowsMeetTheLimit) {
  if (!HeapScope::Counts()) GTEST_SKIP() << "a sanitizer has the heap";
  for (const char* call : {"median(i)", "quantile_disc(i, 0.5)", "mode(i)", "entropy(i)", "mad(i)",
                           "cardinality(histogram(i))", "mode(i::VARCHAR)"}) {
    const std::string all = Sql(std::string("SELECT ") + call + " FROM range(20000000) t(i)");
    EXPECT_EQ(all.substr(0, 9), "TOO_LARGE") << call << ": " << all.substr(0, 100);
  }
  EXPECT_EQ(
      Sql("SELECT sum(bit_count(b)) FROM (SELECT bitstring_agg(i, 0, 900000000) b FROM range(30) t(i) GROUP BY i)")
          .substr(0, 9),
      "TOO_LARGE");
  // What keeps only the distinct ones costs only these.
  EXPECT_EQ(Sql("SELECT mode(i % 10 = 3), entropy(i % 1), cardinality(histogram(i % 7)) FROM range(5000000) t(i)"),
            "[false,0,\"7\"]");
  EXPECT_EQ(Sql("SELECT median(i), mode(i % 1), quantile_disc(i, 0.5) FROM range(1001) t(i)"), "[500,\"0\",\"500\"]");
  EXPECT_EQ(Sql("SELECT g, median(i) FROM (SELECT i % 2 g, i FROM range(10) t(i)) GROUP BY g ORDER BY g"),
            "[\"0\",4]\n[\"1\",5]");
}

}  // namespace
}  // namespace kalamdb::engine
