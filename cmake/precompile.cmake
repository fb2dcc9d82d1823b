# Precompiled headers: DuckDB's for src/engine (6 s a source become 2.6 s), the standard library's for the release preset.
#
# The precompiled file lies in .deps and is named after all that goes into it, so that checkouts which share .deps share it
# too, and ccache finds their objects equal. (CMake's own precompiled headers differ in every build directory.)

set(KALAM_STANDARD_PCH OFF CACHE BOOL "precompile the standard headers; off where missing includes should be found")

# kalam_precompile(NAME HEADER TARGETS … [INCLUDES directory …]): every one of the targets that exists sees HEADER first.
function(kalam_precompile name header)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "TARGETS;INCLUDES")
  if(NOT EXISTS ${header})
    return()
  endif()
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${header})
  get_directory_property(options COMPILE_OPTIONS)
  list(FILTER options EXCLUDE REGEX "-prefix-map=")
  get_directory_property(definitions COMPILE_DEFINITIONS)
  list(TRANSFORM definitions PREPEND -D)
  list(TRANSFORM arg_INCLUDES PREPEND -isystem)
  separate_arguments(flags UNIX_COMMAND "${CMAKE_CXX_FLAGS}")
  set(command ${flags} ${definitions} ${options} ${arg_INCLUDES} -std=c++20)

  file(SHA256 ${header} content)
  string(SHA256 key "${content} ${command} ${CMAKE_CXX_COMPILER_VERSION}")
  string(SUBSTRING ${key} 0 16 key)
  set(pch ${KALAM_DEPS}/pch/${key}.pch)
  file(MAKE_DIRECTORY ${KALAM_DEPS}/pch)
  file(COPY_FILE ${header} ${KALAM_DEPS}/pch/${key}.h ONLY_IF_DIFFERENT)
  # Another checkout may have built it, or be at it: hence the renaming.
  add_custom_command(OUTPUT ${pch}
    COMMAND sh ${CMAKE_SOURCE_DIR}/cmake/build_once.sh ${pch} ${CMAKE_CXX_COMPILER} ${command} -x c++-header
            -Xclang -fno-pch-timestamp -fpch-instantiate-templates ${KALAM_DEPS}/pch/${key}.h
    COMMENT "Precompiling ${name} headers" VERBATIM)
  add_custom_target(kalam_${name}_pch DEPENDS ${pch})
  foreach(target ${arg_TARGETS})
    if(NOT TARGET ${target})
      continue()
    endif()
    get_target_property(type ${target} TYPE)
    if(NOT type STREQUAL "INTERFACE_LIBRARY")
      add_dependencies(${target} kalam_${name}_pch)
      target_compile_options(${target} PRIVATE "SHELL:-include-pch ${pch}")
    endif()
  endforeach()
endfunction()
