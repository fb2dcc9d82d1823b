#!/usr/bin/env bash
# The SQL suite in each of its other lives, and all of sqllogictest.
failed=0
for config in tests/sql/configs/*.json; do
  echo "-- $config"
  node tests/sql/run.mjs --config "$config" || failed=1
done
exit $failed
