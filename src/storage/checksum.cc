// XXH3 for the floors above.
#include "storage/checksum.h"

#include <xxhash.h>

namespace kalamdb::storage {

uint64_t ChecksumOf(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

}  // namespace kalamdb::storage
