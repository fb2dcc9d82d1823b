// Parentheses, and which of them hold a query of WITH.
#include "engine/front/with_work.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace kalamdb::engine {
namespace {

constexpr uint64_t kMost = std::numeric_limits<uint32_t>::max();  // far above any limit; twice of it multiplied fits

// Between a pair of parentheses, or the whole statement.
struct Group {
  bool is_query = false;  // of the list of WITH around it
  bool has_with = false;
  uint64_t tokens = 0;          // outside of the list's queries, each as often as it is copied
  uint64_t queries = 0;         // of the list
  uint64_t tokens_of_list = 0;  // within these

  // A query lies in the list, in a node of its own, and in the list of each node.
  uint64_t Work() const { return std::min(kMost, tokens + std::min(kMost, tokens_of_list) * (queries + 3)); }
};

// Whether `(` at `i` stands behind AS, AS MATERIALIZED or AS NOT MATERIALIZED.
bool IsBehindAs(const SqlText& sql, size_t begin, size_t i) {
  if (i > begin && sql.IsWord(sql.tokens[i - 1], "materialized")) --i;
  if (i > begin && sql.IsWord(sql.tokens[i - 1], "not")) --i;
  return i > begin && sql.IsWord(sql.tokens[i - 1], "as");
}

void Close(std::vector<Group>* groups) {
  const Group closed = groups->back();
  groups->pop_back();
  Group& around = groups->back();
  if (closed.is_query) {
    ++around.queries;
    around.tokens_of_list += closed.Work();
  } else {
    around.tokens += closed.Work();
  }
}

}  // namespace

uint64_t WithWork(const SqlText& sql, size_t begin, size_t end) {
  std::vector<Group> groups(1);
  for (size_t i = begin; i < end; ++i) {
    const Token& token = sql.tokens[i];
    ++groups.back().tokens;
    if (sql.IsWord(token, "with")) {
      groups.back().has_with = true;
    } else if (sql.IsSymbol(token, "(")) {
      Group group;
      group.is_query = groups.back().has_with && IsBehindAs(sql, begin, i);
      groups.push_back(group);
    } else if (sql.IsSymbol(token, ")") && groups.size() > 1) {
      Close(&groups);
    }
  }
  while (groups.size() > 1) Close(&groups);
  return groups.back().Work();
}

}  // namespace kalamdb::engine
