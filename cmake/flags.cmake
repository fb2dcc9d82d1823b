# Compiler and linker flags of every target, and of the sanitizer presets (KALAM_SANITIZE = address | thread | empty).

set(KALAM_SANITIZE "" CACHE STRING "address (with undefined), thread, or empty")

add_compile_options(
  -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough -Wunreachable-code-aggressive
  -Wcast-qual -Wextra-semi -Wrange-loop-analysis -Wthread-safety -Wthread-safety-beta -Wunused -Wvla
  -Wno-missing-field-initializers  # designated initialisers leave out what has a default
  -Werror
  -fno-omit-frame-pointer          # cheap stack traces
  -fcolor-diagnostics)

# Paths in objects and messages are relative to the source, so that builds are reproducible and objects can be shared.
add_compile_options(-ffile-prefix-map=${CMAKE_SOURCE_DIR}/= -fmacro-prefix-map=../../=)

add_link_options(-fuse-ld=lld -Wl,--as-needed -Wl,--gdb-index -rdynamic)

if(KALAM_SANITIZE STREQUAL "address")
  # The libraries are not instrumented, so container annotations would report false overflows.
  # Counters of what ran cost little, and the fuzz targets of tests/fuzz need no build of their own.
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined
    -fsanitize-coverage=inline-8bit-counters,pc-table)
  add_compile_definitions(_GLIBCXX_SANITIZE_VECTOR=0)
  add_link_options(-fsanitize=address,undefined)
elseif(KALAM_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread)
  add_link_options(-fsanitize=thread)
elseif(NOT KALAM_SANITIZE STREQUAL "")
  message(FATAL_ERROR "KALAM_SANITIZE is ${KALAM_SANITIZE}, but must be address, thread or empty")
endif()
