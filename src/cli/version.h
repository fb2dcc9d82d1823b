// The version of the programs.
#pragma once

#include <string_view>

namespace kalamdb::cli {

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace kalamdb::cli
