#!/usr/bin/env bash
# A short slice of the kill -9 tests with fixed seeds; ./dev torture runs them for long.
passed=0 failed=0
run() {
  local out
  out=$(node "$@")
  printf '%s\n' "$out"
  [[ $out =~ RESULT\ ([0-9]+)\ ([0-9]+)$ ]] && passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2])) || failed=$((failed + 1))
}
run tests/crash/ledger.mjs --seed 1 --durability sync --rounds 2 --milliseconds 800
run tests/crash/ledger.mjs --seed 2 --durability wal --rounds 2 --milliseconds 800
run tests/crash/atomic.mjs --seed 3 --rounds 2 --milliseconds 1200
echo "RESULT $passed $failed"
