#!/usr/bin/env bash
# The SQL files of tests/sql through a running server, and a slice of sqllogictest; ./dev torture runs all of it.
passed=0 failed=0
run() {
  local out
  out=$(node tests/sql/run.mjs "$@")
  printf '%s\n' "$out"
  [[ $out =~ RESULT\ ([0-9]+)\ ([0-9]+)$ ]] && passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2])) || failed=$((failed + 1))
}
run
run --config tests/sql/configs/sqllogictest.json --every 12
echo "RESULT $passed $failed"
