#!/usr/bin/env bash
# A short slice of the kill -9 ledger with fixed seeds; ./dev torture runs it for long.
passed=0 failed=0
for arguments in '--seed 1 --durability sync' '--seed 2 --durability wal'; do
  out=$(node tests/crash/ledger.mjs $arguments --rounds 2 --milliseconds 800)
  printf '%s\n' "$out"
  [[ $out =~ RESULT\ ([0-9]+)\ ([0-9]+)$ ]] && passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2])) || failed=$((failed + 1))
done
echo "RESULT $passed $failed"
