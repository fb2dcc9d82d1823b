#!/usr/bin/env bash
# A slice of the random comparison with PostgreSQL, with fixed seeds; ./dev torture runs it for long.
exec node tests/model/postgres.mjs --seed 1 --seeds 2 --steps 250
