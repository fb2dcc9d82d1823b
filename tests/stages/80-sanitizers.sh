#!/usr/bin/env bash
# The same tests under AddressSanitizer and UBSan, those that fit into a run of CI; ./dev torture runs all, and TSan.
if [ "$KALAM_PRESET" != dev ]; then
  echo "already under the preset $KALAM_PRESET"
  echo "RESULT 0 0"
  exit
fi
out=$(mktemp)
trap 'rm -f "$out"' EXIT
./dev test --preset asan unit sql e2e crash model hostile fuzz 2>&1 | tee "$out"
if [[ $(tail -n 1 "$out") =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
  echo "RESULT ${BASH_REMATCH[1]} ${BASH_REMATCH[2]}"
fi
