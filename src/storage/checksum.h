// The checksum of bytes in cold files: XXH3, 64 bits. Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace kalamdb::storage {

uint64_t ChecksumOf(std::string_view bytes);

}  // namespace kalamdb::storage
