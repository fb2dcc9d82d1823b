#!/usr/bin/env bash
# The whole matrix of schema evolution, its traps and interleavings, and eight clients that alter one table at once for a minute.
failed=0
for script in matrix.mjs traps.mjs interleavings.mjs "contention.mjs --seconds 60 --seed $KALAM_SEED"; do
  node tests/evolution/$script || failed=1
done
exit $failed
