#!/usr/bin/env bash
# kill -9 beside bulk loads, ALTERs, flushes and compactions until the time is over.
end=$((SECONDS + KALAM_SECONDS)) seed=$KALAM_SEED
while [ $SECONDS -lt $end ]; do
  node tests/crash/atomic.mjs --seed "$seed" --rounds 8 --milliseconds 4000 || exit 1
  seed=$((seed + 1))
done
