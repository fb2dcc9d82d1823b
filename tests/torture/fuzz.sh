#!/usr/bin/env bash
# The libFuzzer targets from new seeds, all together for about the time given.
export KALAM_PRESET=asan
./dev build asan || exit 1
source tools/sanitizers/options.sh
targets=(tests/fuzz/*_fuzz.cc)
node tests/fuzz/run.mjs --seed $((KALAM_SEED % 4294967295 + 1)) --seconds $((KALAM_SECONDS / ${#targets[@]} + 1))
