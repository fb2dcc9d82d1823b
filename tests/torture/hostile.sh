#!/usr/bin/env bash
# Hostile clients, seed after seed, until the time is over.
end=$((SECONDS + KALAM_SECONDS)) seed=$KALAM_SEED
while [ $SECONDS -lt $end ]; do
  node tests/fuzz/hostile.mjs --seed "$seed" --http 2000 --frames 2000 --json 2000 --sql 10000 || exit 1
  seed=$((seed + 1))
done
