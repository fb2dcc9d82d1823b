#!/usr/bin/env bash
# The random model test, seed after seed, until the time is over; KALAM_QUERIES=n instead: until n queries were checked.
if [ -n "${KALAM_QUERIES:-}" ]; then exec node tests/model/model.mjs --seed "$KALAM_SEED" --steps 400 --queries "$KALAM_QUERIES"; fi
end=$((SECONDS + KALAM_SECONDS)) seed=$KALAM_SEED
while [ $SECONDS -lt $end ]; do
  node tests/model/model.mjs --seed "$seed" --seeds 5 --steps 400 || exit 1
  seed=$((seed + 5))
done
