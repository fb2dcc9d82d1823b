// What the rows of all scenarios hold, ours and the peers' alike.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "admin.h"

namespace kalamdb::bench {

inline constexpr std::string_view kText =
    "the quick brown fox jumps over the lazy dog and then has a rest for a while, one hundred bytes in all";

inline constexpr std::string_view kColumns = "(id BIGINT PRIMARY KEY, room TEXT, author TEXT, stars INT, body TEXT)";
// Hot rows are what is measured: nothing is flushed meanwhile.
inline constexpr std::string_view kStaysHot = " WITH (FLUSH_POLICY = 'rows:100000000,interval:86400')";

// Values of those columns: in parentheses as SQL, or with commas between them as JSON.
void AppendRow(bool as_params, uint64_t id, std::string* out);

// Makes the table where it is not there, and fills it up to `rows` rows, ids 1, 2, 3 … False: they were all there.
bool LoadHotRows(std::string_view table, uint64_t rows, Admin* admin, LoadStats* stats);

}  // namespace kalamdb::bench
