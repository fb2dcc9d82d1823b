#!/usr/bin/env bash
# A slice of the matrix of schema evolution, the traps that other engines fell into, ALTER against what runs beside it; ./dev torture runs the whole matrix.
passed=0 failed=0
for script in 'matrix.mjs --slice 4' traps.mjs interleavings.mjs 'contention.mjs --seconds 5 --seed 1'; do
  out=$(node tests/evolution/$script)
  printf '%s\n' "$out"
  [[ $out =~ RESULT\ ([0-9]+)\ ([0-9]+)$ ]] && passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2])) || failed=$((failed + 1))
done
echo "RESULT $passed $failed"
