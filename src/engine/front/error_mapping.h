// The engine's exceptions as our errors: code, message and position; nothing of paths, settings or hidden names gets
// out.
//
// Pure, thread-safe. Sees DuckDB: private to engine/.
#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <string_view>

#include "base/error.h"
#include "duckdb.hpp"

namespace kalamdb::engine {

// `text`: what was parsed, to turn the engine's byte offset into characters from 1; may be empty.
Error MapError(const duckdb::ErrorData& error, std::string_view text = {});
Error MapException(const std::exception& exception, std::string_view text = {});

// Our own error through the engine and back: thrown by the bridge's functions and sinks, told apart by extra info.
// `position`: the engine's, as it stands in its own extra info.
[[noreturn]] void ThrowError(const Error& error, const std::string& position = {});

// How a value of a type of time is written, as a hint; empty for other types.
std::string HowWritten(std::string_view sql_type);

}  // namespace kalamdb::engine
