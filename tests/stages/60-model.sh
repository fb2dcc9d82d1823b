#!/usr/bin/env bash
# A slice of the random model test with fixed seeds; ./dev torture runs it for long.
exec node tests/model/model.mjs --seed 1 --seeds 2 --steps 120
