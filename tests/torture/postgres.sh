#!/usr/bin/env bash
# The random comparison with PostgreSQL, seed after seed, until the time is over; KALAM_QUERIES=n instead: until n answers were compared.
if [ -n "${KALAM_QUERIES:-}" ]; then exec node tests/model/postgres.mjs --seed "$KALAM_SEED" --steps 500 --queries "$KALAM_QUERIES"; fi
end=$((SECONDS + KALAM_SECONDS)) seed=$KALAM_SEED
while [ $SECONDS -lt $end ]; do
  node tests/model/postgres.mjs --seed "$seed" --seeds 4 --steps 500 || exit 1
  seed=$((seed + 4))
done
