#!/usr/bin/env bash
# Statements whose time ends anywhere, seed after seed, until the time is over.
end=$((SECONDS + KALAM_SECONDS)) seed=$KALAM_SEED
while [ $SECONDS -lt $end ]; do
  node tests/fuzz/deadlines.mjs --seed "$seed" --seconds 30 || exit 1
  seed=$((seed + 1))
done
