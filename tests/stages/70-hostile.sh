#!/usr/bin/env bash
# Hostile clients, mutated SQL and statements whose time ends anywhere, with fixed seeds; ./dev torture runs them for long.
passed=0 failed=0
for script in 'hostile.mjs --seed 1 --http 160 --frames 160 --json 200 --sql 1200' 'deadlines.mjs --seed 1 --seconds 5'; do
  out=$(node tests/fuzz/$script)
  printf '%s\n' "$out"
  [[ $out =~ RESULT\ ([0-9]+)\ ([0-9]+)$ ]] && passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2])) || failed=$((failed + 1))
done
echo "RESULT $passed $failed"
