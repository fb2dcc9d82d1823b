#!/usr/bin/env bash
# kill -9 rounds under load until the time is over, `sync` and `wal` in turn.
end=$((SECONDS + KALAM_SECONDS)) seed=$KALAM_SEED
while [ $SECONDS -lt $end ]; do
  for durability in sync wal; do
    node tests/crash/ledger.mjs --seed "$seed" --rounds 6 --milliseconds 3000 --writers 16 --durability $durability || exit 1
  done
  seed=$((seed + 1))
done
