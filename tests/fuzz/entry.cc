// The function that libFuzzer calls, in every target.
#include <cstddef>

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  kalamdb::fuzz::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
