# Sourced: the settings under which our sanitizer builds run beside libraries that are not instrumented.

kalam_sanitizers=$PWD/tools/sanitizers
export ASAN_OPTIONS="abort_on_error=1:detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1:handle_abort=1"
export LSAN_OPTIONS="suppressions=$kalam_sanitizers/leaks.txt:print_suppressions=0"
export UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1"
# RocksDB, DuckDB and the C++ library's own threads are not compiled with us: what happens inside them is not ours to judge.
export TSAN_OPTIONS="ignore_noninstrumented_modules=1:suppressions=$kalam_sanitizers/races.txt:halt_on_error=0:exitcode=66:second_deadlock_stack=1"
for kalam_symbolizer in /usr/lib/llvm-19/bin/llvm-symbolizer; do
  if [ -x "$kalam_symbolizer" ]; then
    export ASAN_SYMBOLIZER_PATH=$kalam_symbolizer LLVM_SYMBOLIZER_PATH=$kalam_symbolizer
    TSAN_OPTIONS+=":external_symbolizer_path=$kalam_symbolizer"
    UBSAN_OPTIONS+=":external_symbolizer_path=$kalam_symbolizer"
  fi
done
