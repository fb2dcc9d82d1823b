// How long a text may be in which a regular expression looks for all its matches.
//
// Such a call is not interrupted in between, and takes as long as it has matches times what it reads for each of them.
// Most patterns read little more than they match. One that goes on reading to see whether a longer alternative fits,
// as (x+y)|x does in a text of x, reads the rest of the text at each match: 15 s for 40,000 bytes.
#pragma once

#include <cstdint>
#include <string_view>

namespace kalamdb::engine {

inline constexpr uint64_t kMostSearchedBytes = 1u << 20;
inline constexpr uint64_t kMostReadAgainBytes = 16u << 10;  // for a pattern that may read far ahead

// Functions that find all matches; regexp_replace does with the option g alone.
bool FindsAllMatches(std::string_view function_name);

// Whether what lies behind a match may have to be read to find where it ends. Never false where it is so.
bool MayReadFarAhead(std::string_view pattern);

}  // namespace kalamdb::engine
