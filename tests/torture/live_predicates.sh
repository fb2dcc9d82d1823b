#!/usr/bin/env bash
# Live queries with random predicates against SELECT, seed after seed, until the time is over.
end=$((SECONDS + KALAM_SECONDS)) seed=$KALAM_SEED
while [ $SECONDS -lt $end ]; do
  node tests/model/live_predicates.mjs --seed "$seed" --seeds 4 --steps 300 --screens 60 || exit 1
  seed=$((seed + 4))
done
