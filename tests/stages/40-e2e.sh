#!/usr/bin/env bash
# Real clients against real servers: every tests/e2e/*.test.mjs, run by Node's own test runner.
shopt -s nullglob
files=(tests/e2e/*.test.mjs)
if [ ${#files[@]} = 0 ]; then echo "RESULT 0 0"; exit; fi
out=$(mktemp)
trap 'rm -f "$out"' EXIT
node --test --test-reporter=spec "${files[@]}" 2>&1 | tee "$out"
count() { sed -nE "s/^[^a-z]*$1 ([0-9]+)\$/\1/p" "$out" | tail -n 1; }
passed=$(count pass) failed=$(count fail) cancelled=$(count cancelled)
if [ -n "$passed" ] && [ -n "$failed" ]; then echo "RESULT $passed $((failed + ${cancelled:-0}))"; fi
