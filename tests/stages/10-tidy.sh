#!/usr/bin/env bash
# Structure: floors, libraries, first lines, sizes, names, words.
out=$(tools/tidy 2>&1)
printf '%s\n' "$out"
if [[ $out =~ tidy:\ ([0-9]+)\ rules\ hold,\ ([0-9]+)\ broken ]]; then
  echo "RESULT ${BASH_REMATCH[1]} ${BASH_REMATCH[2]}"
fi
