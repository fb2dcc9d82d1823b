// Passwords that are tried first by everyone who guesses.
#pragma once

#include <string_view>

namespace kalamdb::auth {

// Without regard to case. Only those of at least eight characters are listed: shorter ones are refused anyway.
bool IsGuessedPassword(std::string_view password);

}  // namespace kalamdb::auth
