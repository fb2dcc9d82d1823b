// SQL text for the log: literals become `?`, comments go, blanks shrink.
//
// A lexical scan: it understands quoting, not grammar. What it cannot close (an open quote) it masks to the end. Pure.
#pragma once

#include <string>
#include <string_view>

namespace kalamdb::service {

inline constexpr size_t kMaskedSqlBytes = 1'000;  // longer text is cut and ends in "…"

std::string MaskSql(std::string_view sql);

}  // namespace kalamdb::service
