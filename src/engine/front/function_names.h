// Which functions a statement may call, by name. What is not listed looks as if it did not exist. Pure.
#pragma once

#include <string_view>

namespace kalamdb::engine {

bool IsFunctionAllowed(std::string_view lower_case_name);
bool IsTableFunctionAllowed(std::string_view lower_case_name);

}  // namespace kalamdb::engine
