#!/usr/bin/env bash
# A slice of the libFuzzer targets with a fixed seed, where they are built: in the preset asan.
if [ "$KALAM_PRESET" != asan ]; then
  echo "the fuzz targets belong to the preset asan"
  echo "RESULT 0 0"
  exit
fi
exec node tests/fuzz/run.mjs --seed 1 --runs 20000
