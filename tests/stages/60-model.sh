#!/usr/bin/env bash
# Slices of the random model tests with fixed seeds; ./dev torture runs them for long.
passed=0 failed=0
run() {
  local out
  out=$(node "$@")
  printf '%s\n' "$out"
  [[ $out =~ RESULT\ ([0-9]+)\ ([0-9]+)$ ]] && passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2])) || failed=$((failed + 1))
}
run tests/model/model.mjs --seed 1 --seeds 2 --steps 120
run tests/model/live_predicates.mjs --seed 1 --steps 80
echo "RESULT $passed $failed"
