#!/usr/bin/env bash
# The matrix of schema evolution and the traps that other engines fell into.
passed=0 failed=0
for script in matrix traps; do
  out=$(node tests/evolution/$script.mjs)
  printf '%s\n' "$out"
  [[ $out =~ RESULT\ ([0-9]+)\ ([0-9]+)$ ]] && passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2])) || failed=$((failed + 1))
done
echo "RESULT $passed $failed"
